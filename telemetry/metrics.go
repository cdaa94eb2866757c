package telemetry

import (
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
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
	callers            map[string]prometheus.Counter       // by method
	refusals           map[guard.Reason]prometheus.Counter // by reason
	keySets            map[string]prometheus.Counter       // by result
	keySetFetched      prometheus.Gauge
	keysSkipped        map[guard.SkipReason]prometheus.Counter // by reason
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

// Series labels the requests of one time series, as semantic conventions name them: http.request.method, http.route
// (empty where nothing is served) and http.response.status_code.
type Series struct {
	Method, Route string
	Status        int
}

// Work on a token takes microseconds.
var microseconds = []float64{250e-9, 500e-9, 1e-6, 2.5e-6, 5e-6, 10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 1e-3}

// A request takes as long as its body takes to arrive, which is up to the client and its network.
var milliseconds = []float64{
	50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 1, 10,
}

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
	f := factory{promauto.With(registry)}
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	f.NewGauge(prometheus.GaugeOpts{
		Name:        "videosdk_build_info",
		Help:        "Always 1; its labels say which build of the service runs.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "goversion": runtime.Version()},
	}).Set(1)
	m := &Metrics{expected: map[Series]prometheus.Observer{}}
	m.ofTokens(f)
	m.ofCallers(f)
	m.ofRequests(f)
	m.spans = counters(f, "videosdk_trace_spans_total", "Sampled spans, by what became of them: exported, refused by "+
		"the collector (failed), or dropped because the queue for it was full.",
		"result", resultExported, resultFailed, resultDropped)
	return m
}

func (m *Metrics) ofTokens(f factory) {
	properties := signer.Properties()
	m.validations = counters(f, "videosdk_token_validations_total", "Token requests validated, by result.",
		"result", resultValid, resultInvalid)
	m.validationDuration = f.NewHistogram(histogram("videosdk_token_validation_duration_seconds",
		"Time to validate a token request.", microseconds))
	m.misnamed = counters(f, "videosdk_token_misnamed_properties_total", "Settings that token requests have under a "+
		"name that is not known, by the property that is probably meant.",
		"property", names(properties, func(p signer.Property) string { return p.Name })...)
	m.signatures = counters(f, "videosdk_token_signatures_total", "Tokens signed, by result.",
		"result", resultOK, resultError)
	m.signingDuration = f.NewHistogram(histogram("videosdk_token_signing_duration_seconds",
		"Time to sign a token.", microseconds))
	m.issued = counters(f, "videosdk_tokens_issued_total", "Tokens issued, by the role that they give.",
		"role", signer.Roles...)
	m.credentials = f.reloads("videosdk_credential_reloads_total", "videosdk_credential_last_reload_successful",
		"the credential files")
	m.rotated = f.gauge("videosdk_credential_last_load_timestamp_seconds", "When the credentials in use were loaded.")
	m.rotated.SetToCurrentTime()

	failures := f.NewCounterVec(prometheus.CounterOpts{
		Name: "videosdk_token_validation_failures_total",
		Help: "Properties of token requests that broke a rule.",
	}, []string{"property", "rule"})
	m.validationFailures = map[signer.Violation]prometheus.Counter{}
	for _, p := range properties {
		for _, rule := range p.Rules() {
			broken := signer.Violation{Property: p.Name, Rule: rule}
			m.validationFailures[broken] = failures.WithLabelValues(p.Name, string(rule))
		}
	}
}

func (m *Metrics) ofCallers(f factory) {
	m.open = f.gauge("videosdk_auth_open", "1 where no authentication is configured, so that everybody gets tokens.")
	m.callers = counters(f, "videosdk_token_callers_total", "Token requests whose caller is known, by how; none where "+
		"authentication is not configured.",
		"method", names(guard.Methods, func(m *guard.Method) string { return m.Name })...)
	m.refusals = counters(f, "videosdk_token_refusals_total", "Token requests refused for who makes them, by reason.",
		"reason", guard.Reasons()...)
	m.keySets = counters(f, "videosdk_jwks_refreshes_total", "Fetches of a provider's key set, by result; after an "+
		"error the last good keys stay in use.",
		"result", resultOK, resultError)
	m.keySetFetched = f.gauge("videosdk_jwks_last_refresh_timestamp_seconds",
		"When the key set in use was fetched, of several issuers the oldest one; 0 before the first time.")
	m.keysSkipped = counters(f, "videosdk_jwks_keys_skipped_total", "Keys that a fetch of a key set left out, by "+
		"reason; the others of the set are used.",
		"reason", guard.SkipReasons...)
	m.apiKeys = f.reloads("videosdk_api_key_reloads_total", "videosdk_api_key_last_reload_successful",
		"the file of API keys")
	m.policy = f.reloads("videosdk_policy_reloads_total", "videosdk_policy_last_reload_successful", "the policy's file")
}

func (m *Metrics) ofRequests(f factory) {
	duration := histogram("http_server_request_duration_seconds", "Duration of HTTP requests.", milliseconds)
	// Other services use this name too. The label is OpenTelemetry's, and tells ours from theirs whatever the scrape
	// calls us.
	duration.ConstLabels = prometheus.Labels{"otel_scope_name": serviceName}
	m.requests = f.NewHistogramVec(duration, []string{"http_request_method", "http_route", "http_response_status_code"})
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "videosdk_ready",
		Help: "1 while the service takes requests, 0 before and while it drains.",
	}, m.isReady)
	m.connectionsClosed = f.counter("videosdk_connections_closed_total", "Connections closed to stay within "+
		"GOMEMLIMIT, because their clients kept the service waiting longest.")
	m.forbiddenOrigins = f.counter("videosdk_forbidden_origin_requests_total", "Requests of web pages whose origin is "+
		"not in CORS_ALLOWED_ORIGINS; browsers hide the answers from them.")
}

func names[T any](all []T, name func(T) string) []string {
	var found []string
	for _, one := range all {
		found = append(found, name(one))
	}
	return found
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
		m.keysSkipped[key.Reason].Inc()
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
