package telemetry

import (
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"videosdk-auth-endpoint/internal/guard"
)

// Requests records every HTTP request as a duration, as a line of the log and, where tracing is on, as a server span.
// It takes a tenth of the time of otelhttp, which gathers attributes even for requests that are not sampled.
type Requests struct {
	metrics *Metrics
	tracing *Tracing
	log     *Log
}

// NewRequests returns what writes requests down; tracing may be nil.
func NewRequests(m *Metrics, t *Tracing, log *Log) *Requests { return &Requests{m, t, log} }

// Expect creates the series of answers that can come, so that rate() works from the first scrape. The function ready
// says whether the service takes requests.
func (o *Requests) Expect(series []Series, ready func() bool) {
	for _, s := range series {
		o.metrics.expected[s] = o.metrics.requests.WithLabelValues(s.Method, s.Route, strconv.Itoa(s.Status))
	}
	o.metrics.ready.Store(&ready)
}

// ConnectionClosed counts a connection that was closed to make room for others.
func (o *Requests) ConnectionClosed() { o.metrics.connectionsClosed.Inc() }

// The attributes of a caller; semantic conventions have none for them.
const (
	methodKey   = attribute.Key("videosdk.caller.method")
	decisionKey = attribute.Key("videosdk.caller.decision")
)

// Begin starts the request's span, as a child of the client's where it sent one. The request's context holds it.
func (o *Requests) Begin(rec *Record) {
	r := rec.Request
	if o.tracing == nil && r.Header["Traceparent"] == nil || rec.Admin { // probes and scrapes would drown the traces
		return
	}
	ctx := propagator.Extract(r.Context(), carrier{propagation.HeaderCarrier(r.Header)})
	if o.tracing == nil { // the line has the client's trace all the same
		rec.Request = r.WithContext(ctx)
		return
	}
	name := method(r)
	if rec.Route != "" {
		name += " " + rec.Route
	}
	ctx, _ = o.tracing.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer)) //nolint:spancheck // End ends it
	rec.Request = r.WithContext(ctx)
}

// End writes the request down.
func (o *Requests) End(rec *Record) {
	decision := rec.decision()
	o.measure(rec, decision)
	o.log.request(rec, decision)
}

func (o *Requests) measure(rec *Record, decision string) {
	if rec.Caller != nil {
		if known, ok := o.metrics.callers[rec.Caller.Method.Name]; ok {
			known.Inc()
		}
	}
	if refusal, ok := o.metrics.refusals[guard.Reason(decision)]; ok {
		refusal.Inc()
	}
	if rec.ForbiddenOrigin != "" {
		o.metrics.forbiddenOrigins.Inc()
	}
	r, seconds := rec.Request, rec.Took.Seconds()
	series := Series{method(r), rec.Route, rec.Status}
	duration, ok := o.metrics.expected[series]
	if !ok {
		duration = o.metrics.requests.WithLabelValues(series.Method, series.Route, strconv.Itoa(rec.Status))
	}
	if o.tracing == nil {
		duration.Observe(seconds)
		return
	}
	span := trace.SpanFromContext(r.Context())
	defer span.End()
	if !span.SpanContext().IsSampled() {
		duration.Observe(seconds)
		return
	}
	exemplar := prometheus.Labels{"trace_id": span.SpanContext().TraceID().String()}
	duration.(prometheus.ExemplarObserver).ObserveWithExemplar(seconds, exemplar) // every histogram is one
	span.SetAttributes(attributes(rec, decision)...)
	if client := o.log.client(rec.Client); client != "" {
		span.SetAttributes(semconv.ClientAddress(client))
	}
	if rec.Status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
}

// spanText is what a span keeps of a client's text: at most 256 bytes, the mark of the cut included. It is UTF-8,
// because a collector refuses a whole batch of spans for one text that is not.
func spanText(s string) string { return strings.ToValidUTF8(clip(s, 253), "?") }

// carrier leaves out what is too long to be kept with every span: W3C asks for 512 bytes of a tracestate.
type carrier struct{ propagation.HeaderCarrier }

func (c carrier) Get(key string) string {
	if value := c.HeaderCarrier.Get(key); len(value) <= 512 {
		return value
	}
	return ""
}

// attributes describes a request by semantic conventions for HTTP server spans. The path is left out where it is not
// the route, as is the query: a client may write anything there.
func attributes(e *Record, decision string) []attribute.KeyValue {
	r := e.Request
	attrs := make([]attribute.KeyValue, 0, 14)
	attrs = append(attrs,
		semconv.HTTPRequestMethodKey.String(method(r)),
		semconv.HTTPResponseStatusCode(e.Status),
		semconv.URLScheme(scheme(e)),
		semconv.NetworkProtocolVersion(r.Proto[len("HTTP/"):]),
		semconv.UserAgentOriginal(spanText(r.UserAgent())),
	)
	if e.Route != "" {
		attrs = append(attrs, semconv.HTTPRoute(e.Route), semconv.URLPath(e.Route))
	}
	if e.Caller != nil {
		attrs = append(attrs, methodKey.String(e.Caller.Method.Name))
	}
	if decision != "" {
		attrs = append(attrs, decisionKey.String(decision))
	}
	server := spanText(r.Host)
	if host, port, err := net.SplitHostPort(server); err == nil {
		attrs = append(attrs, semconv.ServerAddress(host))
		if n, err := strconv.Atoi(port); err == nil {
			attrs = append(attrs, semconv.ServerPort(n))
		}
	} else {
		attrs = append(attrs, semconv.ServerAddress(server))
	}
	if e.Status >= http.StatusInternalServerError {
		attrs = append(attrs, semconv.ErrorTypeKey.String(strconv.Itoa(e.Status)))
	}
	return attrs
}

func scheme(e *Record) string {
	if e.HTTPS {
		return "https"
	}
	return "http"
}

// method is the request's, or _OTHER for one that HTTP does not know, as semantic conventions have it.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return r.Method
	default:
		return "_OTHER"
	}
}
