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

// Ready says whether the service takes requests.
func (o *Requests) Ready(ready bool) {
	if ready {
		o.metrics.ready.Set(1)
	} else {
		o.metrics.ready.Set(0)
	}
}

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

// End ends what Start began. Route is empty where nothing is served.
func (o *Requests) End(ctx context.Context, r *http.Request, route, client string, status int, took time.Duration) {
	series := Series{method(r), route, status}
	duration, ok := o.metrics.expected[series]
	if !ok {
		duration = o.metrics.requests.WithLabelValues(series.Method, series.Route, strconv.Itoa(status))
	}
	if o.tracing == nil {
		duration.Observe(took.Seconds())
		return
	}
	span := trace.SpanFromContext(ctx)
	if !span.SpanContext().IsSampled() {
		duration.Observe(took.Seconds())
		span.End()
		return
	}
	exemplar := prometheus.Labels{"trace_id": span.SpanContext().TraceID().String()}
	duration.(prometheus.ExemplarObserver).ObserveWithExemplar(took.Seconds(), exemplar) // every histogram is one
	span.SetAttributes(attributes(r, route, client, status)...)
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// attributes describes a request by semantic conventions for HTTP server spans. The path is left out where it is not the
// route, as is the query: a client may write anything there.
func attributes(r *http.Request, route, client string, status int) []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 12)
	attrs = append(attrs,
		semconv.HTTPRequestMethodKey.String(method(r)),
		semconv.HTTPResponseStatusCode(status),
		semconv.URLScheme("http"),
		semconv.ClientAddress(client),
		semconv.NetworkProtocolVersion(r.Proto[len("HTTP/"):]),
		semconv.UserAgentOriginal(r.UserAgent()),
	)
	if route != "" {
		attrs = append(attrs, semconv.HTTPRoute(route), semconv.URLPath(route))
	}
	if host, port, err := net.SplitHostPort(r.Host); err == nil {
		attrs = append(attrs, semconv.ServerAddress(host))
		if n, err := strconv.Atoi(port); err == nil {
			attrs = append(attrs, semconv.ServerPort(n))
		}
	} else {
		attrs = append(attrs, semconv.ServerAddress(r.Host))
	}
	if status >= http.StatusInternalServerError {
		attrs = append(attrs, semconv.ErrorTypeKey.String(strconv.Itoa(status)))
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
