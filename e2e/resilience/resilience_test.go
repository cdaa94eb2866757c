//go:build resilience && linux

// Package resilience_test runs the real binary, with the memory settings of the chart, among hostile clients, behind an
// nginx while it is restarted, and with what it depends on taken away. Each case prints how many requests were sent and how
// many failed.
//
//	cd e2e && go test -tags resilience -count=1 -timeout 30m -parallel 12 -v ./resilience -p99
//
// It takes ten minutes, and needs Linux with /proc, nice and sh; nginx, from Debian's nginx-light for example, in PATH or
// /usr/sbin; 6000 file descriptors (ulimit -Hn); and the ports from 20000 to 31999, of which it takes free ones. It needs
// neither root nor the network. Latencies are compared in pairs of windows, so that other work on the machine does little
// harm; without -p99 they are printed only. Two cores are enough.
package resilience_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"videosdk-auth-endpoint/internal/servicetest"
)

const (
	testKey    = "resilience-key"
	testSecret = "resilience-secret-that-is-long-enough"
	// what the chart sets: resources.limits.memory, and 80 % of it in whole MiB
	memoryLimit = 128 << 20
	goMemLimit  = "GOMEMLIMIT=102MiB"
	bodyLimit   = 8 << 10
	readme      = `{"sessionName": "Cool Cars", "role": 1, "sessionKey": "session123", "userIdentity": "user123"}`
)

func TestMain(m *testing.M) {
	if name := os.Getenv(attackVariable); name != "" {
		os.Exit(attackMain(name, os.Getenv(hostVariable)))
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		panic(err)
	}
	files.Cur = files.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// credentials are the environment of a service, and nothing else is in it.
func credentials(more ...string) []string {
	return append([]string{goMemLimit, "PORT=0", "ADMIN_PORT=0", "SHUTDOWN_DELAY=0s", "ZOOM_VIDEO_SDK_KEY=" + testKey, "ZOOM_VIDEO_SDK_SECRET=" + testSecret}, more...)
}

// service is a running binary.
type service struct {
	*servicetest.Service
	log     *journal
	scraper *http.Client
}

// start returns once the service listens.
func start(t *testing.T, env ...string) *service {
	t.Helper()
	return startCommand(t, servicetest.Command(t, credentials(env...)))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *service {
	t.Helper()
	log := &journal{}
	return &service{servicetest.StartCommand(t, cmd, log.keep), log, newClient(1)}
}

// stop sends SIGTERM and returns the exit status, and how long the end took.
func stop(t *testing.T, p *servicetest.Process) (status int, took time.Duration) {
	t.Helper()
	begun := time.Now()
	p.Signal(t, syscall.SIGTERM)
	return p.Exit(t), time.Since(begun)
}

// host is the address of the token route.
func (s *service) host() string { return strings.TrimPrefix(s.URL, "http://") }

// metric returns the value of one series.
func (s *service) metric(t *testing.T, series string) float64 {
	t.Helper()
	return s.metrics(t)[series]
}

func (s *service) metrics(t *testing.T) map[string]float64 {
	t.Helper()
	response, err := s.scraper.Get(s.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	values := map[string]float64{}
	scan := bufio.NewScanner(response.Body)
	for scan.Scan() {
		series, text, _ := strings.Cut(scan.Text(), " ")
		if value, err := strconv.ParseFloat(text, 64); err == nil {
			values[series] = value
		}
	}
	if err := scan.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}

// goroutines is the smallest of several readings, as requests that are under way have goroutines too.
func (s *service) goroutines(t *testing.T) int {
	t.Helper()
	least := s.metric(t, "go_goroutines")
	for range 9 {
		least = min(least, s.metric(t, "go_goroutines"))
	}
	return int(least)
}

// memoryPeak is the most memory that was ever resident, in bytes.
func (s *service) memoryPeak(t *testing.T) int {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// staysSmall holds the service to the chart's memory limit.
func (s *service) staysSmall(t *testing.T) {
	t.Helper()
	peak := s.memoryPeak(t)
	t.Logf("memory, resident, at its peak: %.1f MiB", float64(peak)/(1<<20))
	if peak >= memoryLimit {
		t.Errorf("%.1f MiB of memory, and the limit is %d MiB", float64(peak)/(1<<20), memoryLimit>>20)
	}
}

// journal counts the lines of requests, which are too many to be kept.
type journal struct {
	gate sync.Mutex // who holds it keeps the log from being read

	mu       sync.Mutex
	requests int
	spans    []string // the ids of server spans, of requests that were traced
}

// keep tells whether the service's log keeps the line.
func (j *journal) keep(line string) bool {
	j.gate.Lock()
	defer j.gate.Unlock()
	if !strings.HasSuffix(line, `"message":"request"}`) {
		return true
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.requests++
	if _, rest, ok := strings.Cut(line, `"span_id":"`); ok {
		j.spans = append(j.spans, rest[:16])
	}
	return false
}

func (j *journal) requestLines() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.requests
}

// with returns the lines, other than those of requests, that have the text in them.
func (s *service) with(text string) []string {
	return slices.DeleteFunc(s.Lines(), func(line string) bool { return !strings.Contains(line, text) })
}

// port returns a port that nobody listens on, below those that the kernel takes for outgoing connections: a service that
// is restarted finds it free again.
func port(t *testing.T) int {
	t.Helper()
	for range 100 {
		n := 20000 + rand.IntN(12000)
		if l, err := net.Listen("tcp", fmt.Sprintf(":%d", n)); err == nil {
			_ = l.Close()
			return n
		}
	}
	t.Fatal("no free port from 20000 to 31999")
	return 0
}

// newClient keeps at most that many connections.
func newClient(connections int) *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections, DisableCompression: true,
	}}
}

// ask sends the README's request. A nil error is a token.
func ask(client *http.Client, url string) (token string, err error) { return askAs(client, url, "") }

// askAs is ask for a user with a token, or for a service whose users sign in at a proxy.
func askAs(client *http.Client, url, bearer string) (token string, err error) {
	request, err := http.NewRequest(http.MethodPost, url, strings.NewReader(readme))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	} else {
		request.Header.Set("X-Forwarded-User", "healthy")
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	token, found := strings.CutPrefix(string(body), `{"signature":"`)
	if response.StatusCode != http.StatusOK || !found {
		return "", fmt.Errorf("%s: %s", response.Status, body)
	}
	return strings.TrimSuffix(token, `"}`), nil
}

// burst sends n requests as fast as eight clients can.
func burst(t *testing.T, url string, n int) (failed int) {
	t.Helper()
	const workers = 8
	client := newClient(workers)
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range n / workers {
				if _, err := ask(client, url); err != nil {
					mu.Lock()
					if failed++; failed == 1 {
						t.Logf("the first that failed: %v", err)
					}
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	return failed
}

// pass lets time go by.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}
