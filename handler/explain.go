package handler

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
)

// limits are the settings that explanations name.
type limits struct {
	tokenPath              string
	bodyLimit, headerLimit int64
	credential             func(guard.Reason) string // what is wrong with a caller's credential
}

var errNothingHere = errors.New("nothing is served on this path")

// methodError is a request for a path that is served, by a method that is not.
type methodError struct{ allow string }

func (*methodError) Error() string { return "this path has no such method" }

func explainInvalid(_ limits, err error, _ http.Header) []fault {
	if invalid, ok := errors.AsType[*signer.ValidationError](err); ok {
		suffix := ""
		if unread, ok := errors.AsType[*unreadError](err); ok && unread.why != "" {
			suffix = ": " + unread.why
		}
		var faults []fault
		for _, v := range invalid.Violations {
			faults = append(faults, fault{v.Property, v.Reason + suffix})
		}
		return faults
	}
	if malformed, ok := errors.AsType[*malformedError](err); ok {
		return one("body", malformed.reason)
	}
	if body, ok := errors.AsType[*bodyError](err); ok && !body.tooLarge() && !body.tooSlow() {
		return one("body", "must be as long as announced: the connection broke")
	}
	return nil
}

// warningsOf are an invalid request's lost settings that the errors do not name.
func warningsOf(err error) []fault {
	invalid, ok := errors.AsType[*signer.ValidationError](err)
	if !ok {
		return nil
	}
	return warnings(slices.DeleteFunc(slices.Clone(invalid.Misnamed), func(m signer.Misnamed) bool {
		return slices.ContainsFunc(invalid.Violations, func(v signer.Violation) bool { return v.Property == m.Meant })
	}))
}

// refusal is the error's, or an empty one.
func refusal(err error) guard.RefusalError {
	if refusal, ok := errors.AsType[*guard.RefusalError](err); ok {
		return *refusal
	}
	return guard.RefusalError{}
}

func explainUnauthenticated(l limits, err error, header http.Header) []fault {
	reason := refusal(err).Reason
	text := l.credential(reason)
	if text == "" {
		return nil
	}
	challenge := `Bearer realm="videosdk-auth-endpoint"`
	if reason != guard.Missing {
		challenge += fmt.Sprintf(`, error="invalid_token", error_description=%q`, text)
	}
	header["Www-Authenticate"] = []string{challenge}
	return one("Authorization", text)
}

func explainDenied(_ limits, err error, _ http.Header) []fault {
	switch r := refusal(err); r.Reason { //nolint:exhaustive // the others are other rows', as a test checks
	case guard.PolicyDenied, guard.PolicyError:
		return one("policy", "denied this request")
	case guard.CrossOrigin:
		return one("Origin", "must be this endpoint's own, or one of its CORS_ALLOWED_ORIGINS")
	case guard.Identity:
		return one("caller", "must have a name that can be in a token: "+r.Detail)
	}
	return nil
}

// protocolError is a request that net/http can't read.
type protocolError struct {
	status int
	detail string
}

func (e *protocolError) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("read the request: %s: %s", http.StatusText(e.status), e.detail), ": ")
}

// explainProtocol explains those errors of net/http that have the status.
func explainProtocol(status int) func(limits, error, http.Header) []fault {
	return func(l limits, err error, _ http.Header) []fault {
		wrong, ok := errors.AsType[*protocolError](err)
		if !ok || wrong.status != status {
			return nil
		}
		switch status {
		case http.StatusRequestTimeout:
			return one("header", "must arrive in time: it took too long")
		case http.StatusExpectationFailed:
			return one("Expect", "must be 100-continue, or not be sent")
		case http.StatusRequestHeaderFieldsTooLarge:
			return one("header", fmt.Sprintf("must be at most %d bytes: send fewer or smaller cookies", l.headerLimit))
		case http.StatusNotImplemented:
			return one("Transfer-Encoding", "must be chunked, or not be sent")
		default:
			return one("request", strings.TrimSuffix("must be valid HTTP/1.1: "+wrong.detail, ": "))
		}
	}
}

func (e *bodyError) tooLarge() bool {
	_, ok := errors.AsType[*http.MaxBytesError](e)
	return ok
}

func (e *bodyError) tooSlow() bool { return errors.Is(e, os.ErrDeadlineExceeded) }

func explainSlow(_ limits, err error, _ http.Header) []fault {
	if body, ok := errors.AsType[*bodyError](err); ok && body.tooSlow() && !body.tooLarge() {
		return one("body", "must arrive in time: it took too long")
	}
	return nil
}

func explainTooLarge(l limits, err error, _ http.Header) []fault {
	if body, ok := errors.AsType[*bodyError](err); ok && body.tooLarge() {
		return one("body", fmt.Sprintf("must be at most %d bytes", l.bodyLimit))
	}
	return nil
}

// always explains an error that has the same words wherever it happens.
func always(known error, property, reason string) func(limits, error, http.Header) []fault {
	return func(_ limits, err error, _ http.Header) []fault {
		if errors.Is(err, known) {
			return one(property, reason)
		}
		return nil
	}
}

func explainTooMany(_ limits, err error, header http.Header) []fault {
	if refusal(err).Reason != guard.RateLimited {
		return nil
	}
	limited, ok := errors.AsType[*rateError](err)
	if !ok {
		return one("requests", "must be fewer")
	}
	header.Set("Retry-After", limited.seconds())
	return one("requests", "must be fewer: try again in "+limited.seconds()+" s")
}

func explainNoKeys(_ limits, err error, header http.Header) []fault {
	if refusal(err).Reason == guard.KeysUnavailable {
		header.Set("Retry-After", "1")
	} else if !errors.Is(err, errNoKeySet) {
		return nil
	}
	return one("server", "has no key set to verify tokens with yet: see its log")
}

func explainNothingHere(l limits, err error, _ http.Header) []fault {
	if errors.Is(err, errNothingHere) {
		return one("path", "must be "+l.tokenPath+": nothing is served here")
	}
	return nil
}

func explainMethod(l limits, err error, _ http.Header) []fault {
	wrong, ok := errors.AsType[*methodError](err)
	if !ok {
		return nil
	}
	reason := "must be one of " + wrong.allow
	if !strings.Contains(wrong.allow, http.MethodPost) {
		reason += ": tokens are served on " + l.tokenPath
	}
	return one("method", reason)
}
