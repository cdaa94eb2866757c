package telemetry

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Requests watches HTTP requests: a server span, where tracing is on, and a duration for each. It takes a tenth of the
// time of otelhttp, which gathers its attributes for requests that are not sampled too.
type Requests struct {
	metrics *Metrics
	tracing *Tracing
}

// NewRequests returns a watcher of requests; tracing may be nil.
func NewRequests(m *Metrics, t *Tracing) *Requests { return &Requests{m, t} }

// Ready hands over what says whether the service takes requests.
func (o *Requests) Ready(ready func() bool) { o.metrics.ready.Store(&ready) }

// Exchange is what became of a request.
type Exchange struct {
	// Route is empty where nothing is served.
	Route, Client string
	Status        int
	Took          time.Duration
	// Method says how the caller is known, Decision whether it got a token; empty where it did not come so far.
	Method, Decision string
}

// The attributes of a caller; semantic conventions have none for them.
const (
	methodKey   = attribute.Key("videosdk.caller.method")
	decisionKey = attribute.Key("videosdk.caller.decision")
)

// Start begins the request's span, as a child of the client's where it sent one. The context holds it.
func (o *Requests) Start(r *http.Request, route string) context.Context {
	ctx := r.Context()
	if o.tracing == nil {
		return ctx
	}
	ctx = propagator.Extract(ctx, propagation.HeaderCarrier(r.Header))
	name := method(r)
	if route != "" {
		name += " " + route
	}
	ctx, _ = o.tracing.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer)) //nolint:spancheck // End ends it
	return ctx
}

// End ends what Start began.
func (o *Requests) End(ctx context.Context, r *http.Request, e *Exchange) {
	if caller, ok := o.metrics.callers[e.Method]; ok {
		caller.Inc()
	}
	if refusal, ok := o.metrics.refusals[e.Decision]; ok {
		refusal.Inc()
	}
	series := Series{method(r), e.Route, e.Status}
	duration, ok := o.metrics.expected[series]
	if !ok {
		duration = o.metrics.requests.WithLabelValues(series.Method, series.Route, strconv.Itoa(e.Status))
	}
	if o.tracing == nil {
		duration.Observe(e.Took.Seconds())
		return
	}
	span := trace.SpanFromContext(ctx)
	if !span.SpanContext().IsSampled() {
		duration.Observe(e.Took.Seconds())
		span.End()
		return
	}
	exemplar := prometheus.Labels{"trace_id": span.SpanContext().TraceID().String()}
	duration.(prometheus.ExemplarObserver).ObserveWithExemplar(e.Took.Seconds(), exemplar) // every histogram is one
	span.SetAttributes(attributes(r, e)...)
	if e.Status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// attributes describes a request by semantic conventions for HTTP server spans. The path is left out where it is not the
// route, as is the query: a client may write anything there.
func attributes(r *http.Request, e *Exchange) []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 14)
	attrs = append(attrs,
		semconv.HTTPRequestMethodKey.String(method(r)),
		semconv.HTTPResponseStatusCode(e.Status),
		semconv.URLScheme("http"),
		semconv.ClientAddress(e.Client),
		semconv.NetworkProtocolVersion(r.Proto[len("HTTP/"):]),
		semconv.UserAgentOriginal(r.UserAgent()),
	)
	if e.Route != "" {
		attrs = append(attrs, semconv.HTTPRoute(e.Route), semconv.URLPath(e.Route))
	}
	if e.Method != "" {
		attrs = append(attrs, methodKey.String(e.Method))
	}
	if e.Decision != "" {
		attrs = append(attrs, decisionKey.String(e.Decision))
	}
	if host, port, err := net.SplitHostPort(r.Host); err == nil {
		attrs = append(attrs, semconv.ServerAddress(host))
		if n, err := strconv.Atoi(port); err == nil {
			attrs = append(attrs, semconv.ServerPort(n))
		}
	} else {
		attrs = append(attrs, semconv.ServerAddress(r.Host))
	}
	if e.Status >= http.StatusInternalServerError {
		attrs = append(attrs, semconv.ErrorTypeKey.String(strconv.Itoa(e.Status)))
	}
	return attrs
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
