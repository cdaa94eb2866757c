package telemetry

import (
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Transport puts a client span around outgoing requests, and sends its trace context along. Tracing may be nil.
func Transport(next http.RoundTripper, t *Tracing) http.RoundTripper {
	if t == nil {
		return next
	}
	return tracedTransport{next, t.tracer}
}

type tracedTransport struct {
	next   http.RoundTripper
	tracer trace.Tracer
}

func (t tracedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, span := t.tracer.Start(r.Context(), r.Method, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		semconv.HTTPRequestMethodKey.String(r.Method),
		semconv.ServerAddress(r.URL.Hostname()),
		semconv.URLFull(r.URL.Scheme+"://"+r.URL.Host+r.URL.Path)))
	defer span.End()
	r = r.Clone(ctx) // a RoundTripper leaves the request as it is
	propagator.Inject(ctx, propagation.HeaderCarrier(r.Header))
	r.Header.Del("Tracestate") // it is between the client, its vendors and us
	answer, err := t.next.RoundTrip(r)
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, "no answer")
		return nil, err //nolint:wrapcheck // a decorator leaves errors as they are
	}
	span.SetAttributes(semconv.HTTPResponseStatusCode(answer.StatusCode))
	if answer.StatusCode >= http.StatusBadRequest { // to a client, those below 500 are errors too
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(answer.StatusCode)))
		span.SetStatus(codes.Error, "")
	}
	return answer, nil
}
