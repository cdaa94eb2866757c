package telemetry

import (
	"errors"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
)

// Record is everything that is known of one request. The service fills it in as it answers.
type Record struct {
	Request *http.Request
	ID      string
	Route   string // empty where nothing is served
	Admin   bool   // health and metrics: no span, and a line at debug
	Client  string
	HTTPS   bool          // says that the client sent it encrypted, to a trusted proxy
	Caller  *guard.Caller // nil until it is known
	Grant   *signer.Grant // what the token says that was sent; nil where none was
	// ForbiddenOrigin is that of a web page whose browser hides the answer from it, by CORS_ALLOWED_ORIGINS.
	ForbiddenOrigin string
	Status          int
	Took            time.Duration
	Err             error  // why the request failed
	Stack           []byte // where it panicked
}

// allowed is the decision on a request that got a token.
const allowed = "allowed"

// decision says whether the caller got a token, or why not; empty where a request did not get that far.
func (r *Record) decision() string {
	if r.Err != nil {
		if refusal, ok := errors.AsType[*guard.RefusalError](r.Err); ok {
			return string(refusal.Reason)
		}
	}
	if r.Grant != nil {
		return allowed
	}
	return ""
}

// level is that of the request's line. It is not an error that a probe learns the service is not ready.
func (r *Record) level() zerolog.Level {
	switch {
	case r.Status >= http.StatusInternalServerError && (!r.Admin || r.Status != http.StatusServiceUnavailable):
		return zerolog.ErrorLevel
	case r.Admin:
		return zerolog.DebugLevel
	default:
		return zerolog.InfoLevel
	}
}

// outcome names what became of a request, in a closed set.
func outcome(status int) string {
	switch {
	case status < http.StatusBadRequest:
		return "ok"
	case status == http.StatusBadRequest:
		return "invalid"
	case status < http.StatusInternalServerError:
		return "refused"
	default:
		return "error"
	}
}
