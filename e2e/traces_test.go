package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"videosdk-auth-endpoint/internal/servicetest"
)

// collector is a running OpenTelemetry Collector and what it passed on.
type collector struct {
	*servicetest.Process
	http, grpc string

	mu   sync.Mutex
	raw  []string
	all  []span
	attr map[string]any // of the resource
}

// span is one span in OTLP's JSON.
type span struct {
	TraceID, SpanID, ParentSpanID, Name string
	Kind                                int
	Status                              struct {
		Code    int
		Message string
	}
	Attributes []attribute
}

type attribute struct {
	Key   string
	Value map[string]any
}

func attributes(list []attribute) map[string]any {
	all := map[string]any{}
	for _, a := range list {
		for _, value := range a.Value {
			all[a.Key] = value
		}
	}
	return all
}

func startCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{http: fmt.Sprintf("http://127.0.0.1:%d", freePort(t)), grpc: fmt.Sprintf("http://127.0.0.1:%d", freePort(t))}
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		c.take(t, body)
	}))
	t.Cleanup(backend.Close)
	config := fmt.Sprintf(`
receivers:
  otlp: {protocols: {http: {endpoint: %q}, grpc: {endpoint: %q}}}
processors:
  batch: {timeout: 100ms}
exporters:
  otlp_http: {endpoint: %q, encoding: json, compression: none}
service:
  pipelines: {traces: {receivers: [otlp], processors: [batch], exporters: [otlp_http]}}
  telemetry: {metrics: {level: none}}
`, strings.TrimPrefix(c.http, "http://"), strings.TrimPrefix(c.grpc, "http://"), backend.URL)
	file := t.TempDir() + "/otelcol.yaml"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Process = start(t, "otelcol", "--config=file:"+file)
	eventually(t, "the collector listens", func() bool { return get(t, c.http) != "" })
	return c
}

func (c *collector) take(t *testing.T, body []byte) {
	t.Helper()
	var batch struct {
		ResourceSpans []struct {
			Resource   struct{ Attributes []attribute }
			ScopeSpans []struct{ Spans []span }
		}
	}
	if err := json.Unmarshal(body, &batch); err != nil {
		t.Errorf("the collector sent %s: %v", body, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw = append(c.raw, string(body))
	for _, resource := range batch.ResourceSpans {
		c.attr = attributes(resource.Resource.Attributes)
		for _, scope := range resource.ScopeSpans {
			c.all = append(c.all, scope.Spans...)
		}
	}
}

// spans returns what has arrived.
func (c *collector) spans() []span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.all)
}

// TestTraces: the collector receives the tree that the README promises, by both protocols.
func TestTraces(t *testing.T) {
	const clientTrace, clientSpan = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	parent := map[string]string{"traceparent": "00-" + clientTrace + "-" + clientSpan + "-01", "User-Agent": "test/1", "X-Forwarded-Proto": "https"}
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			c := startCollector(t)
			endpoint := map[string]string{"http/protobuf": c.http, "grpc": c.grpc}[protocol]
			s := startService(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL="+protocol, "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test", "TRUSTED_PROXIES=127.0.0.1")
			for _, request := range []struct {
				path, body string
				status     int
			}{
				{"/", `{"sessionName":"hidden-session","role":1,"userIdentity":"hidden-user","expirationSeconds":1800}`, 200},
				{"/", `{"sessionName":"hidden-session","role":7,"userKey":null}`, 400},
				{"/hidden-path?hidden-query", `{}`, 404},
			} {
				if status, err := post(t.Context(), s.URL+request.path, request.body, parent); err != nil || status != request.status {
					t.Fatalf("%s: %d %v", request.path, status, err)
				}
			}
			get(t, s.Admin+"/livez") // probes and scrapes have no spans
			get(t, s.Admin+"/metrics")
			stop(t, s.Process, syscall.SIGTERM) // flushes
			eventually(t, "six spans", func() bool { return len(c.spans()) == 6 })

			spans := c.spans()
			servers := map[string]span{} // by status
			for _, x := range spans {
				if x.TraceID != clientTrace {
					t.Errorf("%s is in the trace %s, not the client's", x.Name, x.TraceID)
				}
				if x.Kind == 2 { // SPAN_KIND_SERVER
					servers[fmt.Sprint(attributes(x.Attributes)["http.response.status_code"])] = x
					if x.ParentSpanID != clientSpan {
						t.Errorf("%s is the child of %s, not of the client's span", x.Name, x.ParentSpanID)
					}
				}
				if x.Status.Code != 0 {
					t.Errorf("%s has the status %d: a client's mistake is no error of the server", x.Name, x.Status.Code)
				}
			}
			children := func(status string) map[string]map[string]any {
				found := map[string]map[string]any{}
				for _, x := range spans {
					if x.ParentSpanID == servers[status].SpanID {
						found[x.Name] = attributes(x.Attributes)
					}
				}
				return found
			}
			ok := children("200")
			if len(ok) != 2 || ok["token.validate"] == nil || ok["token.sign"]["videosdk.token.role"] != "host" || ok["token.sign"]["videosdk.token.lifetime"] != "1800" {
				t.Errorf("under 200: %v", ok)
			}
			invalid := children("400")
			if rules := fmt.Sprint(invalid["token.validate"]["videosdk.token.broken_rules"]); len(invalid) != 1 || !strings.Contains(rules, "role.range") || !strings.Contains(rules, "userKey.type") {
				t.Errorf("under 400: %v", invalid)
			}
			if found := children("404"); len(found) != 0 {
				t.Errorf("under 404: %v", found)
			}
			for status, name := range map[string]string{"200": "POST /", "400": "POST /", "404": "POST"} {
				if servers[status].Name != name {
					t.Errorf("the server span of %s is named %q, want %q", status, servers[status].Name, name)
				}
			}
			got := attributes(servers["200"].Attributes)
			for key, want := range map[string]any{
				"http.request.method": "POST", "http.response.status_code": "200", "http.route": "/", "url.path": "/", "url.scheme": "https",
				"server.address": "127.0.0.1", "server.port": s.URL[strings.LastIndex(s.URL, ":")+1:], "client.address": "127.0.0.1",
				"network.protocol.version": "1.1", "user_agent.original": "test/1",
			} {
				if got[key] != want {
					t.Errorf("%s is %v, want %v", key, got[key], want)
				}
			}
			if c.attr["service.name"] != "videosdk-auth-endpoint" || c.attr["deployment.environment.name"] != "test" || c.attr["service.version"] == nil {
				t.Errorf("resource %v", c.attr)
			}
			if raw := strings.Join(c.raw, ""); strings.Contains(raw, "hidden") || strings.Contains(raw, "eyJ") {
				t.Errorf("a name, a credential or a token is on a span: %s", raw)
			}
			// the request's log line leads to the trace
			if log := s.Output(); !strings.Contains(log, `"trace_id":"`+clientTrace+`","span_id":"`+servers["200"].SpanID+`"`) {
				t.Errorf("no line with the trace and span of the request:\n%s", log)
			}
			t.Logf("POST / (%v)\n  token.validate %v\n  token.sign %v", got, ok["token.validate"], ok["token.sign"])
		})
	}
}

// TestSampling: OpenTelemetry's own variables decide what is sampled, and a client's decision is kept.
func TestSampling(t *testing.T) {
	c := startCollector(t)
	s := startService(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.http, "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0")
	for range 50 {
		if status, err := post(t.Context(), s.URL, `{"sessionName":"a","role":1}`, nil); err != nil || status != 200 {
			t.Fatal(status, err)
		}
	}
	if status, err := post(t.Context(), s.URL, `{"sessionName":"a","role":1}`, map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}); err != nil || status != 200 {
		t.Fatal(status, err)
	}
	stop(t, s.Process, syscall.SIGTERM)
	eventually(t, "the client's trace", func() bool { return len(c.spans()) >= 3 })
	if n := len(c.spans()); n != 3 {
		t.Errorf("%d spans, want the 3 of the client's sampled request", n)
	}
}

// TestCollectorKilled: with the collector killed in the middle of the load, no request fails, and the spans that are lost
// are counted.
func TestCollectorKilled(t *testing.T) {
	c := startCollector(t)
	s := startService(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.http, "OTEL_BSP_MAX_QUEUE_SIZE=600", "OTEL_EXPORTER_OTLP_TIMEOUT=500")
	ctx, cancel := context.WithCancel(t.Context())
	loaded := make(chan int)
	go func() { loaded <- mixedLoad(ctx, s.URL) }()
	eventually(t, "spans arrive", func() bool { return len(c.spans()) > 1000 })
	stop(t, c.Process, os.Kill)
	lost := func() float64 {
		text := get(t, s.Admin+"/metrics")
		return metric(text, `videosdk_trace_spans_total{result="failed"}`) + metric(text, `videosdk_trace_spans_total{result="dropped"}`)
	}
	eventually(t, "lost spans are counted", func() bool { return lost() > 5000 })
	if rss := metric(get(t, s.Admin+"/metrics"), "process_resident_memory_bytes"); rss > 128<<20 {
		t.Errorf("%.0f MiB of memory", rss/(1<<20))
	}
	counted := lost()
	cancel()
	if failed := <-loaded; failed > 0 {
		t.Errorf("%d requests failed", failed)
	}
	begun := time.Now()
	stop(t, s.Process, syscall.SIGTERM)
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("the stop waited %v for a collector that is gone", took)
	}
	t.Logf("%.0f spans lost and counted, no request failed, stopped after %v", counted, time.Since(begun))
}

// metric is the value of one series in the text of /metrics.
func metric(text, series string) float64 {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			n, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return n
		}
	}
	return 0
}
