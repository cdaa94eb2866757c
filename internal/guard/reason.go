package guard

import (
	"fmt"
	"maps"
	"slices"
)

// Reason says why a caller does not get a token. The set is closed, so that it can label a metric.
type Reason string

// The reasons.
const (
	Missing         Reason = "missing"
	Malformed       Reason = "malformed"
	Algorithm       Reason = "algorithm"
	TokenKind       Reason = "token_kind"
	NoKeyID         Reason = "no_key_id"
	UnknownKey      Reason = "unknown_key"
	Signature       Reason = "signature"
	Issuer          Reason = "issuer"
	Audience        Reason = "audience"
	Expired         Reason = "expired"
	NotYetValid     Reason = "not_yet_valid"
	Claims          Reason = "claims"
	Lifetime        Reason = "lifetime"
	UnknownAPIKey   Reason = "unknown_api_key"
	UntrustedProxy  Reason = "untrusted_proxy"
	CrossOrigin     Reason = "cross_origin"     // a page of another site made a browser send its visitor's cookie
	KeysUnavailable Reason = "keys_unavailable" // the provider's key set was not fetched yet
	Identity        Reason = "identity"         // the caller has no name that can be in a token
	PolicyDenied    Reason = "policy"           // the policy is false
	PolicyError     Reason = "policy_error"     // the policy can't be evaluated for this caller and request
	RateLimited     Reason = "rate_limited"
)

// credentials has the text that the client gets, for every reason. The text tells nothing that the sender could not
// read in the credential itself. It is empty where the credential is not to blame.
var credentials = map[Reason]string{ //nolint:gosec // it describes credentials
	Missing:         "must be sent", // Guard.Explain says what
	Malformed:       "must be Bearer, one space and one token, and must be sent once",
	Algorithm:       "must be a token with an asymmetric signature, such as RS256 or ES256",
	TokenKind:       "must be a plain access token or ID token, not one for logouts or one that is bound to a key",
	NoKeyID:         "must be a token whose header names its key in kid",
	UnknownKey:      "must be a token that is signed with one of the provider's keys",
	Signature:       "must be a token that the provider signed: the signature of this one is wrong",
	Issuer:          "must be a token of the provider: another issuer made this one",
	Audience:        "must be a token for this service: this one was made for another audience",
	Expired:         "must be a token that has not expired: sign in again",
	NotYetValid:     "must be a token that is already valid: the nbf of this one is in the future",
	Claims:          "must be a token with all claims that are checked here", // Guard.Explain names them
	Lifetime:        "must be a token that expires sooner: the exp of this one is too far ahead",
	UnknownAPIKey:   "must be an API key of this endpoint: this one is unknown or was revoked",
	UntrustedProxy:  "must come from the sign-in proxy: send the request through it",
	CrossOrigin:     "",
	KeysUnavailable: "",
	Identity:        "",
	PolicyDenied:    "",
	PolicyError:     "",
	RateLimited:     "",
}

// Reasons returns all of them.
func Reasons() []Reason { return slices.Sorted(maps.Keys(credentials)) }

// Credential says what is wrong with the caller's credential; empty where the credential is not to blame.
func (r Reason) Credential() string { return credentials[r] }

// RefusalError is the error of a caller who does not get a token.
type RefusalError struct {
	Reason Reason
	// Detail is for the log. It holds no credential, and of what was not verified only a few characters in quotes.
	Detail string
	// final says that another credential of the same request can't make up for this one.
	final bool
}

func (r *RefusalError) Error() string {
	if r.Detail == "" {
		return "caller refused: " + string(r.Reason)
	}
	return "caller refused: " + string(r.Reason) + ": " + r.Detail
}

func refuse(reason Reason, format string, args ...any) *RefusalError {
	return &RefusalError{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
