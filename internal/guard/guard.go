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
	tokens  []tokenKind // that callers may send; with neither these nor a proxy the endpoint is open
	proxy   *proxy      // nil without AUTH_PROXY_HEADER
	trusted Proxies
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
	if c.verifiesTokens() {
		g.tokens = append(g.tokens, newVerifier(c, clock))
	}
	if c.APIKeysFile != "" || c.APIKeys != "" {
		keys, err := loadAPIKeys(c)
		g.tokens, mistakes = append(g.tokens, keys), append(mistakes, err)
	}
	if c.ProxyHeader != "" {
		g.proxy = &proxy{c.ProxyHeader, c.TrustedProxies}
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
	for _, kind := range g.tokens {
		go kind.run(ctx, b)
	}
	go g.run(ctx, b)
}

// Ready says whether every method can be used: it is false until a key set was fetched once.
func (g *Guard) Ready() bool {
	return !slices.ContainsFunc(g.tokens, func(kind tokenKind) bool { return !kind.ready() })
}

// Open says that nobody is asked who they are.
func (g *Guard) Open() bool { return len(g.tokens) == 0 && g.proxy == nil }

// Trusted are the proxies whose word is believed.
func (g *Guard) Trusted() Proxies { return g.trusted }

// Methods are the ways in which callers are known here. An open endpoint has only None.
func (g *Guard) Methods() []*Method {
	if g.Open() {
		return []*Method{None}
	}
	var all []*Method
	for _, kind := range g.tokens {
		all = append(all, kind.method())
	}
	if g.proxy != nil {
		all = append(all, Proxy)
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

// Authenticate says who makes the request. One credential that holds is enough; else the first refusal that is not
// Missing counts. Its error is a *RefusalError.
func (g *Guard) Authenticate(r *http.Request) (*Caller, error) {
	if g.Open() {
		return &anonymous, nil
	}
	caller, refusal := byToken(r, g.tokens)
	if refusal != nil && !refusal.final && g.proxy != nil {
		var refused *RefusalError
		if caller, refused = g.proxy.authenticate(r); refused == nil || refusal.Reason == Missing {
			refusal = refused
		}
	}
	if refusal != nil {
		return nil, refusal
	}
	return caller, nil
}
