package telemetry

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"os"

	"go.opentelemetry.io/otel/trace"
)

// The keys of attributes that name people and sessions, which LOG_HASH_KEY hides.
const (
	SessionNameKey  = "session_name"
	UserIdentityKey = "user_identity"
	UserKeyKey      = "user_key"
)

// NewLog returns a logger that writes lines to w, each with the trace and span of its context. What w writes to decides
// on their format, where LOG_FORMAT does not.
func NewLog(c Config, w io.Writer, destination *os.File) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogHashKey != "" {
		options.ReplaceAttr = hashNames([]byte(c.LogHashKey))
	}
	var lines slog.Handler = slog.NewJSONHandler(w, options)
	if c.LogFormat == "text" || c.LogFormat == "" && isTerminal(destination) {
		lines = slog.NewTextHandler(w, options)
	}
	return slog.New(traced{lines})
}

// hashNames replaces names by a keyed hash: the same name can be followed through the log, but not read from it.
func hashNames(key []byte) func([]string, slog.Attr) slog.Attr {
	return func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case SessionNameKey, UserIdentityKey, UserKeyKey:
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(a.Value.String()))
			return slog.String(a.Key, hex.EncodeToString(mac.Sum(nil)[:16]))
		}
		return a
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// traced adds the context's trace and span to each line.
type traced struct{ slog.Handler }

func (h traced) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r) //nolint:wrapcheck // it is the wrapped handler's to say
}

func (h traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{h.Handler.WithAttrs(attrs)} }

func (h traced) WithGroup(name string) slog.Handler { return traced{h.Handler.WithGroup(name)} }
