//go:build resilience && linux

package resilience_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"videosdk-auth-endpoint/internal/servicetest"

	"github.com/golang-jwt/jwt/v5"
)

const (
	droppedLines = "videosdk_log_lines_dropped_total"
	reloadsOK    = `videosdk_credential_reloads_total{result="ok"}`
	reloadsError = `videosdk_credential_reloads_total{result="error"}`
	// shutdownMost is what the defaults add up to: SHUTDOWN_DELAY, which is 5 s, and 5 s for the spans, with no request
	// under way; and a little for a slow machine. Kubernetes gives 30 s.
	shutdownMost = 12 * time.Second
)

// spans counts what became of spans, by result.
func spans(metrics map[string]float64, result string) float64 {
	return metrics[fmt.Sprintf("videosdk_trace_spans_total{result=%q}", result)]
}

// TestCollectorFaults: a collector that does not do its work costs spans, and they are counted; no request fails or waits,
// and the shutdown ends in time.
func TestCollectorFaults(t *testing.T) {
	for _, c := range []struct {
		name string
		// fail makes a collector that works one that does not; nil where it is gone
		fail http.HandlerFunc
	}{
		{"gone", nil},
		{"slow", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(15 * time.Second):
			case <-r.Context().Done():
			}
		}},
		{"answers 500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := fmt.Sprintf("127.0.0.1:%d", port(t))
			var broken atomic.Bool
			collector := &standIn{handler: func(w http.ResponseWriter, r *http.Request) {
				if broken.Load() && c.fail != nil {
					c.fail(w, r)
				}
			}}
			collector.listen(t, address)
			t.Cleanup(collector.close)
			s := start(t, "SHUTDOWN_DELAY=5s", "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+address)
			healthy := startLoad(t, s.URL)
			healthy.compare(t,
				func(int) {
					if broken.Swap(false) && c.fail == nil {
						collector.listen(t, address)
					}
					before := spans(s.metrics(t), "exported")
					// an export that waits for a slow collector ends with its timeout, 10 s
					servicetest.Eventually(t, 20*time.Second, "spans are exported", func() bool { return spans(s.metrics(t), "exported") > before })
				},
				func(int) {
					broken.Store(true)
					if c.fail == nil {
						collector.close()
					}
					before := s.metrics(t)
					servicetest.Eventually(t, 30*time.Second, "lost spans are counted", func() bool {
						now := s.metrics(t)
						return spans(now, "failed")+spans(now, "dropped") > spans(before, "failed")+spans(before, "dropped")
					})
				})
			healthy.noneFailed(t)
			sent := healthy.count()
			now := s.metrics(t)
			// a request has three spans; a queue of 2048 and one batch of 512 may be under way
			made, counted := float64(3*sent), spans(now, "exported")+spans(now, "failed")+spans(now, "dropped")
			t.Logf("%.0f spans: %.0f exported, %.0f failed, %.0f dropped, %.0f wait", made, spans(now, "exported"), spans(now, "failed"), spans(now, "dropped"), made-counted)
			if waiting := made - counted; waiting < 0 || waiting > 2048+512 {
				t.Errorf("%.0f spans are not counted", waiting)
			}
			s.staysSmall(t)
			status, took := stop(t, s.Process)
			t.Logf("SIGTERM: ended after %v with the status %d", took.Round(time.Millisecond), status)
			if took > shutdownMost {
				t.Errorf("it took %v to end, and %v would be fine", took, shutdownMost)
			}
		})
	}
}

// standIn is a collector that can be gone.
type standIn struct {
	handler http.HandlerFunc
	server  *http.Server
}

func (c *standIn) listen(t *testing.T, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c.server = &http.Server{Handler: c.handler}
	server := c.server
	go func() { _ = server.Serve(listener) }()
}

func (c *standIn) close() { _ = c.server.Close() }

// TestBlockedOutput: with a standard output that nobody reads tokens go on, and what the log loses is counted, to the line.
func TestBlockedOutput(t *testing.T) {
	s := start(t)
	healthy := startLoad(t, s.URL)
	const each = 8000 // 3 MB of lines
	bursts, failed, blocked := 0, 0, false
	unblock := func() {
		if blocked {
			s.log.gate.Unlock()
			blocked = false
		}
	}
	block := func() {
		s.log.gate.Lock()
		blocked = true
		bursts++
		failed += burst(t, s.URL, each)
	}
	t.Cleanup(unblock)
	healthy.compare(t, func(int) { unblock() }, func(int) { block() })
	dropped := s.metric(t, droppedLines)
	unblock()
	healthy.noneFailed(t)
	sent := healthy.count() + bursts*each
	t.Logf("%d requests sent, %d of those while nobody read the log, where %d failed; %.0f lines dropped", sent, bursts*each, failed, dropped)
	if failed > 0 || dropped == 0 {
		t.Errorf("%d requests failed, %.0f lines were dropped", failed, dropped)
	}
	s.staysSmall(t)
	servicetest.Eventually(t, 10*time.Second, "each request is in the log or counted as dropped", func() bool {
		return s.log.requestLines()+int(s.metric(t, droppedLines)) == sent
	})
	t.Logf("%d lines arrived, %.0f are counted as dropped: none is unaccounted for", s.log.requestLines(), s.metric(t, droppedLines))

	block()
	status, took := stop(t, s.Process)
	unblock()
	t.Logf("SIGTERM while the output is blocked: ended after %v with the status %d", took.Round(time.Millisecond), status)
	if status != 1 || !strings.Contains(s.Stderr(), "log lines were lost") {
		t.Errorf("status %d, and on standard error: %s", status, s.Stderr())
	}
	if took > shutdownMost {
		t.Errorf("it took %v to end, and %v would be fine", took, shutdownMost)
	}
}

// TestClosedOutput: when whoever reads standard output goes away the service does not.
func TestClosedOutput(t *testing.T) {
	s := start(t)
	failed := burst(t, s.URL, 80)
	if err := s.CloseLog(); err != nil {
		t.Fatal(err)
	}
	const sent = 8000
	failed += burst(t, s.URL, sent)
	t.Logf("%d requests sent without a reader of the log, %d failed", sent, failed)
	if failed > 0 {
		t.Errorf("%d requests failed", failed)
	}
	if s.Ended() {
		t.Fatalf("the service has ended: %v", s.Cmd.ProcessState)
	}
	servicetest.Eventually(t, 5*time.Second, "the line of each request that nobody can read is counted", func() bool { return s.metric(t, droppedLines) >= sent })
	t.Logf("%.0f lines are counted as dropped", s.metric(t, droppedLines))
	if status, took := stop(t, s.Process); took > shutdownMost {
		t.Errorf("it took %v to end, with the status %d", took, status)
	}
}

// TestNoFileDescriptors: while attackers hold every file descriptor, connections that are there are served, the service
// does not spin, and once the attackers are gone new clients are served again.
func TestNoFileDescriptors(t *testing.T) {
	const descriptors = 64
	cmd := servicetest.Command(t, credentials())
	cmd.Args = []string{"sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0"`, descriptors), cmd.Path}
	cmd.Path = "/bin/sh"
	s := startCommand(t, cmd)
	open := func() (n int) {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.Cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			// those above the limit came from whoever started the test
			if fd, err := strconv.Atoi(entry.Name()); err == nil && fd < descriptors {
				n++
			}
		}
		return n
	}
	healthy := startLoad(t, s.URL)
	before, goroutines := open(), s.goroutines(t)
	const measured = 3 * time.Second
	calm := s.cpu(t, measured)

	seen := newTally()
	hostile := attack(t, descriptorsAttack, s.host(), seen)
	t.Cleanup(func() { _ = hostile.end.Close() })
	servicetest.Eventually(t, 10*time.Second, "no descriptor is left", func() bool { return open() == descriptors })
	during := s.cpu(t, measured)
	stranger := &http.Client{Timeout: 500 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
	refused := 0
	for range 4 {
		if _, err := ask(stranger, s.URL); err != nil {
			refused++
		}
	}
	used := open()
	hostile.leave(t)
	back := servicetest.Eventually(t, 10*time.Second, "new clients are served", func() bool { _, err := ask(stranger, s.URL); return err == nil })
	failed := burst(t, s.URL, 80)
	servicetest.Eventually(t, 20*time.Second, "goroutines as before", func() bool { return s.goroutines(t) <= goroutines })
	healthy.noneFailed(t)
	t.Logf("descriptors: %d before, %d of %d during; attackers: %v", before, used, descriptors, seen)
	t.Logf("CPU: %.1f %% of one before, %.1f %% during", 100*calm, 100*during)
	t.Logf("new clients: %d of 4 not served during, served %v after; then 80 requests sent, %d failed", refused, back.Round(time.Millisecond), failed)
	if during > calm+0.1 {
		t.Errorf("%.0f %% of a CPU while there are no descriptors, and %.0f %% before", 100*during, 100*calm)
	}
	if failed > 0 {
		t.Errorf("%d requests failed", failed)
	}
}

// cpu is how much of one CPU the process uses in the next time.
func (s *service) cpu(t *testing.T, in time.Duration) float64 {
	t.Helper()
	ticks := func() float64 {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.Cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		// utime and stime, the 14th and 15th field; the second, in brackets, may have spaces in it
		fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
		user, err1 := strconv.Atoi(fields[11])
		system, err2 := strconv.Atoi(fields[12])
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		return float64(user+system) / 100 // USER_HZ, on every architecture that Go runs on
	}
	before, begun := ticks(), time.Now()
	pass(t, in)
	return (ticks() - before) / time.Since(begun).Seconds()
}

// mount is a directory as the kubelet mounts a Secret: each generation in a directory of its own, ..data links to the one
// that counts, and the files are links through it.
type mount struct {
	t          *testing.T
	dir        string
	generation int
}

func newMount(t *testing.T) *mount {
	t.Helper()
	m := &mount{t: t, dir: filepath.Join(t.TempDir(), "secret")}
	m.restore()
	return m
}

func (m *mount) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// restore makes the mount, with a new generation in it.
func (m *mount) restore() {
	m.t.Helper()
	m.must(os.MkdirAll(m.dir, 0o700))
	for _, name := range []string{"key", "secret"} {
		if err := os.Symlink("..data/"+name, filepath.Join(m.dir, name)); err != nil && !errors.Is(err, os.ErrExist) {
			m.t.Fatal(err)
		}
	}
	m.rotate()
}

// rotate puts the next generation in place.
func (m *mount) rotate() {
	m.t.Helper()
	m.generation++
	m.swap(m.pair())
}

// pair is the one of this generation.
func (m *mount) pair() (key, secret string) {
	return fmt.Sprintf("key-%d", m.generation), fmt.Sprintf("secret-%d", m.generation)
}

// swap does as the kubelet, and removes what was there before.
func (m *mount) swap(key, secret string) {
	m.t.Helper()
	data := filepath.Join(m.dir, "..data")
	old, _ := os.Readlink(data)
	next, err := os.MkdirTemp(m.dir, "..")
	m.must(err)
	m.must(os.WriteFile(filepath.Join(next, "key"), []byte(key), 0o600))
	m.must(os.WriteFile(filepath.Join(next, "secret"), []byte(secret), 0o600))
	m.must(os.Symlink(filepath.Base(next), filepath.Join(m.dir, "..tmp")))
	m.must(os.Rename(filepath.Join(m.dir, "..tmp"), data))
	if old != "" {
		m.must(os.RemoveAll(filepath.Join(m.dir, old)))
	}
}

// env names the mount's files in place of the credentials.
func (m *mount) env() []string {
	return []string{"ZOOM_VIDEO_SDK_KEY=", "ZOOM_VIDEO_SDK_SECRET=", "ZOOM_VIDEO_SDK_KEY_FILE=" + m.dir + "/key", "ZOOM_VIDEO_SDK_SECRET_FILE=" + m.dir + "/secret"}
}

// generationOf verifies a token by the secret of the generation that its app_key names.
func generationOf(token string) (key string, err error) {
	var claims struct {
		jwt.RegisteredClaims
		AppKey string `json:"app_key"`
	}
	_, err = jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) {
		n, ok := strings.CutPrefix(claims.AppKey, "key-")
		if !ok {
			return nil, fmt.Errorf("app_key %q", claims.AppKey)
		}
		return []byte("secret-" + n), nil
	}, jwt.WithValidMethods([]string{"HS256"}))
	return claims.AppKey, err
}

// tokens keeps count of the app_key of verified tokens.
type tokens struct {
	mu   sync.Mutex
	keys map[string]int
	last string
}

func (k *tokens) check(token string) error {
	key, err := generationOf(token)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys[key]++
	k.last = key
	return nil
}

func (k *tokens) now() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last
}

// count returns how many keys were seen, and the tokens of all of them.
func (k *tokens) count() (keys, all int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range k.keys {
		all += n
	}
	return len(k.keys), all
}

// inUse is how long a rotation may take.
const inUse = 10 * time.Second

// TestMountedSecretFaults: with a mount that is gone or broken the old pair stays, which is said once, and what comes back
// is used.
func TestMountedSecretFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		harm func(m *mount)
	}{
		{"the link ..data removed", func(m *mount) { m.must(os.Remove(m.dir + "/..data")) }},
		{"the directory behind ..data removed", func(m *mount) {
			target, err := filepath.EvalSymlinks(m.dir + "/..data")
			m.must(err)
			m.must(os.RemoveAll(target))
		}},
		{"the whole directory removed", func(m *mount) { m.must(os.RemoveAll(m.dir)) }},
		{"an empty secret beside a new key", func(m *mount) { m.swap("key-99", "") }},
		{"an empty key beside a new secret", func(m *mount) { m.swap("", "secret-99") }},
		{"a secret cut in the middle of a line", func(m *mount) { m.swap("key-99", "secr\net") }},
		{"files that can't be read as they are directories", func(m *mount) {
			m.must(os.Remove(m.dir + "/..data/secret"))
			m.must(os.Mkdir(m.dir+"/..data/secret", 0o700))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMount(t)
			s := start(t, m.env()...)
			seen := &tokens{keys: map[string]int{}}
			healthy := startCheckedLoad(t, s.URL, seen.check)
			c.harm(m)
			const said = "credentials not read; what was read before stays in use"
			noticed := servicetest.Eventually(t, inUse, "the log says so", func() bool { return len(s.with(said)) > 0 })
			pass(t, 6*time.Second) // three more reads
			if lines := s.with(said); len(lines) != 1 {
				t.Errorf("%d lines in the log, want one: %v", len(lines), lines)
			}
			if ok, bad := s.metric(t, reloadsOK), s.metric(t, reloadsError); ok != 0 || bad != 1 {
				t.Errorf("reloads: %.0f ok, %.0f errors", ok, bad)
			}
			if keys, _ := seen.count(); keys != 1 || seen.now() != "key-1" {
				t.Errorf("%d keys in use, the last is %s", keys, seen.now())
			}
			m.restore()
			key, _ := m.pair()
			back := servicetest.Eventually(t, inUse, "the restored pair is in use", func() bool { return seen.now() == key })
			healthy.noneFailed(t)
			keys, all := seen.count()
			t.Logf("noticed after %v, the restored pair in use after %v; %d tokens of %d generations, each verified", noticed.Round(time.Millisecond), back.Round(time.Millisecond), all, keys)
			if ok, bad := s.metric(t, reloadsOK), s.metric(t, reloadsError); ok != 1 || bad != 1 {
				t.Errorf("reloads: %.0f ok, %.0f errors", ok, bad)
			}
		})
	}
}

// TestHalfWrittenFiles: files that are written in place, one after the other and in two halves, a second apart, are used
// only once both are complete.
func TestHalfWrittenFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("key", "key-1000")
	write("secret", "secret-1000")
	s := start(t, (&mount{dir: dir}).env()...)
	seen := &tokens{keys: map[string]int{}}
	healthy := startCheckedLoad(t, s.URL, seen.check)
	const times = 5
	var slowest time.Duration
	for n := 1001; n <= 1000+times; n++ {
		key, secret := fmt.Sprintf("key-%d", n), fmt.Sprintf("secret-%d", n)
		write("key", key)
		write("secret", secret[:9])
		pass(t, time.Second)
		write("secret", secret)
		slowest = max(slowest, servicetest.Eventually(t, inUse, key+" is in use", func() bool { return seen.now() == key }))
	}
	healthy.noneFailed(t)
	keys, all := seen.count()
	t.Logf("%d times, in use after %v at most; %d tokens of %d generations, each verified by its secret", times, slowest.Round(time.Millisecond), all, keys)
	if keys != times+1 {
		t.Errorf("%d generations were in use", keys)
	}
}

// TestRotationUnderLoad: each of many rotations by the link ..data is in use in time, and no token mixes two of them.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	s := start(t, m.env()...)
	seen := &tokens{keys: map[string]int{}}
	healthy := startCheckedLoad(t, s.URL, seen.check)
	const rotations = 30
	var took []time.Duration
	for range rotations {
		m.rotate()
		key, _ := m.pair()
		took = append(took, servicetest.Eventually(t, inUse, key+" is in use", func() bool { return seen.now() == key }))
	}
	healthy.noneFailed(t)
	var slowest time.Duration
	for _, d := range took {
		slowest = max(slowest, d)
	}
	keys, all := seen.count()
	t.Logf("%d rotations, in use after %v, at most %v; %d tokens of %d generations, each verified by the secret that its app_key names", rotations, median(took).Round(time.Millisecond), slowest.Round(time.Millisecond), all, keys)
	if ok, bad := s.metric(t, reloadsOK), s.metric(t, reloadsError); ok != rotations || bad != 0 || keys != rotations+1 {
		t.Errorf("reloads: %.0f ok, %.0f errors; %d generations", ok, bad, keys)
	}
}
