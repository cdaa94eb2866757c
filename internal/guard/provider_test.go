package guard_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"videosdk-auth-endpoint/internal/guard"
)

// now is the time of every test.
var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// The keys take a while to make.
var (
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
	otherRSAKey = sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
	ecKey      = sync.OnceValue(newECKey)
	otherECKey = sync.OnceValue(newECKey)
)

func newECKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// provider is an OpenID provider's discovery and key set, which a test can bend.
type provider struct {
	*httptest.Server

	mu        sync.Mutex
	issuer    string // what discovery says; empty is the truth
	keys      []any
	answer    http.HandlerFunc // takes the key set's place
	discovery http.HandlerFunc // takes discovery's place
	fetches   int
}

func newProvider(t testing.TB) *provider {
	t.Helper()
	p := &provider{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.discovery != nil {
			p.discovery(w, r)
			return
		}
		issuer := p.issuer
		if issuer == "" {
			issuer = p.URL
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": issuer, "jwks_uri": p.URL + "/keys"})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.fetches++
		if p.answer != nil {
			p.answer(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": p.keys})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	p.set(jwk(t, "rsa", &rsaKey().PublicKey, "RS256", "sig"), jwk(t, "ec", &ecKey().PublicKey, "ES256", "sig"))
	return p
}

// set publishes these keys and no others.
func (p *provider) set(keys ...any) { p.change(func() { p.keys = keys }) }

// change bends the provider.
func (p *provider) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// jwk is a public key as a key set has it, or a secret.
func jwk(t testing.TB, kid string, key any, alg, use string) map[string]any {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	k := map[string]any{"kid": kid, "alg": alg, "use": use}
	switch key := key.(type) {
	case *rsa.PublicKey:
		k["kty"], k["n"], k["e"] = "RSA", b64(key.N.Bytes()), b64(big.NewInt(int64(key.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := key.Bytes() // 4, x and y
		if err != nil {
			t.Fatal(err)
		}
		size := len(point) / 2
		k["kty"], k["crv"], k["x"], k["y"] = "EC", key.Params().Name, b64(point[1:1+size]), b64(point[1+size:])
	case ed25519.PublicKey:
		k["kty"], k["crv"], k["x"] = "OKP", "Ed25519", b64(key)
	case []byte:
		k["kty"], k["k"] = "oct", b64(key)
	default:
		t.Fatalf("%T", key)
	}
	return k
}

// claims are those of a good token, with some replaced; nil removes one.
func (p *provider) claims(other jwt.MapClaims) jwt.MapClaims {
	claims := jwt.MapClaims{"iss": p.URL, "aud": "app", "sub": "alice", "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	maps.Copy(claims, other)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims
}

// sign makes a token, with a header that may be anything.
func sign(t testing.TB, method jwt.SigningMethod, key any, header map[string]any, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	maps.Copy(token.Header, header)
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// good is a token that holds, with some claims replaced.
func (p *provider) good(t testing.TB, other jwt.MapClaims) string {
	t.Helper()
	return sign(t, jwt.SigningMethodRS256, rsaKey(), map[string]any{"kid": "rsa"}, p.claims(other))
}

// config is one of users' tokens by this provider.
func (p *provider) config() guard.Config {
	return guard.Config{Issuers: []string{p.URL}, Audience: []string{"app"}, AudienceClaims: []string{"aud"}, MaxTTL: 24 * time.Hour, RefreshInterval: time.Hour, IdentityProperty: "userIdentity"}
}

// start returns a running guard, and what its key set's fetches come to.
func start(t testing.TB, c guard.Config, trusted ...string) (*guard.Guard, <-chan guard.KeySetFetch) {
	t.Helper()
	g := newGuard(t, c, clock, trusted...)
	fetched := make(chan guard.KeySetFetch, 100)
	g.Run(t.Context(), guard.Background{Transport: http.DefaultTransport, Ticks: func() <-chan time.Time { return nil }, KeySet: func(f guard.KeySetFetch) { fetched <- f }})
	return g, fetched
}

// verifying returns a guard that has fetched its keys.
func verifying(t testing.TB, c guard.Config) *guard.Guard {
	t.Helper()
	g, fetched := start(t, c)
	if fetch := <-fetched; fetch.Err != nil || !g.Ready() {
		t.Fatalf("%v, ready %v", fetch.Err, g.Ready())
	}
	return g
}

func newGuard(t testing.TB, c guard.Config, clock func() time.Time, trusted ...string) *guard.Guard {
	t.Helper()
	for _, network := range trusted {
		if err := c.TrustedProxies.Decode(network); err != nil {
			t.Fatal(err)
		}
	}
	if c.MaxTTL == 0 {
		c.MaxTTL, c.RefreshInterval, c.IdentityProperty = 24*time.Hour, time.Hour, "userIdentity"
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	g, err := guard.New(c, clock)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// ask is a request with these Authorization headers.
func ask(t testing.TB, authorization ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	for _, value := range authorization {
		r.Header.Add("Authorization", value)
	}
	return r
}

// public is the DER or PEM text of a public key, as an attacker finds it.
func public(t testing.TB, key crypto.PublicKey, encode func(crypto.PublicKey) ([]byte, error)) []byte {
	t.Helper()
	text, err := encode(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
