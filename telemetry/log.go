package telemetry

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/trace"
)

// Log writes lines, and knows whether they may name people and sessions.
type Log struct {
	zerolog.Logger
	hashKey []byte
	clients string // LOG_CLIENT_ADDRESS
}

func init() {
	// zerolog knows no other way to set these
	zerolog.TimeFieldFormat = time.RFC3339Nano
	zerolog.LevelFieldName, zerolog.LevelFieldMarshalFunc = "severity", severity
	zerolog.ErrorFieldName = "error_message"
	zerolog.CallerFieldName = "source" // so that the text format does not take our caller for a line of code
}

// NewLog returns a log that writes lines to w, from many goroutines at once, each with the trace and span of its
// context. Where LOG_FORMAT is not set, the destination of w decides on the format.
func NewLog(c Config, w io.Writer, destination *os.File) *Log {
	if c.LogClient == clientHashed || c.LogClient == clientNone {
		w = withoutPeers{w}
	}
	if !JSON(c.LogFormat, destination) {
		w = zerolog.ConsoleWriter{Out: w, NoColor: !isTerminal(destination), TimeFormat: time.TimeOnly}
	}
	lines := zerolog.New(w).Level(zerolog.Level(c.LogLevel)).Hook(zerolog.HookFunc(addTrace)).With().Timestamp().Logger()
	return &Log{lines, []byte(c.LogHashKey), c.LogClient}
}

// JSON says whether lines to that destination are JSON. LOG_FORMAT decides; without it only a terminal gets text.
func JSON(format string, destination *os.File) bool {
	return format == "json" || format != "text" && !isTerminal(destination)
}

// severity names a level as Google Cloud reads it. Datadog and Loki read the field and these words too. The names of
// other fields are chosen so that none of them is an object in the Elastic Common Schema, or has a meaning of its own
// at Datadog, as client, error and status have.
func severity(level zerolog.Level) string {
	switch level {
	case zerolog.TraceLevel: // never logged, but the text format finds a level by its first name
		return "TRACE"
	case zerolog.DebugLevel:
		return "DEBUG"
	case zerolog.InfoLevel:
		return "INFO"
	case zerolog.WarnLevel:
		return "WARNING"
	default:
		return "ERROR"
	}
}

// withoutPeers hides the addresses of connections, which net/http's and net's errors hold, from lines that may not have
// the addresses of clients.
type withoutPeers struct{ io.Writer }

// peers has ports, as addresses of connections have, because a session may be called "12 from cafe". An address that
// the service dials is not a client's.
var peers = regexp.MustCompile(`\b((?:read|write|close|set|accept) tcp|from) ` +
	`(\d+(\.\d+){3}|\[[^]]+\]):\d+(->[^\s"]+:\d+)?`)

func (w withoutPeers) Write(line []byte) (int, error) {
	_, err := w.Writer.Write(peers.ReplaceAll(line, []byte("$1 a hidden address")))
	return len(line), err
}

// Name is a person's or a session's name as the log may have it: with LOG_HASH_KEY a keyed hash, so that it can be
// followed through the log, but not read from it.
func (l *Log) Name(name string) string {
	if len(l.hashKey) == 0 || name == "" {
		return name
	}
	mac := hmac.New(sha256.New, l.hashKey)
	mac.Write([]byte(name))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// client is a client's address as the log and the spans may have it; empty where they may not.
func (l *Log) client(address string) string {
	switch l.clients {
	case clientNone:
		return ""
	case clientHashed:
		return l.Name(address)
	default:
		return address
	}
}

func isTerminal(f *os.File) bool { return f != nil && isatty.IsTerminal(f.Fd()) }

// addTrace adds the trace and span of a line's context to it.
func addTrace(e *zerolog.Event, _ zerolog.Level, _ string) {
	span := trace.SpanContextFromContext(e.GetCtx())
	if !span.IsValid() {
		return
	}
	e.Str("trace_id", span.TraceID().String())
	if !span.IsRemote() { // a remote span is the client's
		e.Str("span_id", span.SpanID().String())
	}
}
