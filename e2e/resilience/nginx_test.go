//go:build resilience && linux

package resilience_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"videosdk-auth-endpoint/internal/servicetest"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	restarts = 100
	// clients of each kind: those that keep their connection, and those that make a new one for each request
	clients = 4
	// how many requests a replica answers before it is restarted, at least
	underLoad = 100
)

// TestRestartsBehindNginx: two replicas behind a real nginx are restarted in turn, a hundred times, under load. Where nginx
// asks the other replica, or looks away from one that is not ready, no request is lost.
func TestRestartsBehindNginx(t *testing.T) {
	const (
		retries   = "error timeout non_idempotent"
		noRetries = "error timeout" // nginx's default: a POST that was sent is not sent again
	)
	for _, c := range []struct {
		name, next, delay string
		// pace is how many requests a second all clients make; 0 for as many as they can
		pace   int
		traced bool
		// looksAway says that nginx sends nothing to a replica that is not ready, as Kubernetes does
		looksAway bool
		// none says that no request may fail. Without it they are counted.
		none bool
	}{
		{name: "full speed, nginx retries", next: retries, delay: "0s", none: true},
		{name: "full speed, all traced, nginx retries", next: retries, delay: "0s", traced: true, none: true},
		{name: "2000 requests a second, all traced, nginx retries", next: retries, delay: "100ms", pace: 2000, traced: true, none: true},
		{name: "full speed, no retries, nginx looks away in the delay", next: noRetries, delay: "500ms", looksAway: true, none: true},
		// Nobody can promise none here. The last moment costs requests that nginx has sent already: on an idle connection
		// that is being closed, on one that waits in the kernel's queue of the port that closes, or on one that was just
		// accepted, as net/http answers nothing that it reads after Shutdown.
		{name: "full speed, no retries, no delay", next: noRetries, delay: "0s"},
		{name: "full speed, no retries, a delay in which nginx does not look away", next: noRetries, delay: "200ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			collector := newSpanSet()
			env := []string{"SHUTDOWN_DELAY=" + c.delay}
			if c.traced {
				backend := httptest.NewServer(collector)
				t.Cleanup(backend.Close)
				env = append(env, "OTEL_EXPORTER_OTLP_ENDPOINT="+backend.URL, "OTEL_TRACES_SAMPLER=always_on", "OTEL_BSP_MAX_QUEUE_SIZE=65535")
			}
			var replicas [2]*replica
			for i := range replicas {
				replicas[i] = &replica{env: append(slices.Clone(env), fmt.Sprintf("PORT=%d", port(t)))}
				replicas[i].start(t)
			}
			n := startNginx(t, c.next, [2]string{replicas[0].host(), replicas[1].host()})
			l := startFlood(t, n.url, c.pace)
			begun := time.Now()
			for i := range restarts {
				r := replicas[i%2]
				servicetest.Eventually(t, 10*time.Second, "the replica is under load", func() bool { return r.log.requestLines() >= underLoad })
				if c.looksAway {
					n.lookAway(t, i%2, r)
				}
				r.end(t)
				r.start(t)
				if c.looksAway {
					n.lookBack(t, i%2)
				}
			}
			took := time.Since(begun)
			l.stop()
			for _, r := range replicas {
				r.end(t)
			}
			n.stop(t)
			kept, fresh := l.results()
			retried, answers := n.accesses(t)
			t.Logf("%d restarts in %v; SIGTERM to exit: %v, at most %v; exit statuses: %v", restarts, took.Round(time.Second),
				median(replicas[0].ends), slices.Max(slices.Concat(replicas[0].ends, replicas[1].ends)).Round(time.Millisecond), statuses(replicas[:]))
			t.Logf("keep-alive: %d requests sent, %d failed; a connection each: %d sent, %d failed; %.0f a second", kept.sent, kept.failed, fresh.sent, fresh.failed, float64(kept.sent+fresh.sent)/took.Seconds())
			t.Logf("nginx: %d requests sent to the other replica too; answers by status: %v", retried, answers)
			lines := replicas[0].lines + replicas[1].lines
			t.Logf("replicas: %d requests in their logs, %.0f lines dropped", lines, replicas[0].droppedLines+replicas[1].droppedLines)
			for kind, times := range n.complaints(t) {
				t.Logf("nginx: %d × %s", times, kind)
			}
			for _, problem := range l.problems {
				t.Logf("the first of those that failed so: %.100s", problem)
			}
			for status := range statuses(replicas[:]) {
				if status != 0 {
					t.Errorf("a replica ended with the status %d", status)
				}
			}
			sent, failed := kept.sent+fresh.sent, kept.failed+fresh.failed
			if c.none && failed > 0 {
				t.Errorf("%d of %d requests failed", failed, sent)
			}
			if !c.traced {
				return
			}
			var logged []string
			for _, r := range replicas {
				logged = append(logged, r.spans...)
			}
			missing := collector.missing(logged)
			t.Logf("spans: %d requests in the logs, %d server spans at the collector, %d missing, %.0f dropped", len(logged), collector.size(), len(missing), replicas[0].droppedSpans+replicas[1].droppedSpans)
			if collector.err != nil {
				t.Errorf("the collector can't read a batch: %v", collector.err)
			}
			if len(logged) < sent || len(missing) > 0 || replicas[0].droppedSpans+replicas[1].droppedSpans > 0 {
				t.Errorf("%d requests sent, %d in the logs with a span, %d of those are not at the collector", sent, len(logged), len(missing))
			}
		})
	}
}

// replica is a service that is restarted on the same port, and what all of its processes came to.
type replica struct {
	*service
	env        []string
	terminated time.Time // when SIGTERM was sent

	statuses                   map[int]int
	ends                       []time.Duration // from SIGTERM to the exit
	lines                      int
	spans                      []string
	droppedLines, droppedSpans float64
}

// start returns once the service is ready.
func (r *replica) start(t *testing.T) {
	t.Helper()
	r.service, r.terminated = start(t, r.env...), time.Time{}
	servicetest.Eventually(t, 10*time.Second, "the replica is ready", r.ready)
}

func (r *replica) ready() bool {
	response, err := r.scraper.Get(r.Admin + "/readyz")
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// terminate sends SIGTERM.
func (r *replica) terminate(t *testing.T) {
	t.Helper()
	now := r.metrics(t)
	r.droppedLines += now[droppedLines]
	r.droppedSpans += spans(now, "dropped") + spans(now, "failed")
	r.terminated = time.Now()
	r.Signal(t, syscall.SIGTERM)
}

// end waits for the exit, after SIGTERM, and gathers what the service leaves.
func (r *replica) end(t *testing.T) {
	t.Helper()
	if r.terminated.IsZero() {
		r.terminate(t)
	}
	status := r.Exit(t)
	took := time.Since(r.terminated)
	r.scraper.CloseIdleConnections()
	r.Wait(t) // until the log has been read
	if r.statuses == nil {
		r.statuses = map[int]int{}
	}
	r.statuses[status]++
	r.ends = append(r.ends, took)
	r.lines += r.log.requests
	r.spans = append(r.spans, r.log.spans...)
	r.log.spans = nil
}

// statuses counts the exit statuses of all processes.
func statuses(replicas []*replica) map[int]int {
	all := map[int]int{}
	for _, r := range replicas {
		for status, n := range r.statuses {
			all[status] += n
		}
	}
	return all
}

// flood is load by clients that keep their connection, and clients that make a new one for each request.
type flood struct {
	leave chan struct{}
	done  sync.WaitGroup

	mu          sync.Mutex
	kept, fresh result
	problems    map[string]string // one of each status
}

type result struct{ sent, failed int }

func startFlood(t *testing.T, url string, pace int) *flood {
	t.Helper()
	f := &flood{leave: make(chan struct{}), problems: map[string]string{}}
	for range clients {
		for _, of := range []struct {
			into  *result
			fresh bool
		}{{&f.kept, false}, {&f.fresh, true}} {
			client := newClient(1)
			client.Transport.(*http.Transport).DisableKeepAlives = of.fresh
			f.done.Go(func() {
				defer client.CloseIdleConnections()
				var due <-chan time.Time
				if pace > 0 {
					tick := time.NewTicker(2 * clients * time.Second / time.Duration(pace))
					defer tick.Stop()
					due = tick.C
				} else {
					always := make(chan time.Time)
					close(always)
					due = always
				}
				for {
					select {
					case <-f.leave:
						return
					case <-due:
					}
					select {
					case <-f.leave:
						return
					default:
					}
					_, err := ask(client, url)
					f.note(of.into, err)
				}
			})
		}
	}
	t.Cleanup(f.stop)
	return f
}

func (f *flood) note(into *result, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	into.sent++
	if err == nil {
		return
	}
	into.failed++
	kind, _, _ := strings.Cut(err.Error(), ":")
	if _, ok := f.problems[kind]; !ok {
		f.problems[kind] = err.Error()
	}
}

func (f *flood) stop() {
	f.mu.Lock()
	select {
	case <-f.leave:
	default:
		close(f.leave)
	}
	f.mu.Unlock()
	f.done.Wait()
}

func (f *flood) results() (kept, fresh result) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kept, f.fresh
}

// nginx is a running nginx with a directory of its own.
type nginx struct {
	*servicetest.Process
	url, dir string
}

// startNginx starts one in front of the replicas. max_fails=0 keeps it from leaving a replica out for 10 s after a
// failure, in which the other one may be restarted too.
func startNginx(t *testing.T, next string, replicas [2]string) *nginx {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx"
	}
	n := &nginx{dir: t.TempDir()}
	listen := port(t)
	n.url = fmt.Sprintf("http://127.0.0.1:%d", listen)
	// all replicas, and for each that is away those without it
	var upstreams, away, all strings.Builder
	for i, host := range replicas {
		server := fmt.Sprintf("server %s max_fails=0; ", host)
		all.WriteString(server)
		fmt.Fprintf(&upstreams, "upstream only%d { %s keepalive 32; }\n", i, server)
		fmt.Fprintf(&away, "if (-f %s) { set $upstream only%d; }\n", n.away(i), 1-i)
	}
	fmt.Fprintf(&upstreams, "upstream all { %s keepalive 32; }", all.String())
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // the test's directory is for its user alone
	}
	config := fmt.Sprintf(`
daemon off;
%s
worker_processes 1;
pid nginx.pid;
error_log error.log warn;
events { worker_connections 4096; }
http {
  log_format tries '$status $request_time $upstream_addr $upstream_status';
  access_log access.log tries buffer=64k flush=1s;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  %s
  server {
    listen 127.0.0.1:%d backlog=4096;
    keepalive_requests 1000000;
    location / {
      set $upstream all;
      %s
      proxy_pass http://$upstream;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_next_upstream %s;
      proxy_connect_timeout 5s;
    }
  }
}
`, user, upstreams.String(), listen, away.String(), next)
	file := filepath.Join(n.dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	n.Process = servicetest.Run(t, exec.CommandContext(context.WithoutCancel(t.Context()), path, "-p", n.dir, "-e", filepath.Join(n.dir, "error.log"), "-c", file), nil)
	client := newClient(1)
	defer client.CloseIdleConnections()
	servicetest.Eventually(t, 10*time.Second, "nginx answers", func() bool { _, err := ask(client, n.url); return err == nil || n.Ended() })
	if n.Ended() {
		t.Fatalf("nginx has ended: %s", n.Output())
	}
	return n
}

// away is a file that, while it is there, keeps nginx from that replica.
func (n *nginx) away(replica int) string { return filepath.Join(n.dir, fmt.Sprintf("away%d", replica)) }

// lookAway sends SIGTERM and then does what a load balancer with health checks does.
func (n *nginx) lookAway(t *testing.T, i int, r *replica) {
	t.Helper()
	r.terminate(t)
	servicetest.Eventually(t, 10*time.Second, "the replica is not ready", func() bool { return !r.ready() })
	if err := os.WriteFile(n.away(i), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (n *nginx) lookBack(t *testing.T, i int) {
	t.Helper()
	if err := os.Remove(n.away(i)); err != nil {
		t.Fatal(err)
	}
}

// complaints counts what nginx says of the replicas, by kind.
func (n *nginx) complaints(t *testing.T) map[string]int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(n.dir, "error.log"))
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for line := range strings.Lines(string(content)) {
		// date, time, level, process, connection, what it says, and of which client
		if _, said, ok := strings.Cut(line, " *"); ok {
			_, said, _ = strings.Cut(said, " ")
			said, _, _ = strings.Cut(said, ", client")
			kinds[said]++
		}
	}
	return kinds
}

// stop ends nginx after the last answer, so that its log is complete.
func (n *nginx) stop(t *testing.T) {
	t.Helper()
	n.Signal(t, syscall.SIGQUIT)
	n.Wait(t)
}

// accesses reads how many requests went to a second replica, and what clients were answered.
func (n *nginx) accesses(t *testing.T) (retried int, answers map[string]int) {
	t.Helper()
	file, err := os.Open(filepath.Join(n.dir, "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	answers = map[string]int{}
	scan := bufio.NewScanner(file)
	for scan.Scan() {
		status, rest, _ := strings.Cut(scan.Text(), " ")
		answers[status]++
		if strings.Contains(rest, ",") {
			retried++
		}
	}
	if err := scan.Err(); err != nil {
		t.Fatal(err)
	}
	return retried, answers
}

// spanSet is an OTLP collector that keeps the ids of server spans.
type spanSet struct {
	mu  sync.Mutex
	ids map[string]struct{}
	err error
}

func newSpanSet() *spanSet { return &spanSet{ids: map[string]struct{}{}} }

// ServeHTTP takes a batch, whose bytes are those of the trace data in it.
func (s *spanSet) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var data trace.TracesData
	err = errors.Join(err, proto.Unmarshal(body, &data))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = errors.Join(s.err, err)
	for _, resource := range data.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				if span.GetKind() == trace.Span_SPAN_KIND_SERVER {
					s.ids[hex.EncodeToString(span.GetSpanId())] = struct{}{}
				}
			}
		}
	}
}

func (s *spanSet) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ids)
}

// missing returns those that are not here.
func (s *spanSet) missing(ids []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { _, ok := s.ids[id]; return ok })
}
