package telemetry

import (
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"videosdk-auth-endpoint/signer"
)

// Build says what runs.
type Build struct{ Version, Revision string }

// Metrics are the service's own. Every series that can come exists from the start, so that rate() works from the first
// scrape, and none of their labels takes a value from a client.
type Metrics struct {
	validations        map[string]prometheus.Counter           // by result
	validationFailures map[signer.Violation]prometheus.Counter // by property and rule
	validationDuration prometheus.Histogram
	signatures         map[string]prometheus.Counter // by result
	signingDuration    prometheus.Histogram
	issued             map[string]prometheus.Counter // by role
	spans              map[string]prometheus.Counter // by result
	ready              prometheus.Gauge
	rotations          map[string]prometheus.Counter // by result
	rotated            prometheus.Gauge
	requests           *prometheus.HistogramVec
	expected           map[Series]prometheus.Observer // of requests
}

// The values of the result labels.
const (
	resultValid    = "valid"
	resultInvalid  = "invalid"
	resultOK       = "ok"
	resultError    = "error"
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

// NewMetrics registers the service's metrics, and those of the Go runtime, the process and the build. It is told the
// properties whose rules can be broken and the requests that can come.
func NewMetrics(registry prometheus.Registerer, b Build, properties []signer.Property, requests []Series) *Metrics {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "videosdk_build_info",
		Help:        "Always 1; its labels say which build of the service runs.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "goversion": runtime.Version()},
	})
	info.Set(1)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		registry.MustRegister(vec)
		return vec
	}
	results := func(vec *prometheus.CounterVec, values ...string) map[string]prometheus.Counter {
		counters := map[string]prometheus.Counter{}
		for _, v := range values {
			counters[v] = vec.WithLabelValues(v)
		}
		return counters
	}
	m := &Metrics{
		validations:        results(counter("videosdk_token_validations_total", "Token requests validated, by result.", "result"), resultValid, resultInvalid),
		validationFailures: map[signer.Violation]prometheus.Counter{},
		validationDuration: prometheus.NewHistogram(histogram("videosdk_token_validation_duration_seconds", "Time to validate a token request.", microseconds)),
		signatures:         results(counter("videosdk_token_signatures_total", "Tokens signed, by result.", "result"), resultOK, resultError),
		signingDuration:    prometheus.NewHistogram(histogram("videosdk_token_signing_duration_seconds", "Time to sign a token.", microseconds)),
		issued:             results(counter("videosdk_tokens_issued_total", "Tokens issued, by the role that they give.", "role"), signer.Roles...),
		spans:              results(counter("videosdk_trace_spans_total", "Sampled spans, by what became of them: exported, refused by the collector (failed), or dropped because the queue for it was full.", "result"), resultExported, resultFailed, resultDropped),
		ready:              prometheus.NewGauge(prometheus.GaugeOpts{Name: "videosdk_ready", Help: "1 while the service takes requests, 0 before and while it drains."}),
		rotations:          results(counter("videosdk_credential_reloads_total", "Changes of the credential files, by result; after an error the old credentials stay in use.", "result"), resultOK, resultError),
		rotated:            prometheus.NewGauge(prometheus.GaugeOpts{Name: "videosdk_credential_last_load_timestamp_seconds", Help: "When the credentials in use were loaded."}),
		requests:           prometheus.NewHistogramVec(histogram("http_server_request_duration_seconds", "Duration of HTTP requests.", milliseconds), []string{"http_request_method", "http_route", "http_response_status_code"}),
		expected:           map[Series]prometheus.Observer{},
	}
	registry.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.validationDuration, m.signingDuration, m.ready, m.rotated, m.requests)
	m.rotated.SetToCurrentTime()
	failures := counter("videosdk_token_validation_failures_total", "Properties of token requests that broke a rule.", "property", "rule")
	for _, p := range properties {
		for _, rule := range p.Rules() {
			m.validationFailures[signer.Violation{Property: p.Name, Rule: rule}] = failures.WithLabelValues(p.Name, string(rule))
		}
	}
	for _, series := range requests {
		m.expected[series] = m.requests.WithLabelValues(series.Method, series.Route, strconv.Itoa(series.Status))
	}
	return m
}

// Rotated counts a change of the credentials; its error says that the old ones stay.
func (m *Metrics) Rotated(err error) {
	if err != nil {
		m.rotations[resultError].Inc()
		return
	}
	m.rotations[resultOK].Inc()
	m.rotated.SetToCurrentTime()
}

// Handler serves the registry to Prometheus.
func Handler(registry *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry, EnableOpenMetrics: true})
}
