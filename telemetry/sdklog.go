package telemetry

import (
	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
)

// useLog has OpenTelemetry write its own lines to our log. They keep their text and lose everything else, because what
// stands beside it may be the value of a variable, such as a header that authenticates us to the collector.
func useLog(log *Log) {
	otel.SetLogger(logr.New(sdkLog{log}))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.Warn().Err(err).Msg("telemetry")
	}))
}

// sdkLog is the logr.LogSink of the SDK. It has the SDK's warnings and errors; the rest tells how the SDK works.
type sdkLog struct{ log *Log }

func (sdkLog) Init(logr.RuntimeInfo) {}

// Enabled leaves out what the SDK logs at the levels for information and for debugging: 1 is its level for warnings.
func (sdkLog) Enabled(level int) bool { return level <= 1 }

func (s sdkLog) Info(_ int, message string, _ ...any) { s.log.Warn().Msg("telemetry: " + message) }

func (s sdkLog) Error(_ error, message string, _ ...any) { s.log.Warn().Msg("telemetry: " + message) }

func (s sdkLog) WithValues(...any) logr.LogSink { return s }

func (s sdkLog) WithName(string) logr.LogSink { return s }
