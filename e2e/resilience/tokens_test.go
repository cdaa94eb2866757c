//go:build resilience && linux

package resilience_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// issuer is an OpenID provider that takes its time for its key set, the first time aside.
type issuer struct {
	*httptest.Server

	takes time.Duration

	mu      sync.Mutex
	fetched bool
	kid     string
	key     *ecdsa.PrivateKey
}

func startIssuer(t *testing.T, takes time.Duration) *issuer {
	t.Helper()
	i := &issuer{takes: takes}
	i.rotate(t, "known")
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer": %q, "jwks_uri": %q}`, i.URL, i.URL+"/keys")
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) {
		keySet, takes := i.keySet()
		select {
		case <-time.After(takes):
		case <-r.Context().Done():
		}
		_, _ = w.Write(keySet)
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// rotate has tokens signed by a new key, which takes the old one's place.
func (i *issuer) rotate(t *testing.T, kid string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.kid, i.key = kid, key
}

func (i *issuer) keySet() (text []byte, takes time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fetched {
		takes = i.takes
	}
	i.fetched = true
	point, _ := i.key.PublicKey.Bytes() // 4, x and y
	b64 := base64.RawURLEncoding.EncodeToString
	set, _ := json.Marshal(map[string]any{"keys": []any{
		map[string]any{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": i.kid, "x": b64(point[1:33]), "y": b64(point[33:])},
	}})
	return set, takes
}

// token is one of a user who has just signed in.
func (i *issuer) token(t *testing.T) string {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": i.URL, "aud": "app", "sub": "alice", "exp": time.Now().Add(time.Hour).Unix()})
	token.Header["kid"] = i.kid
	text, err := token.SignedString(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// env sets up a service whose users have the issuer's tokens, apart from the healthy client, who comes by a proxy on
// 127.0.0.1. The attackers have another address.
func (i *issuer) env(more ...string) []string {
	return append([]string{"AUTH_ISSUER=" + i.URL, "AUTH_AUDIENCE=app", "AUTH_PROXY_HEADER=X-Forwarded-User", "TRUSTED_PROXIES=127.0.0.1", "AUTH_POLICY=true"}, more...)
}

// forged is a token with that key's name and a signature of nothing. Its claims are what takes most memory when they are
// decoded.
func forged(kid string, entries int) string {
	b64 := base64.RawURLEncoding.EncodeToString
	claims := `{"a":[` + strings.Repeat(`{"":0},`, entries) + `{"":0}]}`
	return b64(fmt.Appendf(nil, `{"alg":"ES256","kid":%q}`, kid)) + "." + b64([]byte(claims)) + "." + b64(make([]byte, 64))
}

// tokenAttacks are what strangers do with tokens.
func tokenAttacks() map[string]hostility {
	guarded := func(takes time.Duration, more ...string) func(*testing.T) []string {
		return func(t *testing.T) []string { t.Helper(); return startIssuer(t, takes).env(more...) }
	}
	bearer := func(token string) []byte { return post(readme, "Authorization: Bearer "+token) }
	return map[string]hostility{
		"600 tokens a second of 16 kB by a key that nobody has, from clients who leave at once": {
			begin: func(a *attackers) {
				request := bearer(forged("nobody's", 1680))
				a.repeat(60, 100*time.Millisecond, func() string { return a.sendAndLeave(request) })
			},
			want: map[string]int{left: 600}, may: []string{cut}, env: guarded(4 * time.Second),
		},
		"600 such tokens at once, from clients who wait": {
			begin: func(a *attackers) {
				request := bearer(forged("nobody's", 1680))
				a.repeat(600, 2*time.Second, func() string { return a.exchange(request) })
			},
			want: map[string]int{"401": 600}, may: []string{cut}, env: guarded(4 * time.Second),
		},
		"2000 refused tokens a second from one address with RATE_LIMIT=250": {
			begin: func(a *attackers) {
				request := bearer(forged("known", 0))
				a.repeat(4, 200*time.Millisecond, func() string { return a.batch(request, 100) })
			},
			want: map[string]int{"401": 250, "429": 1000}, may: []string{sentAll}, env: guarded(0, "RATE_LIMIT=250", "RATE_LIMIT_BURST=250"),
		},
	}
}

// More ways in which an exchange can end.
const (
	left    = "left"     // the attacker did, without waiting for the answer
	sentAll = "sent all" // of a batch, whose answers are counted one by one
)

// sendAndLeave sends a request and hangs up.
func (a *attackers) sendAndLeave(request []byte) (outcome string) {
	conn, err := a.dial()
	if err != nil {
		return err.Error()
	}
	defer a.hangUp(conn)
	if _, err := conn.Write(request); err != nil {
		return cut
	}
	return left
}

// batch writes requests at once and counts what each is answered.
func (a *attackers) batch(request []byte, requests int) (outcome string) {
	conn, err := a.dial()
	if err != nil {
		return err.Error()
	}
	defer a.hangUp(conn)
	a.done.Go(func() { _, _ = conn.Write(bytes.Repeat(request, requests)) })
	reader := bufio.NewReader(conn)
	for range requests {
		a.saw(status(reader))
	}
	return sentAll
}

// TestAUserWithANewKeyGetsInWithin15Seconds, while strangers send five made-up tokens a second and the provider takes 150 ms.
func TestAUserWithANewKeyGetsInWithin15Seconds(t *testing.T) {
	const limit = 15 * time.Second
	i := startIssuer(t, 150*time.Millisecond)
	s := start(t, i.env()...)
	healthy := startLoad(t, s.URL)
	a := newAttackers(s.host())
	t.Cleanup(a.leaveAll)
	request := post(readme, "Authorization: Bearer "+forged("nobody's", 1680))
	a.repeat(1, 200*time.Millisecond, func() string { return a.exchange(request) })
	client := newClient(1)
	var longest time.Duration
	for _, wait := range []time.Duration{6 * time.Second, 8300 * time.Millisecond, 11 * time.Second} {
		pass(t, wait)
		i.rotate(t, "after "+wait.String())
		rotated, token := time.Now(), i.token(t)
		for {
			if _, err := askAs(client, s.URL, token); err == nil {
				break
			} else if time.Since(rotated) > 2*time.Minute {
				t.Fatalf("not within two minutes: %v", err)
			}
			pass(t, 100*time.Millisecond)
		}
		took := time.Since(rotated)
		t.Logf("a user with a new key got in after %v", took.Round(time.Millisecond))
		longest = max(longest, took)
	}
	if longest > limit {
		t.Errorf("it took %v", longest)
	}
	healthy.noneFailed(t)
	s.staysSmall(t)
	t.Logf("attackers: %v", a.tally)
}
