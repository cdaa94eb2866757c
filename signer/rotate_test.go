package signer_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"videosdk-auth-endpoint/internal/files"
	"videosdk-auth-endpoint/internal/secret"
	"videosdk-auth-endpoint/signer"
)

// mount is a directory as the kubelet mounts a Secret: each generation in a directory of its own, ..data links to the
// one that counts, and the files are links through it.
type mount struct {
	t          *testing.T
	dir        string
	generation int
}

func newMount(t *testing.T) *mount {
	t.Helper()
	m := &mount{t: t, dir: t.TempDir()}
	m.must(os.Symlink("..data/key", filepath.Join(m.dir, "key")))
	m.must(os.Symlink("..data/secret", filepath.Join(m.dir, "secret")))
	return m
}

func (m *mount) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// swap puts new content in place as the kubelet does, and removes the old.
func (m *mount) swap(key, secret string) {
	m.t.Helper()
	old, _ := os.Readlink(filepath.Join(m.dir, "..data"))
	m.generation++
	name := fmt.Sprintf("..%d", m.generation)
	m.must(os.Mkdir(filepath.Join(m.dir, name), 0o700))
	m.must(os.WriteFile(filepath.Join(m.dir, name, "key"), []byte(key), 0o600))
	m.must(os.WriteFile(filepath.Join(m.dir, name, "secret"), []byte(secret), 0o600))
	m.must(os.Symlink(name, filepath.Join(m.dir, "..tmp")))
	m.must(os.Rename(filepath.Join(m.dir, "..tmp"), filepath.Join(m.dir, "..data")))
	if old != "" {
		m.must(os.RemoveAll(filepath.Join(m.dir, old)))
	}
}

// rotation is a signer that reads its credentials from files, whenever the test ticks.
type rotation struct {
	*signer.HS256
	ticks chan time.Time
	told  chan error
}

func rotate(t *testing.T, keyFile, secretFile string) *rotation {
	t.Helper()
	c := defaults
	c.KeyFile, c.SecretFile = keyFile, secretFile
	first, err := c.Credentials()
	if err != nil {
		t.Fatal(err)
	}
	s := signer.New(c, first, time.Now)
	r := &rotation{s, make(chan time.Time), make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	use := func(c signer.Credentials) { s.Use(c); r.told <- nil }
	go func() {
		defer close(done)
		files.Watch(ctx, r.ticks, first, c.Credentials, use, func(err error) { r.told <- err })
	}()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

// tick lets it look n times; the last look has begun when it returns, and has ended when the next tick is taken.
func (r *rotation) tick(n int) {
	for range n {
		r.ticks <- time.Time{}
	}
}

func (r *rotation) claims(t *testing.T, c signer.Credentials) error {
	t.Helper()
	err := refused(sign(t, r.HS256, request(map[string]any{"sessionName": "a", "role": 1})).JWT, c, time.Now)
	return err
}

func TestRotateMountedSecret(t *testing.T) {
	m := newMount(t)
	m.swap("key-1", "secret-1")
	r := rotate(t, filepath.Join(m.dir, "key"), filepath.Join(m.dir, "secret"))
	r.tick(5)
	m.swap("key-2", "secret-2\n")
	r.tick(2)
	if err := <-r.told; err != nil {
		t.Fatal(err)
	}
	if err := r.claims(t, signer.Credentials{Key: "key-2", Secret: "secret-2"}); err != nil {
		t.Error(err)
	}
	for _, broken := range [][2]string{{"key-3", ""}, {"", "secret-3"}, {"key-3", "sec ret"}} {
		m.swap(broken[0], broken[1])
		r.tick(2)
		if err := <-r.told; err == nil || strings.Contains(err.Error(), "sec ret") {
			t.Errorf("%q: %v", broken, err)
		}
		r.tick(5)
		if len(r.told) > 0 {
			t.Errorf("%q: told twice", broken)
		}
		if err := r.claims(t, signer.Credentials{Key: "key-2", Secret: "secret-2"}); err != nil {
			t.Errorf("%q: the old pair is not in use: %v", broken, err)
		}
	}
	m.must(os.Remove(filepath.Join(m.dir, "..data")))
	r.tick(2)
	if err := <-r.told; err == nil || !strings.Contains(err.Error(), "ZOOM_VIDEO_SDK_KEY_FILE") {
		t.Errorf("files gone: %v", err)
	}
	m.swap("key-4", "secret-4")
	r.tick(2)
	if err := <-r.told; err != nil {
		t.Error(err)
	}
	if err := r.claims(t, signer.Credentials{Key: "key-4", Secret: "secret-4"}); err != nil {
		t.Error(err)
	}
}

// TestRotateFilesWrittenOneByOne: a new key beside the old secret is seen once, and not used.
func TestRotateFilesWrittenOneByOne(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	r := rotate(t, write("key", "key-1"), write("secret", "secret-1"))
	write("key", "key-2")
	r.tick(1)
	write("secret", "secret-2")
	r.tick(2)
	if err := <-r.told; err != nil {
		t.Error(err)
	}
	if err := r.claims(t, signer.Credentials{Key: "key-2", Secret: "secret-2"}); err != nil {
		t.Error(err)
	}
}

func appKey(t *testing.T, token string) string {
	t.Helper()
	var claims struct {
		AppKey string `json:"app_key"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	if err != nil {
		t.Error(err)
	}
	return claims.AppKey
}

// TestRotateUnderLoad: each of the tokens that are signed while the credentials change a thousand times verifies with the
// secret of the generation that its app_key names.
func TestRotateUnderLoad(t *testing.T) {
	m := newMount(t)
	pair := func(n int) signer.Credentials {
		return signer.Credentials{Key: fmt.Sprintf("key-%d", n), Secret: secret.Text(fmt.Sprintf("secret-%d", n))}
	}
	m.swap(pair(0).Key, "secret-0")
	r := rotate(t, filepath.Join(m.dir, "key"), filepath.Join(m.dir, "secret"))
	grant, err := r.Validate(t.Context(), request(map[string]any{"sessionName": "a", "role": 1}))
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var load sync.WaitGroup
	var signed, generations [2]int
	for worker := range signed {
		load.Go(func() {
			last := ""
			for {
				select {
				case <-stop:
					return
				default:
				}
				token, err := r.Sign(t.Context(), grant)
				if err != nil {
					t.Error(err)
					return
				}
				key := appKey(t, token.JWT)
				text := secret.Text("secret" + strings.TrimPrefix(key, "key"))
				if err := refused(token.JWT, signer.Credentials{Key: key, Secret: text}, time.Now); err != nil {
					t.Errorf("a mix: %v", err)
					return
				}
				signed[worker]++
				if key != last {
					generations[worker]++
					last = key
				}
			}
		})
	}
	load.Go(func() { // looks in the middle of swaps too
		for {
			select {
			case <-stop:
				return
			case r.ticks <- time.Time{}:
			}
		}
	})
	const rotations = 1000
	for n := 1; n <= rotations; n++ {
		m.swap(pair(n).Key, fmt.Sprintf("secret-%d", n))
		if err := <-r.told; err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	load.Wait()
	if len(r.told) > 0 {
		t.Errorf("told more often than there were rotations: %v", <-r.told)
	}
	if err := r.claims(t, pair(rotations)); err != nil {
		t.Error(err)
	}
	t.Logf("%d rotations, %d tokens signed, the two workers saw %d and %d generations", rotations, signed[0]+signed[1], generations[0], generations[1])
	if generations[0] < 2 {
		t.Error("the load saw no rotation")
	}
}
