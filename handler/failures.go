package handler

import (
	"errors"
	"net/http"
	"os"
	"slices"
	"time"

	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
)

// failure is a way in which a POST for a token can fail, for the API's description. Its examples say what is answered.
// They all have the same status.
type failure struct {
	when string
	// possible says whether this service, as it is configured, can fail like this; nil where it always can.
	possible func(access) bool
	examples []error
}

// access is what the API's description must know of who gets tokens.
type access struct {
	*guard.Guard
	limited bool
}

// failures lists them in the order of the API's description.
func failures(bodyLimit int64) []failure {
	asks := func(a access) bool { return !a.Open() }
	denies := func(a access) bool { return a.Denies() || a.ByCookie() }
	limits := func(a access) bool { return a.limited }
	verifies := func(a access) bool { return slices.Contains(a.Methods(), guard.JWT) }
	refusal := func(r guard.Reason) []error { return []error{&guard.RefusalError{Reason: r}} }
	return []failure{
		{"A rule is broken, or the body is not a JSON object", nil, []error{exampleInvalid(), errNoObject}},
		{"The caller is not authenticated; WWW-Authenticate says why", asks, refusal(guard.Missing)},
		{
			"The policy denied it, the caller has no name that can be in a token, or a page of another site sent it",
			denies, refusal(guard.PolicyDenied),
		},
		{"The body took longer than 10 s to arrive", nil, []error{bodyError(os.ErrDeadlineExceeded, bodyLimit)}},
		{"The body is too large", nil, []error{bodyError(&http.MaxBytesError{}, bodyLimit)}},
		{"A charset other than UTF-8, or a compressed body", nil, []error{errCharset, errEncoding}},
		{
			"The caller asks too often; Retry-After says how many seconds to wait",
			limits,
			[]error{tooMany(time.Second)},
		},
		{"The endpoint's mistake: its log has the X-Request-Id", nil, []error{errors.New("any other")}},
		{"The provider's keys were not fetched yet", verifies, refusal(guard.KeysUnavailable)},
	}
}

// tokenFailures are the statuses with which a POST for a token can fail.
func tokenFailures() []int {
	var statuses []int
	for _, f := range failures(0) {
		status, _ := explain(f.examples[0], guard.Reason.Credential, http.Header{})
		statuses = append(statuses, status)
	}
	return statuses
}

func exampleInvalid() error {
	missing := &signer.ValidationError{}
	for _, p := range signer.Properties() {
		if p.Required {
			reason := "must be " + p.Expects() + ", got nothing"
			missing.Violations = append(missing.Violations, signer.Violation{Property: p.Name, Reason: reason})
		}
	}
	return missing
}
