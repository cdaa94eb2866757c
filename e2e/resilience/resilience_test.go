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
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	testKey    = "resilience-key"
	testSecret = "resilience-secret-that-is-long-enough"
	// what the chart sets: resources.limits.memory, and 80 % of it in whole MiB
	memoryLimit = 128 << 20
	goMemLimit  = "GOMEMLIMIT=102MiB"
	bodyLimit   = 100 << 10
	readme      = `{"sessionName": "Cool Cars", "role": 1, "sessionKey": "session123", "userIdentity": "user123"}`
)

// binary is the service as it is shipped, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	if name := os.Getenv(attackVariable); name != "" {
		os.Exit(attackMain(name, os.Getenv(hostVariable)))
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "resilience")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "videosdk-auth-endpoint")
		build := exec.Command("go", "build", "-C", "../..", "-o", binary, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("%v\n%s", err, out))
		}
		var files syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
			panic(err)
		}
		files.Cur = files.Max
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

// credentials are the environment of a service, and nothing else is in it.
func credentials(more ...string) []string {
	return append([]string{goMemLimit, "PORT=0", "ADMIN_PORT=0", "SHUTDOWN_DELAY=0s", "ZOOM_VIDEO_SDK_KEY=" + testKey, "ZOOM_VIDEO_SDK_SECRET=" + testSecret}, more...)
}

// command is the binary in an empty directory. It outlives the test's context, so that a cleanup can end it.
func command(t *testing.T, env []string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary)
	cmd.Dir, cmd.Env = t.TempDir(), env
	return cmd
}

// process is a program that runs until the test ends.
type process struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer // read it after done
	done   chan struct{}
}

func run(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, done: make(chan struct{})}
	cmd.Stderr = &p.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.done
		if t.Failed() && p.stderr.Len() > 0 {
			t.Logf("standard error of %s: %s", cmd.Path, p.stderr.String())
		}
	})
	return p
}

// stop sends SIGTERM and returns the exit status, and how long the end took.
func (p *process) stop(t *testing.T) (status int, took time.Duration) {
	t.Helper()
	begun := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	return p.wait(t), time.Since(begun)
}

// wait returns the exit status of a process that was told to end.
func (p *process) wait(t *testing.T) (status int) {
	t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(30 * time.Second):
		t.Fatal("SIGTERM did not end the process within 30 s, the grace period of Kubernetes")
		return 0
	}
}

func (p *process) runs() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// service is a running binary.
type service struct {
	*process
	log        *journal
	url, admin string
	scraper    *http.Client
}

// start returns once the service listens.
func start(t *testing.T, env ...string) *service {
	t.Helper()
	return startCommand(t, command(t, credentials(env...)))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *service {
	t.Helper()
	s, _ := startPiped(t, cmd)
	return s
}

// startPiped also returns the end of the pipe that the log is read from.
func startPiped(t *testing.T, cmd *exec.Cmd) (*service, *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = writer
	s := &service{log: newJournal(), scraper: newClient(1)}
	s.process = run(t, cmd)
	_ = writer.Close()
	go s.log.read(reader)
	select {
	case listening := <-s.log.listening:
		local := func(address string) string { return "http://127.0.0.1" + address[strings.LastIndex(address, ":"):] }
		s.url, s.admin = local(listening.Address), local(listening.Admin)
	case <-s.done:
		t.Fatalf("the service did not start: %s", s.stderr.String())
	}
	return s, reader
}

// host is the address of the token route.
func (s *service) host() string { return strings.TrimPrefix(s.url, "http://") }

// metric returns the value of one series.
func (s *service) metric(t *testing.T, series string) float64 {
	t.Helper()
	return s.metrics(t)[series]
}

func (s *service) metrics(t *testing.T) map[string]float64 {
	t.Helper()
	response, err := s.scraper.Get(s.admin + "/metrics")
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
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
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

// journal is what a service wrote to its log. Lines of requests are counted, all others are kept.
type journal struct {
	listening chan listening
	ended     chan struct{}

	gate sync.Mutex // who holds it keeps the log from being read

	mu       sync.Mutex
	requests int
	spans    []string // the ids of server spans, of requests that were traced
	lines    []string
}

type listening struct {
	Address string `json:"address"`
	Admin   string `json:"admin_address"`
}

func newJournal() *journal {
	return &journal{listening: make(chan listening, 1), ended: make(chan struct{})}
}

func (j *journal) read(from io.ReadCloser) {
	defer close(j.ended)
	defer from.Close()
	scan := bufio.NewScanner(from)
	for scan.Buffer(make([]byte, 64<<10), 1<<20); scan.Scan(); {
		j.gate.Lock()
		j.take(scan.Bytes())
		j.gate.Unlock()
	}
}

func (j *journal) take(line []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if bytes.HasSuffix(line, []byte(`"message":"request"}`)) {
		j.requests++
		if _, rest, ok := bytes.Cut(line, []byte(`"span_id":"`)); ok {
			j.spans = append(j.spans, string(rest[:16]))
		}
		return
	}
	j.lines = append(j.lines, string(line))
	if bytes.HasSuffix(line, []byte(`"message":"listening"}`)) {
		var l listening
		if json.Unmarshal(line, &l) == nil {
			j.listening <- l
		}
	}
}

func (j *journal) requestLines() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.requests
}

// with returns the lines, other than those of requests, that have the text in them.
func (j *journal) with(text string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []string
	for _, line := range j.lines {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
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
func ask(client *http.Client, url string) (token string, err error) {
	response, err := client.Post(url, "application/json", strings.NewReader(readme))
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

// eventually asks until the answer is yes, and returns how long that took.
func eventually(t *testing.T, limit time.Duration, what string, ask func() bool) time.Duration {
	t.Helper()
	begun := time.Now()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for !ask() {
		select {
		case <-again.C:
		case <-deadline.C:
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
	return time.Since(begun)
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
