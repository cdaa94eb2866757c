// Package guard answers who calls and what they may have: it authenticates requests by users' tokens, API keys or a
// proxy's word, and asks the policy whether a caller may have a grant. It knows HTTP's headers, but not Echo.
package guard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"
)

// Method says how a caller is known; the set is closed, so that it can label a metric.
type Method string

// The methods. None is that of an open endpoint.
const (
	None   Method = "none"
	JWT    Method = "jwt"
	APIKey Method = "api_key"
	Proxy  Method = "proxy"
)

// Methods are all of them.
var Methods = []Method{None, JWT, APIKey, Proxy}

// Caller is who makes a request.
type Caller struct {
	Method Method
	// Subject is the token's sub, the API key's name or the proxy's user; empty where the endpoint is open.
	Subject string
	// Claims are those of the user's token, as JSON has them; nil for the other methods.
	Claims map[string]any
}

// Reason says why a caller does not get a token; the set is closed, so that it can label a metric.
type Reason string

// The reasons.
const (
	Missing         Reason = "missing"         // no credential
	Malformed       Reason = "malformed"       // no bearer token, two of them, too long a one, or no JWT
	Algorithm       Reason = "algorithm"       // signed in a way that is not accepted
	UnknownKey      Reason = "unknown_key"     // by a key that is not in the key set
	Signature       Reason = "signature"       // not by the key that it names
	Issuer          Reason = "issuer"          // by another issuer
	Audience        Reason = "audience"        // for another audience
	Expired         Reason = "expired"         //
	NotYetValid     Reason = "not_yet_valid"   //
	Claims          Reason = "claims"          // exp, sub, iss or aud is missing
	Lifetime        Reason = "lifetime"        // exp lies too far ahead
	UnknownAPIKey   Reason = "unknown_api_key" //
	UntrustedProxy  Reason = "untrusted_proxy" // the proxy's header from somebody else
	KeysUnavailable Reason = "keys_unavailable"
	Identity        Reason = "identity"     // the claim that is to identify the user is missing
	PolicyDenied    Reason = "policy"       // the policy is false
	PolicyError     Reason = "policy_error" // the policy can't be evaluated for this caller and request
	RateLimited     Reason = "rate_limited" //
)

// Reasons are all of them.
var Reasons = []Reason{
	Missing, Malformed, Algorithm, UnknownKey, Signature, Issuer, Audience, Expired, NotYetValid, Claims, Lifetime,
	UnknownAPIKey, UntrustedProxy, KeysUnavailable, Identity, PolicyDenied, PolicyError, RateLimited,
}

// RefusalError is the error of a caller who does not get a token.
type RefusalError struct {
	Reason Reason
	// Detail is for the log; it holds no credential, and nothing that was not verified.
	Detail string
}

func (r *RefusalError) Error() string {
	if r.Detail == "" {
		return "caller refused: " + string(r.Reason)
	}
	return "caller refused: " + string(r.Reason) + ": " + r.Detail
}

func refuse(reason Reason, format string, args ...any) *RefusalError {
	return &RefusalError{reason, fmt.Sprintf(format, args...)}
}

// Guard authenticates callers and applies the policy. It is safe for concurrent use.
type Guard struct {
	config  Config
	trusted Proxies
	tokens  *verifier // nil without AUTH_ISSUER and AUTH_JWKS_URL
	keys    *apiKeys  // nil without AUTH_API_KEYS_FILE
	*Rules
}

// New returns a guard that takes the time from clock. Its error lists every mistake of the configuration, its files and its
// policy, joined. It does not connect: Run does.
func New(c Config, trusted Proxies, clock func() time.Time) (*Guard, error) {
	g := &Guard{config: c, trusted: trusted}
	mistakes := []error{c.validate(trusted)}
	if c.verifiesTokens() {
		g.tokens = newVerifier(c, clock)
	}
	if c.APIKeysFile != "" {
		keys, err := loadAPIKeys(c.APIKeysFile)
		g.keys, mistakes = keys, append(mistakes, err)
	}
	rules, err := NewRules(c)
	g.Rules, mistakes = rules, append(mistakes, err)
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return g, nil
}

// Events are told of what happens in the background, an error or success.
type Events struct {
	// KeySet is called after each fetch of the key set. After an error the last good keys stay in use.
	KeySet func(error)
	// APIKeys is called after each change of the file. After an error the keys from before stay in use.
	APIKeys func(error)
}

// Run fetches the key set by transport, again and again, and reads the file of API keys at each tick, until the context
// ends.
func (g *Guard) Run(ctx context.Context, transport http.RoundTripper, ticks <-chan time.Time, events Events) {
	if g.tokens != nil {
		go g.tokens.run(ctx, transport, events.KeySet)
	}
	if g.keys != nil {
		g.keys.watch(ctx, ticks, events.APIKeys)
	}
}

// Ready says whether every method can be used: it is false until the key set was fetched once.
func (g *Guard) Ready() bool { return g.tokens == nil || g.tokens.ready() }

// Open says that nobody is asked who they are.
func (g *Guard) Open() bool { return g.config.Open() }

// Takes says whether a caller may be known by that method here.
func (g *Guard) Takes(m Method) bool {
	switch m {
	case JWT:
		return g.tokens != nil
	case APIKey:
		return g.keys != nil
	case Proxy:
		return g.ByCookie()
	default:
		return g.Open()
	}
}

// ByCookie says that browsers may have to send cookies, which a proxy in front asks for.
func (g *Guard) ByCookie() bool { return g.config.ProxyHeader != "" }

// Authenticate says who makes the request. One credential that holds is enough, but for a second Authorization header,
// which no client sends and proxies disagree on. Its error is a *RefusalError.
func (g *Guard) Authenticate(r *http.Request) (*Caller, error) {
	if g.Open() {
		return &anonymous, nil
	}
	refusal := &RefusalError{Reason: Missing}
	if g.tokens != nil || g.keys != nil {
		token, bad := bearer(r.Header)
		if bad != nil && bad.Reason == Malformed && len(r.Header["Authorization"]) > 1 {
			return nil, bad
		}
		if bad == nil {
			var caller *Caller
			if caller, bad = g.byToken(r.Context(), token); bad == nil {
				return caller, nil
			}
		}
		refusal = bad
	}
	if g.config.ProxyHeader != "" {
		caller, bad := g.byProxy(r)
		if bad == nil {
			return caller, nil
		}
		if refusal.Reason == Missing {
			refusal = bad
		}
	}
	return nil, refusal
}

var anonymous = Caller{Method: None}

func (g *Guard) byToken(ctx context.Context, token string) (*Caller, *RefusalError) {
	switch {
	case g.tokens == nil, g.keys != nil && !isJWT(token):
		return g.keys.find(token)
	default:
		return g.tokens.verify(ctx, token)
	}
}

// maxUser is longer than any address, in bytes.
const maxUser = 320

func (g *Guard) byProxy(r *http.Request) (*Caller, *RefusalError) {
	sent := r.Header[http.CanonicalHeaderKey(g.config.ProxyHeader)]
	switch {
	case len(sent) == 0 || len(sent) == 1 && sent[0] == "":
		return nil, &RefusalError{Reason: Missing}
	case !g.trusted.contain(r.RemoteAddr):
		return nil, refuse(UntrustedProxy, "%s came from an address that is not in TRUSTED_PROXIES", g.config.ProxyHeader)
	case len(sent) > 1:
		return nil, refuse(Malformed, "%s came twice: the proxy must overwrite what clients send", g.config.ProxyHeader)
	case len(sent[0]) > maxUser || !utf8.ValidString(sent[0]) || containsControl(sent[0]):
		return nil, refuse(Malformed, "%s is longer than %d bytes, or no text", g.config.ProxyHeader, maxUser)
	}
	return &Caller{Method: Proxy, Subject: sent[0]}, nil
}

func containsControl(s string) bool { return slices.ContainsFunc([]rune(s), unicode.IsControl) }
