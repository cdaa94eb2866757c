// Package guard answers who calls and what they may have: it authenticates requests by users' tokens, API keys or what
// a proxy says, and asks the policy whether a caller may have a grant. It knows HTTP's headers, but not Echo.
package guard

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Guard authenticates callers and applies the policy. It is safe for concurrent use.
type Guard struct {
	trusted        Proxies
	authenticators []authenticator // none where the endpoint is open
	*Rules
}

// Methods are all ways to know callers.
var Methods = []*Method{None, JWT, APIKey, Proxy}

// MethodByName returns the method of that name; nil where there is none.
func MethodByName(name string) *Method {
	for _, m := range Methods {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// New returns a guard that takes the time from clock. Its error lists every mistake in the files and in the policy,
// joined. It does not connect: Run does. The configuration must be valid.
func New(c Config, clock func() time.Time) (*Guard, error) {
	g := &Guard{trusted: c.TrustedProxies}
	var mistakes []error
	bearers := &bearer{}
	if c.verifiesTokens() {
		bearers.kinds = append(bearers.kinds, newVerifier(c, clock))
	}
	if c.APIKeysFile != "" || c.APIKeys != "" {
		keys, err := loadAPIKeys(c)
		bearers.kinds, mistakes = append(bearers.kinds, keys), append(mistakes, err)
	}
	if len(bearers.kinds) > 0 {
		g.authenticators = append(g.authenticators, bearers)
	}
	if c.ProxyHeader != "" {
		g.authenticators = append(g.authenticators, &proxy{c.ProxyHeader, c.TrustedProxies})
	}
	rules, err := NewRules(c)
	g.Rules, mistakes = rules, append(mistakes, err)
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return g, nil
}

// Run keeps the credentials that callers are compared with up to date. It returns at once; what it starts ends with the
// context.
func (g *Guard) Run(ctx context.Context, b Background) {
	for _, a := range g.authenticators {
		a.run(ctx, b)
	}
	go g.run(ctx, b)
}

// Ready says whether every method can be used: it is false until a key set was fetched once.
func (g *Guard) Ready() bool {
	return !slices.ContainsFunc(g.authenticators, func(a authenticator) bool { return !a.ready() })
}

// Open says that nobody is asked who they are.
func (g *Guard) Open() bool { return len(g.authenticators) == 0 }

// Trusted are the proxies whose word is believed.
func (g *Guard) Trusted() Proxies { return g.trusted }

// Methods are the ways in which callers are known here. An open endpoint has only None.
func (g *Guard) Methods() []*Method {
	if g.Open() {
		return []*Method{None}
	}
	var all []*Method
	for _, a := range g.authenticators {
		all = append(all, a.methods()...)
	}
	return all
}

// ByCookie says that some callers are known by a cookie that their browser sends to a proxy in front.
func (g *Guard) ByCookie() bool {
	return slices.ContainsFunc(g.Methods(), func(m *Method) bool { return m.Cookie })
}

// Explain says what is wrong with the caller's credential, for this configuration; empty where the credential is not to
// blame.
func (g *Guard) Explain(r Reason) string {
	switch r { //nolint:exhaustive // the others' text is the same for every configuration
	case Missing:
		return g.wanted()
	case Claims:
		return "must be a token with " + g.config.checkedClaims()
	}
	return r.Credential()
}

// wanted says what a client must send to be known.
func (g *Guard) wanted() string {
	var credentials []string
	for _, m := range g.Methods() {
		if m.Credential != "" {
			credentials = append(credentials, m.Credential)
		}
	}
	if credentials == nil {
		return UntrustedProxy.Credential()
	}
	return "must be sent: Bearer, one space, and " + strings.Join(credentials, " or ")
}

// Authenticate says who makes the request. One credential that holds is enough. Its error is a *RefusalError.
func (g *Guard) Authenticate(r *http.Request) (*Caller, error) {
	if g.Open() {
		return &anonymous, nil
	}
	refusal := &RefusalError{Reason: Missing}
	for _, a := range g.authenticators {
		caller, refused := a.authenticate(r)
		if refused == nil {
			return caller, nil
		}
		if refusal.Reason == Missing {
			refusal = refused
		}
		if refused.final {
			break
		}
	}
	return nil, refusal
}
