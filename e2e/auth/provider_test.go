package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// The apps that people sign in to.
const (
	app       = "classroom" // the one whose tokens the service takes
	otherApp  = "cafeteria"
	proxyApp  = "sign-in-proxy"
	appSecret = "hidden-app-secret" // of the proxy
	callback  = "http://127.0.0.1/callback"
)

// user is somebody who can sign in.
type user struct {
	id, email string
	groups    []string
}

const password = "hidden-password"

var (
	teacher = user{"5e0c1f6a-teacher", "ada@school.example", []string{"staff", "teachers"}}
	pupil   = user{"a41b9d07-pupil", "ben@pupils.example", []string{"pupils"}}
)

// people are the provider's users.
type people struct{}

func (people) GetUserByID(id string) *storage.User {
	return find(func(u user) bool { return u.id == id })
}

func (people) GetUserByUsername(name string) *storage.User {
	return find(func(u user) bool { return u.email == name })
}

func (people) ExampleClientID() string { return storage.ServiceUserID }

func find(is func(user) bool) *storage.User {
	for _, u := range []user{teacher, pupil} {
		if is(u) {
			return &storage.User{ID: u.id, Username: u.email, Password: password, Email: u.email, EmailVerified: true}
		}
	}
	return nil
}

// key is a key pair of a provider.
type key struct {
	id      string
	alg     jose.SignatureAlgorithm
	private crypto.Signer
}

func newKeyPair(t *testing.T, alg jose.SignatureAlgorithm) *key {
	t.Helper()
	k := &key{id: rand.Text(), alg: alg}
	var err error
	switch curve := map[jose.SignatureAlgorithm]elliptic.Curve{jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384(), jose.ES512: elliptic.P521()}[alg]; {
	case curve != nil:
		k.private, err = ecdsa.GenerateKey(curve, rand.Reader)
	case alg == jose.EdDSA:
		_, k.private, err = ed25519.GenerateKey(rand.Reader)
	default:
		k.private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sign signs a token's header and claims.
func (k *key) sign(t *testing.T, text string) string {
	t.Helper()
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, k.private.(*ecdsa.PrivateKey), digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return base64.RawURLEncoding.EncodeToString(signature)
}

// signing and published are the two views that the provider has of a key.
type (
	signing   struct{ *key }
	published struct{ *key }
)

func (k *key) ID() string                                     { return k.id }
func (k signing) SignatureAlgorithm() jose.SignatureAlgorithm { return k.alg }
func (k signing) Key() any                                    { return k.private }
func (k published) Algorithm() jose.SignatureAlgorithm        { return k.alg }
func (k published) Use() string                               { return "sig" }
func (k published) Key() any                                  { return k.private.Public() }

// clock is how the times in an app's tokens lie to ours.
type clock struct {
	starts, ends time.Duration // nbf and iat, and exp, from now
}

// client is how the provider treats an app.
type client struct {
	op.Client
	clock
}

func (c client) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeJWT }
func (c client) IDTokenUserinfoClaimsAssertion() bool { return true }

// ClockSkew is subtracted from nbf and iat, and added to the exp of ID tokens.
func (c client) ClockSkew() time.Duration       { return -c.starts }
func (c client) IDTokenLifetime() time.Duration { return c.ends + c.starts }

// RedirectURIGlobs are those of a proxy, whose port is not known before it starts.
func (client) RedirectURIGlobs() []string           { return []string{"http://127.0.0.1:*/oauth2/callback"} }
func (client) PostLogoutRedirectURIGlobs() []string { return nil }

// accounts are the provider's storage: the example's, with keys that rotate, claims, and clocks that are off.
type accounts struct {
	*storage.Storage

	mu     sync.Mutex
	keys   []*key // the first signs
	clocks map[string]clock
}

func (a *accounts) SigningKey(context.Context) (op.SigningKey, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return signing{a.keys[0]}, nil
}

func (a *accounts) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return []jose.SignatureAlgorithm{a.keys[0].alg}, nil
}

func (a *accounts) KeySet(context.Context) ([]op.Key, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var set []op.Key
	for _, k := range a.keys {
		set = append(set, published{k})
	}
	return set, nil
}

func (a *accounts) clock(id string) clock {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, ok := a.clocks[id]; ok {
		return c
	}
	return clock{ends: time.Hour}
}

func (a *accounts) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := a.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{c, a.clock(id)}, nil
}

func (a *accounts) CreateAccessToken(ctx context.Context, r op.TokenRequest) (string, time.Time, error) {
	id, _, err := a.Storage.CreateAccessToken(ctx, r)
	lifetime := time.Hour
	if request, ok := r.(*storage.AuthRequest); ok {
		lifetime = a.clock(request.ApplicationID).ends
	}
	return id, time.Now().Add(lifetime), err
}

func (a *accounts) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, r op.IDTokenRequest, scopes []string) error {
	if err := a.Storage.SetUserinfoFromRequest(ctx, info, r, scopes); err != nil {
		return err
	}
	for name, value := range claims(r.GetSubject()) {
		info.AppendClaims(name, value)
	}
	return nil
}

func (a *accounts) GetPrivateClaimsFromScopes(_ context.Context, id, _ string, _ []string) (map[string]any, error) {
	return claims(id), nil
}

// claims are those of both kinds of tokens, beside the standard's.
func claims(id string) map[string]any {
	all := map[string]any{"tenant": "school-7"}
	for _, u := range []user{teacher, pupil} {
		if u.id == id {
			all["groups"] = u.groups
		}
	}
	return all
}

// provider is a real OpenID provider.
type provider struct {
	issuer   string
	accounts *accounts
	fetches  atomic.Int64 // of the key set
	handler  http.Handler
	keySet   atomic.Pointer[http.HandlerFunc] // what answers in its place; nil for itself
	server   *http.Server
}

// startProvider starts a provider that signs with the first of the keys and publishes all.
func startProvider(t *testing.T, keys ...*key) *provider {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{issuer: "http://" + listener.Addr().String(), accounts: &accounts{
		Storage: storage.NewStorageWithClients(people{}, map[string]*storage.Client{
			app:      storage.NativeClient(app, callback),
			otherApp: storage.NativeClient(otherApp, callback),
			proxyApp: storage.WebClient(proxyApp, appSecret),
		}),
		keys:   keys,
		clocks: map[string]clock{},
	}}
	p.handler = exampleop.SetupServer(p.issuer, p.accounts, slog.New(slog.DiscardHandler), false)
	p.serve(listener)
	t.Cleanup(func() { p.stop(t) })
	return p
}

func (p *provider) serve(listener net.Listener) {
	p.server = &http.Server{Handler: http.HandlerFunc(p.answer), ReadHeaderTimeout: time.Minute}
	go func(s *http.Server) { _ = s.Serve(listener) }(p.server)
}

func (p *provider) answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/keys" {
		p.fetches.Add(1)
		if instead := p.keySet.Load(); instead != nil {
			(*instead)(w, r)
			return
		}
	}
	p.handler.ServeHTTP(w, r)
}

// stop closes the listener and every connection.
func (p *provider) stop(t *testing.T) {
	t.Helper()
	if err := p.server.Close(); err != nil {
		t.Error(err)
	}
}

// restart listens on the same port again.
func (p *provider) restart(t *testing.T) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", p.issuer[len("http://"):])
	if err != nil {
		t.Fatal(err)
	}
	p.serve(listener)
}

// rotate has tokens signed by another key; those before are still published.
func (p *provider) rotate(k *key) {
	p.accounts.mu.Lock()
	defer p.accounts.mu.Unlock()
	p.accounts.keys = append([]*key{k}, p.accounts.keys...)
}

// retire ends the publication of a key.
func (p *provider) retire(k *key) {
	p.accounts.mu.Lock()
	defer p.accounts.mu.Unlock()
	p.accounts.keys = slices.DeleteFunc(p.accounts.keys, func(known *key) bool { return known == k })
}

// setClock has the app's tokens made as if by another clock.
func (p *provider) setClock(app string, c clock) {
	p.accounts.mu.Lock()
	defer p.accounts.mu.Unlock()
	p.accounts.clocks[app] = c
}
