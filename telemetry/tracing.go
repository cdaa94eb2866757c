package telemetry

import (
	"context"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

const ()

// Tracing sends spans to an OTLP collector. A nil Tracing is one that is off, and costs nothing.
type Tracing struct {
	tracer   trace.Tracer
	provider *sdk.TracerProvider
}

// NewTracing returns nil where the configuration names no collector. It does not connect: a collector that is gone costs
// spans, never a start or a request.
func NewTracing(ctx context.Context, c Config, b Build, m *Metrics, log *Log) (*Tracing, error) {
	if !c.traces() {
		return nil, nil //nolint:nilnil // off is a state, not an error
	}
	protocol := c.Protocol
	if c.TracesProtocol != "" {
		protocol = c.TracesProtocol
	}
	client := otlptracehttp.NewClient()
	if protocol == protocolGRPC {
		client = otlptracegrpc.NewClient()
	}
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	// the environment's attributes come last, and so win
	about, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName(serviceName), semconv.ServiceVersion(b.Version)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("tracing: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	// what the SDK meets in the background: a collector that is gone, a sampler that it does not know
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn().Err(err).Msg("telemetry") }))
	queue := &queue{limit: int64(c.QueueSize), metrics: m}
	queue.SpanProcessor = sdk.NewBatchSpanProcessor(counting{exporter, queue}, sdk.WithMaxQueueSize(int(c.QueueSize)))
	provider := sdk.NewTracerProvider(sdk.WithResource(about), sdk.WithSpanProcessor(queue))
	return &Tracing{provider.Tracer(serviceName, trace.WithInstrumentationVersion(b.Version)), provider}, nil
}

func (c *Config) traces() bool {
	switch {
	case c.Disabled || c.TracesExporter == "none":
		return false
	case c.TracesExporter == "otlp":
		return true
	default:
		return c.Endpoint != "" || c.TracesEndpoint != ""
	}
}

// Flush sends what waits and stops. Its error says that spans were lost.
func (t *Tracing) Flush(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("tracing: spans were lost: %w", err)
	}
	return nil
}

var propagator = propagation.TraceContext{}

// queue stands before the SDK's batch processor, which drops spans when its queue is full but tells nobody: it drops
// them first, and counts.
type queue struct {
	sdk.SpanProcessor
	limit   int64
	waiting atomic.Int64
	metrics *Metrics
}

// OnEnd takes a span into the queue, or drops it. It never waits.
func (q *queue) OnEnd(s sdk.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	if q.waiting.Add(1) > q.limit {
		q.waiting.Add(-1)
		q.metrics.spans[resultDropped].Inc()
		return
	}
	q.SpanProcessor.OnEnd(s)
}

// counting counts what leaves the queue.
type counting struct {
	sdk.SpanExporter
	queue *queue
}

func (c counting) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := c.SpanExporter.ExportSpans(ctx, spans)
	result := resultExported
	if err != nil {
		result = resultFailed
	}
	c.queue.metrics.spans[result].Add(float64(len(spans)))
	c.queue.waiting.Add(-int64(len(spans)))
	return err //nolint:wrapcheck // a decorator leaves errors as they are
}
