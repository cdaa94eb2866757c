package handler

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
)

// explain says what a request that failed is answered, and adds to the answer's header. What is wrong with a caller's
// credential is asked of the guard.
func explain(err error, credential func(guard.Reason) string, header http.Header) (status int, faults []fault) {
	if known, ok := errors.AsType[*faultError](err); ok {
		if known.retryAfter != "" {
			header.Set("Retry-After", known.retryAfter)
		}
		return known.status, []fault{known.fault}
	}
	if invalid, ok := errors.AsType[*signer.ValidationError](err); ok {
		return http.StatusBadRequest, violations(invalid, err)
	}
	if refusal, ok := errors.AsType[*guard.RefusalError](err); ok {
		return refused(refusal, credential, header)
	}
	return http.StatusInternalServerError, one("server", "failed: try again, or report the answer's X-Request-Id")
}

func violations(invalid *signer.ValidationError, err error) []fault {
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

func refused(
	r *guard.RefusalError, credential func(guard.Reason) string, header http.Header,
) (status int, faults []fault) {
	switch r.Reason { //nolint:exhaustive // the others are about the credential
	case guard.PolicyDenied, guard.PolicyError:
		return http.StatusForbidden, one("policy", "denied this request")
	case guard.CrossOrigin:
		return http.StatusForbidden, one("Origin", "must be this endpoint's own, or one of its CORS_ALLOWED_ORIGINS")
	case guard.Identity:
		return http.StatusForbidden, one("caller", "must have a name that can be in a token: "+r.Detail)
	case guard.RateLimited:
		return http.StatusTooManyRequests, one("requests", "must be fewer")
	case guard.KeysUnavailable:
		header.Set("Retry-After", "1")
		return errNoKeySet.status, []fault{errNoKeySet.fault}
	}
	text := credential(r.Reason)
	challenge := `Bearer realm="videosdk-auth-endpoint"`
	if r.Reason != guard.Missing {
		challenge += fmt.Sprintf(`, error="invalid_token", error_description=%q`, text)
	}
	header["Www-Authenticate"] = []string{challenge}
	return http.StatusUnauthorized, one("Authorization", text)
}
