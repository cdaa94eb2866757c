package telemetry

import (
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
)

// serviceName is what OpenTelemetry calls the scope of the service's spans and metrics.
const serviceName = "videosdk-auth-endpoint"

// Build says what runs.
type Build struct{ Version, Revision string }

// Metrics are the service's own. Every series that can come exists from the start, so that rate() works from the first
// scrape, and none of their labels takes a value from a client.
type Metrics struct {
	validations        map[string]prometheus.Counter           // by result
	validationFailures map[signer.Violation]prometheus.Counter // by property and rule
	misnamed           map[string]prometheus.Counter           // by property
	validationDuration prometheus.Histogram
	signatures         map[string]prometheus.Counter // by result
	signingDuration    prometheus.Histogram
	issued             map[string]prometheus.Counter // by role
	spans              map[string]prometheus.Counter // by result
	ready              atomic.Pointer[func() bool]
	credentials        reloads
	rotated            prometheus.Gauge
	open               prometheus.Gauge
	callers            map[string]prometheus.Counter // by method
	refusals           map[string]prometheus.Counter // by reason
	keySets            map[string]prometheus.Counter // by result
	keySetFetched      prometheus.Gauge
	keysSkipped        map[string]prometheus.Counter // by reason
	apiKeys            reloads
	connectionsClosed  prometheus.Counter
	forbiddenOrigins   prometheus.Counter
	policy             reloads
	requests           *prometheus.HistogramVec
	expected           map[Series]prometheus.Observer // of requests
}

// The values of the result labels.
const (
	resultValid    = "valid"
	resultInvalid  = "invalid"
	resultExported = "exported"
	resultFailed   = "failed"
	resultDropped  = "dropped"
)

// Series labels the requests of one time series, as semantic conventions name them: http.request.method, http.route (empty
// where nothing is served) and http.response.status_code.
type Series struct {
	Method, Route string
	Status        int
}

// Work on a token takes microseconds.
var microseconds = []float64{250e-9, 500e-9, 1e-6, 2.5e-6, 5e-6, 10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 1e-3}

// A request takes as long as its body takes to arrive, which is up to the client and its network.
var milliseconds = []float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 1, 10}

func histogram(name, help string, buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: buckets,
		// native beside the classic buckets, for a Prometheus that takes them
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	}
}

// NewMetrics registers the service's metrics, and those of the Go runtime, the process and the build.
func NewMetrics(registry prometheus.Registerer, b Build) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		registry.MustRegister(vec)
		return vec
	}
	duration := histogram("http_server_request_duration_seconds", "Duration of HTTP requests.", milliseconds)
	// Other services use this name too. The label is OpenTelemetry's, and tells ours from theirs whatever the scrape calls us.
	duration.ConstLabels = prometheus.Labels{"otel_scope_name": serviceName}
	m := &Metrics{
		validations:        results(counter("videosdk_token_validations_total", "Token requests validated, by result.", "result"), resultValid, resultInvalid),
		validationFailures: brokenRules(counter("videosdk_token_validation_failures_total", "Properties of token requests that broke a rule.", "property", "rule")),
		misnamed:           results(counter("videosdk_token_misnamed_properties_total", "Settings that token requests have under a name that is not known, by the property that is probably meant.", "property"), propertyNames()...),
		validationDuration: prometheus.NewHistogram(histogram("videosdk_token_validation_duration_seconds", "Time to validate a token request.", microseconds)),
		signatures:         results(counter("videosdk_token_signatures_total", "Tokens signed, by result.", "result"), resultOK, resultError),
		signingDuration:    prometheus.NewHistogram(histogram("videosdk_token_signing_duration_seconds", "Time to sign a token.", microseconds)),
		issued:             results(counter("videosdk_tokens_issued_total", "Tokens issued, by the role that they give.", "role"), signer.Roles...),
		spans:              results(counter("videosdk_trace_spans_total", "Sampled spans, by what became of them: exported, refused by the collector (failed), or dropped because the queue for it was full.", "result"), resultExported, resultFailed, resultDropped),
		credentials: newReloads(
			results(counter("videosdk_credential_reloads_total", "Changes of the credential files, by result; after an error the old credentials stay in use.", "result"), resultOK, resultError),
			prometheus.NewGauge(prometheus.GaugeOpts{Name: "videosdk_credential_last_reload_successful", Help: "0 while the credential files can't be read, so that a new process would not start; else 1."})),
		rotated:          prometheus.NewGauge(prometheus.GaugeOpts{Name: "videosdk_credential_last_load_timestamp_seconds", Help: "When the credentials in use were loaded."}),
		forbiddenOrigins: counter("videosdk_forbidden_origin_requests_total", "Requests of web pages whose origin is not in CORS_ALLOWED_ORIGINS; browsers hide the answers from them.").WithLabelValues(),
		open:             prometheus.NewGauge(prometheus.GaugeOpts{Name: "videosdk_auth_open", Help: "1 where no authentication is configured, so that everybody gets tokens."}),
		callers:          results(counter("videosdk_token_callers_total", "Token requests whose caller is known, by how; none where authentication is not configured.", "method"), methodNames()...),
		refusals:         results(counter("videosdk_token_refusals_total", "Token requests refused for who makes them, by reason.", "reason"), texts(guard.Reasons())...),
		keySets:          results(counter("videosdk_jwks_refreshes_total", "Fetches of a provider's key set, by result; after an error the last good keys stay in use.", "result"), resultOK, resultError),
		keySetFetched:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "videosdk_jwks_last_refresh_timestamp_seconds", Help: "When the key set in use was fetched, of several issuers the oldest one; 0 before the first time."}),
		keysSkipped:      results(counter("videosdk_jwks_keys_skipped_total", "Keys that a fetch of a key set left out, by reason; the others of the set are used.", "reason"), texts(guard.SkipReasons)...),
		apiKeys: newReloads(
			results(counter("videosdk_api_key_reloads_total", "Changes of the file of API keys, by result; after an error the keys from before stay in use.", "result"), resultOK, resultError),
			prometheus.NewGauge(prometheus.GaugeOpts{Name: "videosdk_api_key_last_reload_successful", Help: "0 while the file of API keys can't be read, so that a new process would not start; else 1."})),
		connectionsClosed: counter("videosdk_connections_closed_total", "Connections closed to stay within GOMEMLIMIT, because their clients kept the service waiting longest.").WithLabelValues(),
		policy: newReloads(
			results(counter("videosdk_policy_reloads_total", "Changes of the policy's file, by result; after an error the policy from before stays in use.", "result"), resultOK, resultError),
			prometheus.NewGauge(prometheus.GaugeOpts{Name: "videosdk_policy_last_reload_successful", Help: "0 while the policy's file can't be used, so that a new process would not start; else 1."})),
		requests: prometheus.NewHistogramVec(duration, []string{"http_request_method", "http_route", "http_response_status_code"}),
		expected: map[Series]prometheus.Observer{},
	}
	registry.MustRegister(buildInfo(b), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.validationDuration, m.signingDuration, m.rotated, m.credentials.readable, m.open, m.keySetFetched, m.apiKeys.readable, m.policy.readable, m.requests,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "videosdk_ready", Help: "1 while the service takes requests, 0 before and while it drains."}, m.isReady))
	m.rotated.SetToCurrentTime()
	return m
}

// results has a counter for each value of a label.
func results(vec *prometheus.CounterVec, values ...string) map[string]prometheus.Counter {
	counters := map[string]prometheus.Counter{}
	for _, v := range values {
		counters[v] = vec.WithLabelValues(v)
	}
	return counters
}

// brokenRules has a counter for each rule that a property can break.
func brokenRules(failures *prometheus.CounterVec) map[signer.Violation]prometheus.Counter {
	counters := map[signer.Violation]prometheus.Counter{}
	for _, p := range signer.Properties() {
		for _, rule := range p.Rules() {
			counters[signer.Violation{Property: p.Name, Rule: rule}] = failures.WithLabelValues(p.Name, string(rule))
		}
	}
	return counters
}

func buildInfo(b Build) prometheus.Gauge {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "videosdk_build_info",
		Help:        "Always 1; its labels say which build of the service runs.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "goversion": runtime.Version()},
	})
	info.Set(1)
	return info
}

func methodNames() []string {
	all := make([]string, len(guard.Methods))
	for i, m := range guard.Methods {
		all[i] = m.Name
	}
	return all
}

func propertyNames() []string {
	var all []string
	for _, p := range signer.Properties() {
		all = append(all, p.Name)
	}
	return all
}

func texts[T ~string](values []T) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return all
}

// Rotated counts a change of the credentials; its error says that the old ones stay.
func (m *Metrics) Rotated(err error) {
	m.credentials.count(err)
	if err == nil {
		m.rotated.SetToCurrentTime()
	}
}

func (m *Metrics) isReady() float64 {
	ready := m.ready.Load()
	return number(ready != nil && (*ready)())
}

// Open says whether everybody gets tokens.
func (m *Metrics) Open(open bool) { m.open.Set(number(open)) }

// KeySetFetched counts a fetch of a key set, and the keys of it that are not used.
func (m *Metrics) KeySetFetched(f guard.KeySetFetch) {
	m.keySets[result(f.Err)].Inc()
	for _, key := range f.Skipped {
		m.keysSkipped[string(key.Reason)].Inc()
	}
	if !f.Oldest.IsZero() {
		m.keySetFetched.Set(float64(f.Oldest.UnixMilli()) / 1000)
	}
}

// APIKeysRead counts a change of the file of API keys; its error says that the keys from before stay.
func (m *Metrics) APIKeysRead(err error) { m.apiKeys.count(err) }

// PolicyRead counts a change of the policy's file; its error says that the policy from before stays.
func (m *Metrics) PolicyRead(err error) { m.policy.count(err) }

// Handler serves the registry to Prometheus.
func Handler(registry *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry, EnableOpenMetrics: true})
}
