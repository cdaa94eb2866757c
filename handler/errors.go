package handler

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"videosdk-auth-endpoint/handler/caller"
	"videosdk-auth-endpoint/signer"

	"github.com/labstack/echo/v4"
)

// problem is the answer to every request that fails, whatever the reason.
type problem struct {
	Errors []fault `json:"errors"`
}

// fault names what is wrong: a property of the request, or the part of the HTTP request that is to blame.
type fault struct {
	Property string `json:"property"`
	Reason   string `json:"reason"`
}

// unreadError is a validation error of a body that was not read, or says nothing.
type unreadError struct {
	error
	why string
}

func (e *unreadError) Unwrap() error { return e.error }

// answerError is the one mapping from errors to status codes. It is Echo's HTTPErrorHandler.
func (h *Handler) answerError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	status, faults := h.explain(err, c.Response().Header())
	if c.Request().Method == http.MethodHead {
		err = c.NoContent(status)
	} else {
		err = c.JSON(status, problem{faults})
	}
	if err != nil {
		// the client is gone
		h.log.Debug().Ctx(c.Request().Context()).Err(err).Msg("answer not written")
	}
}

// explain says what a request that failed is answered, and adds to the answer's header. The API description is made of it too.
func (h *Handler) explain(err error, header http.Header) (status int, faults []fault) {
	one := func(status int, property, reason string) (int, []fault) {
		return status, []fault{{property, reason}}
	}
	if invalid, ok := errors.AsType[*signer.ValidationError](err); ok {
		suffix := ""
		if unread, ok := errors.AsType[*unreadError](err); ok {
			suffix = ": " + unread.why
		}
		for _, v := range invalid.Violations {
			faults = append(faults, fault{v.Property, v.Reason + suffix})
		}
		return http.StatusBadRequest, faults
	}
	if refusal, ok := errors.AsType[*caller.RefusalError](err); ok {
		return h.explainRefusal(refusal, err, header)
	}
	if malformed, ok := errors.AsType[*malformedError](err); ok {
		return one(http.StatusBadRequest, "body", malformed.reason)
	}
	switch {
	case errors.Is(err, errEncoding):
		return one(http.StatusUnsupportedMediaType, "Content-Encoding", "must be identity: send the body uncompressed")
	case errors.Is(err, errCharset):
		return one(http.StatusUnsupportedMediaType, "Content-Type", "must have charset utf-8, or none")
	case errors.Is(err, errDraining):
		return one(http.StatusServiceUnavailable, "server", "is shutting down")
	case errors.Is(err, errNoKeySet):
		return one(http.StatusServiceUnavailable, "server", "has no key set to verify tokens with yet: see its log")
	}
	if body, ok := errors.AsType[*bodyError](err); ok {
		if _, ok := errors.AsType[*http.MaxBytesError](body); ok {
			return one(http.StatusRequestEntityTooLarge, "body", fmt.Sprintf("must be at most %d bytes", h.config.BodyLimit))
		}
		if errors.Is(body, os.ErrDeadlineExceeded) {
			return one(http.StatusRequestTimeout, "body", "must arrive in time: it took too long")
		}
		return one(http.StatusBadRequest, "body", "must be as long as announced: the connection broke")
	}
	if e, ok := errors.AsType[*echo.HTTPError](err); ok {
		switch e.Code {
		case http.StatusNotFound:
			return one(e.Code, "path", "must be "+h.config.TokenPath+": nothing is served here")
		case http.StatusMethodNotAllowed:
			allowed, elsewhere := header.Get(echo.HeaderAllow), ""
			if !strings.Contains(allowed, http.MethodPost) {
				elsewhere = ": tokens are served on " + h.config.TokenPath
			}
			return one(e.Code, "method", "must be one of "+allowed+elsewhere)
		}
	}
	return one(http.StatusInternalServerError, "server", "failed: try again, or report the answer's "+echo.HeaderXRequestID)
}

// unauthenticated says what is wrong with a credential. None of it tells more than whoever has the credential can read in it.
var unauthenticated = map[caller.Reason]string{
	caller.Missing:        "must be Bearer and a token: sign in first",
	caller.Malformed:      "must be Bearer, one space and one token, once",
	caller.Algorithm:      "must be a token with an asymmetric signature, such as RS256 or ES256",
	caller.UnknownKey:     "must be a token that is signed by a key of the provider",
	caller.Signature:      "must be a token with the provider's signature",
	caller.Issuer:         "must be a token of the provider: another issuer made this one",
	caller.Audience:       "must be a token for this service: this one was made for another audience",
	caller.Expired:        "must be a token that has not expired: sign in again",
	caller.NotYetValid:    "must be a token that is valid already",
	caller.Claims:         "must be a token with exp, sub, iss and aud",
	caller.Lifetime:       "must be a token that expires sooner",
	caller.UnknownAPIKey:  "must be an API key that is known here",
	caller.UntrustedProxy: "must come through the sign-in proxy",
}

func (h *Handler) explainRefusal(refusal *caller.RefusalError, err error, header http.Header) (status int, faults []fault) {
	switch refusal.Reason { //nolint:exhaustive // all others are in unauthenticated, as a test checks
	case caller.PolicyDenied, caller.PolicyError:
		return http.StatusForbidden, []fault{{"policy", "denied this request"}}
	case caller.Identity:
		return http.StatusForbidden, []fault{{"caller", "must have a name that can be in a token: " + refusal.Detail}}
	case caller.KeysUnavailable:
		header.Set(echo.HeaderRetryAfter, "1")
		return h.explain(errNoKeySet, header)
	case caller.RateLimited:
		reason := "must be fewer"
		if limited, ok := errors.AsType[*rateError](err); ok {
			header.Set(echo.HeaderRetryAfter, limited.seconds())
			reason += ": try again in " + limited.seconds() + " s"
		}
		return http.StatusTooManyRequests, []fault{{"requests", reason}}
	}
	reason := unauthenticated[refusal.Reason]
	challenge := `Bearer realm="videosdk-auth-endpoint"`
	if refusal.Reason != caller.Missing {
		challenge += fmt.Sprintf(`, error="invalid_token", error_description=%q`, reason)
	}
	header.Set(echo.HeaderWWWAuthenticate, challenge)
	return http.StatusUnauthorized, []fault{{echo.HeaderAuthorization, reason}}
}
