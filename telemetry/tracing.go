package telemetry

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Tracing sends spans to an OTLP collector. A nil Tracing is one that is off, and costs nothing.
type Tracing struct {
	tracer   trace.Tracer
	provider *sdk.TracerProvider
}

// NewTracing returns nil where the configuration names no collector. It does not connect: a collector that is gone
// costs spans, never a start or a request.
func NewTracing(ctx context.Context, c Config, b Build, m *Metrics, log *Log) (*Tracing, error) {
	if !c.traces() {
		return nil, nil //nolint:nilnil // off is a state, not an error
	}
	useLog(log)
	exporter, err := otlptrace.New(ctx, c.client())
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	if dropUnreadable() {
		log.Warn().Msg("OTEL_RESOURCE_ATTRIBUTES: entries that can't be read are left out; " +
			"want key=value with commas between")
	}
	// the environment's attributes come last, and so win
	about, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName(serviceName), semconv.ServiceVersion(b.Version)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv())
	if err != nil { // the rest counts
		log.Warn().Err(err).Msg("telemetry")
	}
	queue := &queue{limit: int64(c.QueueSize), metrics: m}
	counted := counting{exporter, queue, headerWords()}
	queue.SpanProcessor = sdk.NewBatchSpanProcessor(counted, sdk.WithMaxQueueSize(int(c.QueueSize)))
	provider := sdk.NewTracerProvider(sdk.WithResource(about), sdk.WithSpanProcessor(queue))
	return &Tracing{provider.Tracer(serviceName, trace.WithInstrumentationVersion(b.Version)), provider}, nil
}

// client sends spans to the endpoint by the protocol of the configuration. The endpoint is handed over, because the
// exporter would choose https where none is set, and would let OTEL_EXPORTER_OTLP_INSECURE overrule an https endpoint.
func (c *Config) client() otlptrace.Client {
	if c.protocol() == protocolGRPC {
		return otlptracegrpc.NewClient(otlptracegrpc.WithEndpointURL(c.endpoint()))
	}
	return otlptracehttp.NewClient(otlptracehttp.WithEndpointURL(c.endpoint()))
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

// queue stands before the SDK's batch processor, which tells nobody when it drops spans because its own queue is full.
// This queue has the same limit, and counts what it drops.
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
	queue   *queue
	secrets []string // which a collector may quote
}

// rejected is how many spans of a batch a collector did not take, although it took the others.
var rejected = regexp.MustCompile(`OTLP partial success: (?s:.*)\((\d+) spans rejected\)$`)

func (c counting) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	failed, err := 0, c.SpanExporter.ExportSpans(ctx, spans)
	if err != nil {
		failed = len(spans)
		if partial := rejected.FindStringSubmatch(err.Error()); partial != nil {
			n, _ := strconv.Atoi(partial[1])
			failed = min(n, len(spans))
		}
		err = errors.New(c.inWords(err.Error()))
	}
	c.queue.metrics.spans[resultFailed].Add(float64(failed))
	c.queue.metrics.spans[resultExported].Add(float64(len(spans) - failed))
	c.queue.waiting.Add(-int64(len(spans)))
	return err
}

// inWords explains errors that name neither cause nor remedy. Each protocol has its own port, and a client that asks on
// the wrong one can't read the answer. Of what a collector answers, it keeps a part.
func (c counting) inWords(said string) string {
	switch {
	case strings.Contains(said, "malformed HTTP response"):
		return fmt.Sprintf("the collector speaks gRPC on this port: set OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or take its port "+
			"for HTTP, usually 4318: %.80q", said)
	case strings.Contains(said, "error reading server preface"):
		return fmt.Sprintf("the collector does not speak gRPC on this port: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, "+
			"or take its port for gRPC, usually 4317: %.80q", said)
	}
	for _, secret := range c.secrets {
		said = strings.ReplaceAll(said, secret, "…")
	}
	return clip(said, 500)
}
