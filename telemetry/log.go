package telemetry

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/trace"
)

// Log writes lines, and knows whether they may name people and sessions.
type Log struct {
	zerolog.Logger
	hashKey []byte
}

func init() {
	// zerolog knows no other way to set it
	zerolog.TimeFieldFormat = time.RFC3339Nano
}

// NewLog returns a log that writes lines to w, from many goroutines at once, each with the trace and span of its context.
// What w writes to decides on their format, where LOG_FORMAT does not.
func NewLog(c Config, w io.Writer, destination *os.File) *Log {
	if c.LogFormat == "text" || c.LogFormat == "" && isTerminal(destination) {
		w = zerolog.ConsoleWriter{Out: w, NoColor: !isTerminal(destination), TimeFormat: time.TimeOnly}
	}
	lines := zerolog.New(w).Level(c.LogLevel).Hook(zerolog.HookFunc(addTrace)).With().Timestamp().Logger()
	return &Log{lines, []byte(c.LogHashKey)}
}

// Name is a person's or a session's name as the log may have it: with LOG_HASH_KEY a keyed hash, so that it can be
// followed through the log, but not read from it.
func (l *Log) Name(name string) string {
	if len(l.hashKey) == 0 {
		return name
	}
	mac := hmac.New(sha256.New, l.hashKey)
	mac.Write([]byte(name))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

func isTerminal(f *os.File) bool { return f != nil && isatty.IsTerminal(f.Fd()) }

// addTrace adds the trace and span of a line's context to it.
func addTrace(e *zerolog.Event, _ zerolog.Level, _ string) {
	if span := trace.SpanContextFromContext(e.GetCtx()); span.IsValid() {
		e.Str("trace_id", span.TraceID().String()).Str("span_id", span.SpanID().String())
	}
}
