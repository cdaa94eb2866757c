// Command tracedecho is bareecho with the three spans of a token request, and nothing else of the service: what
// OpenTelemetry's SDK and its OTLP exporter cost at least.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

func main() {
	exporter, err := otlptracehttp.New(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	tracer := trace.NewTracerProvider(trace.WithBatcher(exporter)).Tracer("tracedecho")
	answer := []byte(`{"signature":"` + strings.Repeat("x", 300) + `"}`)
	e := echo.New()
	e.POST("/", func(c echo.Context) error {
		ctx := propagation.TraceContext{}.Extract(c.Request().Context(), propagation.HeaderCarrier(c.Request().Header))
		ctx, server := tracer.Start(ctx, "POST /", api.WithSpanKind(api.SpanKindServer))
		defer server.End()
		for _, name := range []string{"token.validate", "token.sign"} {
			_, span := tracer.Start(ctx, name)
			span.End()
		}
		return c.Blob(http.StatusOK, "application/json; charset=utf-8", answer)
	})
	server := &http.Server{Addr: ":" + os.Getenv("PORT"), Handler: e}
	log.Fatal(server.ListenAndServe())
}
