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

// failure is one row of the table of failures: a status, and how an error that is answered with it is explained.
type failure struct {
	status int
	// when tells readers of the API's description in which case a POST for a token fails like this; empty where none
	// does.
	when string
	// possible says whether this service, as it is configured, can fail like this; nil where it always can.
	possible func(access) bool
	examples []error
	// explain returns what the client is told, or nil where the error is of another kind. It may add to the answer's
	// header.
	explain func(limits, error, http.Header) []fault
}

// access is what the API's description must know of who gets tokens.
type access struct {
	*guard.Guard
	limited bool
}

// failures lists every failure, in the order of the API's description. An error that no row explains is answered with
// 500.
var failures = []failure{
	{400, "A rule is broken, or the body is not a JSON object", nil,
		[]error{exampleInvalid(), &malformedError{"must be a JSON object"}}, explainInvalid},
	{401, "The caller is not authenticated; WWW-Authenticate says why", func(a access) bool { return !a.Open() },
		[]error{&guard.RefusalError{Reason: guard.Missing}}, explainUnauthenticated},
	{403, "The policy denied it, the caller has no name that can be in a token, or a page of another site sent it",
		func(a access) bool { return a.Denies() || a.ByCookie() },
		[]error{&guard.RefusalError{Reason: guard.PolicyDenied}}, explainDenied},
	{408, "The body took longer than 10 s to arrive", nil, []error{&bodyError{os.ErrDeadlineExceeded}}, explainSlow},
	{413, "The body is too large", nil, []error{&bodyError{&http.MaxBytesError{}}}, explainTooLarge},
	{415, "A charset other than UTF-8, or a compressed body", nil, []error{errCharset, errEncoding},
		always(errCharset, "Content-Type", "must have charset utf-8, or none")},
	{415, "", nil, nil, always(errEncoding, "Content-Encoding", "must be identity: send the body uncompressed")},
	{429, "The caller asks too often; Retry-After says how many seconds to wait", func(a access) bool { return a.limited },
		[]error{&rateError{&refusedForRate, time.Second}}, explainTooMany},
	{500, "The endpoint's mistake: its log has the X-Request-Id", nil, []error{errors.New("any other")}, nil},
	{503, "The provider's keys were not fetched yet",
		func(a access) bool { return slices.Contains(a.Methods(), guard.JWT) },
		[]error{&guard.RefusalError{Reason: guard.KeysUnavailable}}, explainNoKeys},
	{503, "", nil, nil, always(errDraining, "server", "is shutting down")},
	{403, "", nil, nil, always(errForbiddenOrigin, "Origin",
		"must be in CORS_ALLOWED_ORIGINS: pages of this origin can't read answers")},
	{404, "", nil, nil, explainNothingHere},
	{405, "", nil, nil, explainMethod},
	unread(400), unread(408), unread(417), unread(431), unread(501), unread(505),
}

// unread is the failure of requests that net/http can't read, for one status.
func unread(status int) failure {
	return failure{status, "", nil, nil, explainProtocol(status)}
}

// tokenFailures are the statuses with which a POST for a token can fail.
func tokenFailures() []int {
	var statuses []int
	for _, f := range failures {
		if f.when != "" {
			statuses = append(statuses, f.status)
		}
	}
	return statuses
}

// explain says what a request that failed is answered, and adds to the answer's header.
func (l limits) explain(err error, header http.Header) (status int, faults []fault) {
	for _, f := range failures {
		if f.explain == nil {
			continue
		}
		if faults := f.explain(l, err, header); faults != nil {
			return f.status, faults
		}
	}
	return http.StatusInternalServerError, one("server", "failed: try again, or report the answer's X-Request-Id")
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
