package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/trace"

	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
	"videosdk-auth-endpoint/telemetry"
)

var labels = []telemetry.Series{{Method: "POST", Route: "/", Status: 200}}

func newMetrics(t testing.TB) (*telemetry.Metrics, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	m := telemetry.NewMetrics(registry, telemetry.Build{Version: "v1", Revision: "abc"})
	telemetry.NewRequests(m, nil, new(telemetry.Log)).Expect(labels, func() bool { return false })
	return m, registry
}

func scrape(t testing.TB, registry *prometheus.Registry) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	telemetry.Handler(registry).ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	return recorder.Body.String()
}

func newSigner(t testing.TB) signer.Signer {
	t.Helper()
	return signer.New(signer.Config{DefaultTTL: time.Hour, MaxTTL: time.Hour}, signer.Credentials{Key: "k", Secret: "s"}, time.Now)
}

// failing validates, but can't sign.
type failing struct{ signer.Signer }

func (failing) Sign(context.Context, *signer.Grant) (signer.Token, error) {
	return signer.Token{}, errors.New("no hash today")
}

func request(properties map[string]string) *signer.Request {
	r := new(signer.Request)
	for name, value := range properties {
		r.Set(name, signer.Value{Kind: signer.KindString, String: value})
	}
	return r
}

var valid = map[string]string{"sessionName": "secret session", "role": "1", "userIdentity": "secret user"}

// TestEverySeriesExists: rate() needs each from the first scrape.
func TestEverySeriesExists(t *testing.T) {
	_, registry := newMetrics(t)
	text := scrape(t, registry)
	for _, want := range []string{
		`videosdk_token_validations_total{result="valid"} 0`,
		`videosdk_token_validations_total{result="invalid"} 0`,
		`videosdk_token_signatures_total{result="ok"} 0`,
		`videosdk_token_signatures_total{result="error"} 0`,
		`videosdk_tokens_issued_total{role="host"} 0`,
		`videosdk_tokens_issued_total{role="participant"} 0`,
		`videosdk_token_validation_duration_seconds_count 0`,
		`videosdk_token_signing_duration_seconds_count 0`,
		`videosdk_trace_spans_total{result="exported"} 0`,
		`videosdk_trace_spans_total{result="failed"} 0`,
		`videosdk_trace_spans_total{result="dropped"} 0`,
		`http_server_request_duration_seconds_count{http_request_method="POST",http_response_status_code="200",http_route="/",otel_scope_name="videosdk-auth-endpoint"} 0`,
		`videosdk_ready 0`,
		`videosdk_credential_reloads_total{result="ok"} 0`,
		`videosdk_credential_reloads_total{result="error"} 0`,
		"videosdk_credential_last_load_timestamp_seconds 1.",
		`videosdk_credential_last_reload_successful 1`,
		`videosdk_api_key_last_reload_successful 1`,
		`videosdk_auth_open 0`,
		`videosdk_token_callers_total{method="none"} 0`,
		`videosdk_token_callers_total{method="jwt"} 0`,
		`videosdk_token_refusals_total{reason="expired"} 0`,
		`videosdk_jwks_refreshes_total{result="ok"} 0`,
		`videosdk_jwks_refreshes_total{result="error"} 0`,
		`videosdk_jwks_last_refresh_timestamp_seconds 0`,
		`videosdk_jwks_keys_skipped_total{reason="malformed"} 0`,
		`videosdk_api_key_reloads_total{result="ok"} 0`,
		`videosdk_api_key_reloads_total{result="error"} 0`,
		`videosdk_build_info{goversion="go`,
		`revision="abc",version="v1"} 1`,
		`go_goroutines `, `process_cpu_seconds_total `,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	for _, p := range signer.Properties() {
		for _, rule := range p.Rules() {
			if want := `videosdk_token_validation_failures_total{property="` + p.Name + `",rule="` + string(rule) + `"} 0`; !strings.Contains(text, want) {
				t.Errorf("no %s", want)
			}
		}
	}
}

// TestMisnamedProperties are counted by the property that is meant, which a client can't choose freely.
func TestMisnamedProperties(t *testing.T) {
	m, registry := newMetrics(t)
	s := telemetry.Observe(newSigner(t), m, nil)
	for _, properties := range []map[string]string{{"sessionName": "a", "role": "0", "geo_regions": "US"}, {"session_name": "a", "GEO_REGIONS": "US", "whatever": "x"}} {
		_, _ = s.Validate(t.Context(), request(properties))
	}
	text := scrape(t, registry)
	for property, want := range map[string]int{"geoRegions": 2, "sessionName": 1, "role": 0} {
		if series := fmt.Sprintf("videosdk_token_misnamed_properties_total{property=%q} %d\n", property, want); !strings.Contains(text, series) {
			t.Errorf("no %s", series)
		}
	}
	if n := strings.Count(text, "\nvideosdk_token_misnamed_properties_total{"); n != len(signer.Properties()) {
		t.Errorf("%d series, want one for each property", n)
	}
}

func TestMetricNames(t *testing.T) {
	_, registry := newMetrics(t)
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

func TestCounts(t *testing.T) {
	m, registry := newMetrics(t)
	s := telemetry.Observe(newSigner(t), m, nil)
	for _, r := range []*signer.Request{request(valid), request(map[string]string{"sessionName": "a", "role": "0"}), request(map[string]string{"role": "2"})} {
		if grant, err := s.Validate(t.Context(), r); err == nil {
			if _, err := s.Sign(t.Context(), grant); err != nil {
				t.Error(err)
			}
		}
	}
	broken := telemetry.Observe(failing{newSigner(t)}, m, nil)
	grant, err := broken.Validate(t.Context(), request(valid))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := broken.Sign(t.Context(), grant); err == nil {
		t.Error("no error")
	}
	text := scrape(t, registry)
	for _, want := range []string{
		`videosdk_token_validations_total{result="valid"} 3`,
		`videosdk_token_validations_total{result="invalid"} 1`,
		`videosdk_token_validation_failures_total{property="role",rule="range"} 1`,
		`videosdk_token_validation_failures_total{property="sessionName",rule="required"} 1`,
		`videosdk_token_validation_duration_seconds_count 4`,
		`videosdk_token_signatures_total{result="ok"} 2`,
		`videosdk_token_signatures_total{result="error"} 1`,
		`videosdk_token_signing_duration_seconds_count 3`,
		`videosdk_tokens_issued_total{role="host"} 1`,
		`videosdk_tokens_issued_total{role="participant"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestCountsOfCallers(t *testing.T) {
	m, registry := newMetrics(t)
	requests := telemetry.NewRequests(m, nil, new(telemetry.Log))
	refused := func(r guard.Reason) error { return &guard.RefusalError{Reason: r} }
	jwt, none := &guard.Caller{Method: guard.JWT}, &guard.Caller{Method: guard.None}
	for _, e := range []telemetry.Record{
		{Route: "/", Status: 200, Caller: jwt, Grant: new(signer.Grant)},
		{Route: "/", Status: 200, Caller: none, Grant: new(signer.Grant)},
		{Route: "/", Status: 400, Caller: jwt},
		{Route: "/", Status: 401, Err: refused(guard.Expired)},
		{Route: "/", Status: 401, Err: refused("a reason that there is not")},
		{Status: 404},
	} {
		e.Request = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		requests.Begin(&e)
		requests.End(&e)
	}
	m.Open(true)
	m.KeySetFetched(guard.KeySetFetch{Oldest: time.Unix(1.5e9, 0), Skipped: []guard.SkippedKey{{Reason: guard.KeyUse}, {Reason: guard.KeyUse, Known: true}}})
	m.KeySetFetched(guard.KeySetFetch{Err: errors.New("down")})
	m.APIKeysRead(nil)
	m.APIKeysRead(errors.New("gone"))
	requests.Expect(nil, func() bool { return true })
	text := scrape(t, registry)
	for _, want := range []string{
		`videosdk_token_callers_total{method="jwt"} 2`,
		`videosdk_token_callers_total{method="none"} 1`,
		`videosdk_token_refusals_total{reason="expired"} 1`,
		`videosdk_token_refusals_total{reason="missing"} 0`,
		`videosdk_auth_open 1`,
		`videosdk_jwks_refreshes_total{result="ok"} 1`,
		`videosdk_jwks_refreshes_total{result="error"} 1`,
		`videosdk_jwks_last_refresh_timestamp_seconds 1.5e+09`,
		`videosdk_jwks_keys_skipped_total{reason="use"} 2`,
		`videosdk_api_key_reloads_total{result="ok"} 1`,
		`videosdk_api_key_reloads_total{result="error"} 1`,
		`videosdk_ready 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, lines(text, strings.SplitN(want, "{", 2)[0]))
		}
	}
	if strings.Contains(text, "a reason that there is not") {
		t.Error("a reason that nobody announced is a label")
	}
}

// TestLastReload: the gauges are 0 for as long as the files can't be read, and not only at the moment that they changed.
func TestLastReload(t *testing.T) {
	m, registry := newMetrics(t)
	for name, read := range map[string]func(error){
		"videosdk_credential_last_reload_successful": m.Rotated,
		"videosdk_api_key_last_reload_successful":    m.APIKeysRead,
		"videosdk_policy_last_reload_successful":     m.PolicyRead,
	} {
		read(errors.New("cut off"))
		if text := scrape(t, registry); !strings.Contains(text, name+" 0\n") {
			t.Errorf("after an error: %s", lines(text, name))
		}
		read(nil)
		if text := scrape(t, registry); !strings.Contains(text, name+" 1\n") {
			t.Errorf("once it is mended: %s", lines(text, name))
		}
	}
}

// TestOutgoingTraceContext: a provider can join its trace to ours.
func TestOutgoingTraceContext(t *testing.T) {
	collector(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	m, _ := newMetrics(t)
	tracing := newTracing(t, m, 100)
	var got []string
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Traceparent"))
		w.WriteHeader(http.StatusTeapot)
	}))
	defer provider.Close()
	for _, on := range []*telemetry.Tracing{nil, tracing} {
		ctx := t.Context()
		if on != nil {
			ctx = inRequest(t, m, tracing)
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, provider.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := telemetry.Transport(http.DefaultTransport, on).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusTeapot || r.Header.Get("Traceparent") != "" {
			t.Errorf("status %d, the caller's own request has %v", answer.StatusCode, r.Header)
		}
		if id := trace.SpanContextFromContext(ctx).TraceID().String(); on == nil && got[0] != "" || on != nil && !strings.Contains(got[1], id) {
			t.Errorf("traceparent %q, want trace %s", got, id)
		}
	}
	provider.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, provider.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := telemetry.Transport(http.DefaultTransport, tracing).RoundTrip(r)
	if err == nil {
		answer.Body.Close()
		t.Error("no error from a provider that is gone")
	}
}

// TestNothingOfAClientIsALabel: whatever a client sends, the number of series stays.
func TestNothingOfAClientIsALabel(t *testing.T) {
	m, registry := newMetrics(t)
	requests := telemetry.NewRequests(m, nil, new(telemetry.Log))
	end := func(method string, status int) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r.Method = method
		rec := &telemetry.Record{Request: r, Client: "192.0.2.1", Status: status, Took: time.Millisecond}
		requests.Begin(rec)
		requests.End(rec)
	}
	end("BREW", 404)
	before := strings.Count(scrape(t, registry), "\n")
	for _, method := range []string{"PROPFIND", "X", "post"} {
		end(method, 404)
	}
	if after := strings.Count(scrape(t, registry), "\n"); after != before {
		t.Errorf("%d lines became %d", before, after)
	}
}

// collector is an OTLP collector's front door.
func collector(t *testing.T, answer http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
}

func newTracing(t *testing.T, m *telemetry.Metrics, queue uint32) *telemetry.Tracing {
	t.Helper()
	c := telemetry.Config{Endpoint: os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"), Protocol: "http/protobuf", QueueSize: queue}
	tracing, err := telemetry.NewTracing(t.Context(), c, telemetry.Build{}, m, new(telemetry.Log))
	if err != nil || tracing == nil {
		t.Fatalf("%v %v", tracing, err)
	}
	return tracing
}

// inRequest is the context of a request that is sampled and has not ended.
func inRequest(t *testing.T, m *telemetry.Metrics, tracing *telemetry.Tracing) context.Context {
	t.Helper()
	rec := &telemetry.Record{Request: httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil), Route: "/"}
	telemetry.NewRequests(m, tracing, new(telemetry.Log)).Begin(rec)
	return rec.Request.Context()
}

func TestTracingIsOffWithoutACollector(t *testing.T) {
	m, _ := newMetrics(t)
	for _, c := range []telemetry.Config{
		{},
		{TracesExporter: "none", Endpoint: "http://127.0.0.1:4318"},
		{TracesExporter: "otlp", Disabled: true},
	} {
		tracing, err := telemetry.NewTracing(t.Context(), c, telemetry.Build{}, m, new(telemetry.Log))
		if tracing != nil || err != nil {
			t.Errorf("%+v: %v %v", c, tracing, err)
		}
	}
}

// TestSlowCollector: spans beyond the queue are dropped and counted, at once, and every span is accounted for.
func TestSlowCollector(t *testing.T) {
	release := make(chan struct{})
	collector(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-release
	})
	m, registry := newMetrics(t)
	tracing := newTracing(t, m, 10)
	s, ctx := telemetry.Observe(newSigner(t), m, tracing), inRequest(t, m, tracing)
	for range 100 {
		if _, err := s.Validate(ctx, request(valid)); err != nil {
			t.Fatal(err)
		}
	}
	if text := scrape(t, registry); !strings.Contains(text, `videosdk_trace_spans_total{result="dropped"} 90`) {
		t.Errorf("not 90 of 100 spans dropped:\n%s", lines(text, "videosdk_trace_spans_total"))
	}
	close(release)
	if err := tracing.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	if text := scrape(t, registry); !strings.Contains(text, `videosdk_trace_spans_total{result="exported"} 10`) {
		t.Errorf("not 10 spans exported:\n%s", lines(text, "videosdk_trace_spans_total"))
	}
}

// TestSpansAreShort: a client can make neither the spans that wait for the collector large, nor the collector refuse them.
func TestSpansAreShort(t *testing.T) {
	long := func(text string) string { return strings.Repeat(text, 8000/len(text)) }
	for name, set := range map[string]func(*http.Request){
		"user agent":               func(r *http.Request) { r.Header.Set("User-Agent", long("a")) },
		"user agent, cut in a ü":   func(r *http.Request) { r.Header.Set("User-Agent", long("ü")) },
		"user agent, not in UTF-8": func(r *http.Request) { r.Header.Set("User-Agent", "a\xff") },
		"host":                     func(r *http.Request) { r.Host = long("a") },
		"host, not in UTF-8":       func(r *http.Request) { r.Host = "a\xff:1" },
		"port":                     func(r *http.Request) { r.Host = "a:" + long("0") },
		"method":                   func(r *http.Request) { r.Method = long("A") },
		"trace state": func(r *http.Request) {
			r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
			r.Header.Set("Tracestate", "a="+strings.Repeat("a", 250)+",b="+strings.Repeat("b", 250)+",c="+strings.Repeat("c", 250))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var sent int
			collector(t, func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				sent += len(body)
			})
			m, registry := newMetrics(t)
			tracing := newTracing(t, m, 10)
			requests := telemetry.NewRequests(m, tracing, new(telemetry.Log))
			rec := &telemetry.Record{Request: httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil), Client: "192.0.2.1", Status: 404}
			set(rec.Request)
			requests.Begin(rec)
			requests.End(rec)
			if err := tracing.Flush(t.Context()); err != nil {
				t.Error(err)
			}
			if text := scrape(t, registry); !strings.Contains(text, `videosdk_trace_spans_total{result="exported"} 1`) || sent > 1200 {
				t.Errorf("%d bytes sent:\n%s", sent, lines(text, "videosdk_trace_spans_total"))
			}
		})
	}
}

// TestCollectorThatRefuses: what it does not take is counted. The log has the beginning of what it says, without the
// credentials that it may quote.
func TestCollectorThatRefuses(t *testing.T) {
	partly := func(rejected byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { // a message with partial_success{rejected_spans, error_message}
			w.Header().Set("Content-Type", "application/x-protobuf")
			_, _ = w.Write([]byte{10, 8, 8, rejected, 18, 4, 'o', 'd', 'd', '\n'})
		}
	}
	for _, c := range []struct {
		name             string
		answer           http.HandlerFunc
		exported, failed int
		said             string
	}{
		{"nothing is taken", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, "I got "+r.Header.Get("Authorization")+strings.Repeat(" and more", 1000))
		}, 0, 2, "I got Bearer … and more"},
		{"one is not taken", partly(1), 1, 1, "OTLP partial success: odd"},
		{"all are taken, with a warning", partly(0), 2, 0, "OTLP partial success: odd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			collector(t, c.answer)
			t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hidden-token")
			m, registry := newMetrics(t)
			var out bytes.Buffer
			log := telemetry.NewLog(telemetry.Config{LogFormat: "json"}, &out, nil)
			config := telemetry.Config{Endpoint: os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"), Protocol: "http/protobuf", QueueSize: 10}
			tracing, err := telemetry.NewTracing(t.Context(), config, telemetry.Build{}, m, log)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := telemetry.Observe(newSigner(t), m, tracing).Validate(inRequest(t, m, tracing), request(valid)); err != nil {
					t.Fatal(err)
				}
			}
			_ = tracing.Flush(t.Context())
			text := scrape(t, registry)
			for result, n := range map[string]int{"exported": c.exported, "failed": c.failed, "dropped": 0} {
				if !strings.Contains(text, fmt.Sprintf("videosdk_trace_spans_total{result=%q} %d\n", result, n)) {
					t.Errorf("want %d %s:\n%s", n, result, lines(text, "videosdk_trace_spans_total"))
				}
			}
			if line := out.String(); !strings.Contains(line, c.said) || strings.Contains(line, "hidden") || len(line) > 1000 {
				t.Errorf("log %s", line)
			}
		})
	}
}

func lines(text, with string) string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, with) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}

func TestLog(t *testing.T) {
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	ctx := trace.ContextWithSpanContext(t.Context(), span)
	write := func(c telemetry.Config) map[string]any {
		var out bytes.Buffer
		log := telemetry.NewLog(c, &out, nil)
		log.Info().Ctx(ctx).Str("name", log.Name("room")).Str("path", "/").Msg("request")
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", out.Bytes(), err)
		}
		return line
	}
	plain := write(telemetry.Config{LogFormat: "json"})
	if plain["trace_id"] != span.TraceID().String() || plain["span_id"] != span.SpanID().String() || plain["name"] != "room" {
		t.Errorf("line %v", plain)
	}
	hashed := write(telemetry.Config{LogFormat: "json", LogHashKey: "0123456789abcdef"})
	again := write(telemetry.Config{LogFormat: "json", LogHashKey: "0123456789abcdef"})
	other := write(telemetry.Config{LogFormat: "json", LogHashKey: "another-key-16-b"})
	if hashed["name"] == plain["name"] || hashed["name"] != again["name"] || hashed["name"] == other["name"] {
		t.Errorf("%v, %v, %v", hashed["name"], again["name"], other["name"])
	}
	if hashed["path"] != "/" {
		t.Errorf("line %v", hashed)
	}
}

// TestTextLines: a person at a terminal sees errors as errors, and who called as a field.
func TestTextLines(t *testing.T) {
	for level, want := range map[zerolog.Level]string{
		zerolog.DebugLevel: "DBG", zerolog.InfoLevel: "INF", zerolog.WarnLevel: "WRN", zerolog.ErrorLevel: "ERR",
	} {
		var out strings.Builder
		telemetry.NewLog(telemetry.Config{LogFormat: "text"}, &out, nil).WithLevel(level).Str("caller", "backend").Msg("request")
		if _, line, _ := strings.Cut(strings.TrimSpace(out.String()), " "); line != want+" request caller=backend" {
			t.Errorf("%s: %s", level, line)
		}
	}
}

// TestLogFormat: a device is no terminal because it is a device.
func TestLogFormat(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "log"), os.DevNull} {
		file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for format, want := range map[string]string{"": `{"severity":"INFO"`, "json": `{"severity":"INFO"`, "text": " INF hello\n"} {
			var out bytes.Buffer
			log := telemetry.NewLog(telemetry.Config{LogFormat: format}, &out, file)
			log.Info().Msg("hello")
			if !strings.Contains(out.String(), want) {
				t.Errorf("format %q to %s: %s", format, name, out.String())
			}
		}
	}
}

// blocked is an output that nobody reads.
type blocked struct{ release chan struct{} }

func (b blocked) Write(p []byte) (int, error) {
	<-b.release
	return len(p), nil
}

// TestBlockedOutput: a log line never stops a token.
func TestBlockedOutput(t *testing.T) {
	out := blocked{make(chan struct{})}
	l := telemetry.NewLines(out)
	line := []byte(strings.Repeat("x", 1<<10))
	for range 4096 {
		if n, err := l.Write(line); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	dropped := testutil.ToFloat64(l)
	if dropped < 2048 || dropped > 3072 { // 1 MiB waits, and up to 1 MiB is being written
		t.Errorf("%v of 4096 lines of 1 KiB dropped", dropped)
	}
	late, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := l.Close(late); err == nil {
		t.Error("lines were lost, and nobody was told")
	}
	close(out.release)
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// closed is an output whose reader has gone after a few bytes.
type closed struct{ room *int }

func (c closed) Write(p []byte) (int, error) {
	n := min(len(p), *c.room)
	*c.room -= n
	if n < len(p) {
		return n, io.ErrClosedPipe
	}
	return n, nil
}

// TestClosedOutput: lines that can't be written are counted, the one that was cut too.
func TestClosedOutput(t *testing.T) {
	room := 250
	l := telemetry.NewLines(closed{&room})
	for range 10 {
		_, _ = l.Write([]byte(strings.Repeat("x", 99) + "\n"))
	}
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if dropped := testutil.ToFloat64(l); dropped != 8 {
		t.Errorf("%v lines counted, want 8", dropped)
	}
}

func TestLinesArriveInOrder(t *testing.T) {
	var out bytes.Buffer
	l := telemetry.NewLines(&out)
	var want strings.Builder
	for i := range 1000 {
		line := strings.Repeat("x", i%50) + "\n"
		want.WriteString(line)
		_, _ = l.Write([]byte(line))
	}
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if out.String() != want.String() {
		t.Errorf("%d bytes, want %d", out.Len(), want.Len())
	}
	if _, _ = l.Write([]byte("late")); testutil.ToFloat64(l) != 1 {
		t.Error("a line after Close is not counted")
	}
}

// TestLevels: the words of LOG_LEVEL are not those that lines have.
func TestLevels(t *testing.T) {
	for word, want := range map[string]zerolog.Level{"debug": zerolog.DebugLevel, "info": zerolog.InfoLevel, "warn": zerolog.WarnLevel, "error": zerolog.ErrorLevel, "WARN": zerolog.WarnLevel} {
		var level telemetry.Level
		if err := level.Decode(word); err != nil || zerolog.Level(level) != want {
			t.Errorf("%s: %v, %v", word, zerolog.Level(level), err)
		}
	}
	for _, word := range []string{"warning", "trace", "fatal", "1", ""} {
		if err := new(telemetry.Level).Decode(word); err == nil {
			t.Errorf("%q is a level", word)
		}
	}
}

func TestMistakes(t *testing.T) {
	c := telemetry.Config{LogFormat: "xml", LogHashKey: "short", TracesExporter: "zipkin", Endpoint: "collector:4318", TracesEndpoint: "//x", Protocol: "http/json", TracesProtocol: "smoke"}
	err := c.Validate()
	for _, want := range []string{"LOG_FORMAT", "LOG_HASH_KEY", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_BSP_MAX_QUEUE_SIZE"} {
		if err == nil || !strings.Contains(err.Error(), want+": want ") {
			t.Errorf("no %s in %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "short") {
		t.Error("a secret is in the message")
	}
}

// TestClientsOfTheLog: addresses are personal data, so they can be hashed or left out, in the log and in spans.
func TestClientsOfTheLog(t *testing.T) {
	for mode, want := range map[string]string{"full": `"client_address":"192.0.2.7"`, "hashed": `"client_address":"`, "none": ""} {
		var out bytes.Buffer
		log := telemetry.NewLog(telemetry.Config{LogFormat: "json", LogHashKey: "0123456789abcdef", LogClient: mode}, &out, nil)
		m, _ := newMetrics(t)
		reset := &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}, Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 2}, Err: os.ErrDeadlineExceeded}
		telemetry.NewRequests(m, nil, log).End(&telemetry.Record{Request: httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil), Client: "192.0.2.7", Status: 408, Err: reset})
		log.Warn().Msg("http: TLS handshake error from 192.0.2.7:2: EOF")
		log.Warn().Msg("read tcp [2001:db8::1%eth0]:1->[::ffff:192.0.2.7]:2")
		for line := range strings.Lines(out.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%s: not JSON: %s", mode, line)
			}
		}
		const names = "12 from cafe at 12:30, from 1800 to 2000: dial tcp 10.0.0.1:443: connection refused"
		log.Info().Msg(names)
		if !strings.Contains(out.String(), names) {
			t.Errorf("%s hides what is not an address: %s", mode, out.String())
		}
		if line := out.String(); !strings.Contains(line, want) || (mode != "full") == strings.Contains(line, "192.0.2.7") || (mode == "none") == strings.Contains(line, "client_address") {
			t.Errorf("%s: %s", mode, line)
		}
	}
	for mode, want := range map[string]string{"some": "LOG_CLIENT_ADDRESS: want full, hashed or none", "hashed": "LOG_CLIENT_ADDRESS: hashed needs LOG_HASH_KEY"} {
		c := telemetry.Config{LogClient: mode, QueueSize: 1}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

// TestTraceOfTheClient: without a collector of our own, a line still has the id of the trace that the load balancer started.
func TestTraceOfTheClient(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	for traceparent, want := range map[string]bool{"00-" + id + "-00f067aa0ba902b7-01": true, "00-" + id: false, "": false} {
		var out bytes.Buffer
		log := telemetry.NewLog(telemetry.Config{LogFormat: "json"}, &out, nil)
		m, _ := newMetrics(t)
		requests := telemetry.NewRequests(m, nil, log)
		rec := &telemetry.Record{Request: httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil), Status: 200}
		if traceparent != "" {
			rec.Request.Header.Set("Traceparent", traceparent)
		}
		requests.Begin(rec)
		requests.End(rec)
		if line := out.String(); strings.Contains(line, `"trace_id":"`+id+`"`) != want || strings.Contains(line, "span_id") {
			t.Errorf("%q: %s", traceparent, line)
		}
	}
}

// TestNamesOfTheLog: no field of a line is one that Google Cloud, Datadog or the Elastic Common Schema reads in another way.
func TestNamesOfTheLog(t *testing.T) {
	var out bytes.Buffer
	log := telemetry.NewLog(telemetry.Config{LogFormat: "json"}, &out, nil)
	m, _ := newMetrics(t)
	requests := telemetry.NewRequests(m, nil, log)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	requests.End(&telemetry.Record{Request: request, Client: "192.0.2.7", Status: 500, Err: errors.New("x"), Stack: []byte("x"), Caller: &guard.Caller{Method: guard.JWT, Subject: "a"}})
	requests.End(&telemetry.Record{Request: request, Admin: true, Status: 200})
	log.Info().Msg("x")
	log.Warn().Msg("x")
	var severities []string
	for text := range strings.Lines(out.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		severities = append(severities, line["severity"].(string))
		for _, taken := range []string{"level", "status", "client", "error", "host", "service", "source", "user", "event", "trace", "span", "url", "http", "log", "process", "server"} {
			if _, ok := line[taken]; ok {
				t.Errorf("%s has %s", text, taken)
			}
		}
	}
	if got := strings.Join(severities, " "); got != "ERROR DEBUG INFO WARNING" {
		t.Errorf("severities %s", got)
	}
}
