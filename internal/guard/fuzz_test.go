package guard_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"videosdk-auth-endpoint/internal/guard"
)

// FuzzAuthorization sends any Authorization headers: nothing but the one key and the one token is let in, and a refusal
// shows nothing of what was sent.
func FuzzAuthorization(f *testing.F) {
	p := newProvider(f)
	key, line := newKey(f, "backend")
	c := p.config()
	c.APIKeysFile = keysFile(f, line)
	g := verifying(f, c)
	good := p.good(f, nil)
	for _, seed := range []string{
		"Bearer " + key, "Bearer " + good, "bearer " + good + "=", "Bearer", "Bearer  x", "Basic eDp5", "Bearer a.b.c", "Bearer " + good + "\n", "",
		"Bearer " + sign(f, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, p.claims(nil)),
		"Bearer " + segment(`{"alg":"RS256","kid":"rsa","crit":["b64"]}`) + "." + segment(`{"sub":"x","exp":1e400}`) + ".AA",
	} {
		f.Add(seed, "")
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", nil)
		r.Header["Authorization"] = []string{first}
		if second != "" {
			r.Header["Authorization"] = []string{first, second}
		}
		got, err := g.Authenticate(r)
		scheme, credential, _ := strings.Cut(first, " ")
		valid := second == "" && strings.EqualFold(scheme, "Bearer") && (credential == key || credential == good)
		if valid != (err == nil) || valid != (got != nil) {
			t.Fatalf("%q %q: %+v %v", first, second, got, err)
		}
		if err == nil {
			return
		}
		if _, ok := errors.AsType[*guard.RefusalError](err); !ok {
			t.Fatalf("%T", err)
		}
		if len(credential) > 20 && strings.Contains(err.Error(), credential) {
			t.Fatalf("%v shows %q", err, credential)
		}
	})
}

// answers is a provider that answers every request with the same.
type answers string

func (a answers) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(string(a)))}, nil
}

// FuzzKeySet reads any key set: nobody signs by a key that is not in it, and no entry does harm to the good one beside it.
func FuzzKeySet(f *testing.F) {
	good, err := json.Marshal(jwk(f, "ec", &ecKey().PublicKey, "ES256", "sig"))
	if err != nil {
		f.Fatal(err)
	}
	forger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	claims := jwt.MapClaims{"iss": slowIssuer, "aud": "app", "sub": "alice", "exp": now.Add(time.Hour).Unix()}
	signed := tokenBy(f, "ec")
	forged := sign(f, jwt.SigningMethodES256, forger, map[string]any{"kid": "ec"}, claims)
	for _, seed := range []any{
		jwk(f, "rsa", &rsaKey().PublicKey, "RS256", "sig"), jwk(f, "ec", &otherRSAKey().PublicKey, "", "enc"), jwk(f, "ed", make(ed25519.PublicKey, 32), "Ed25519", "sig"),
		jwk(f, "ec", []byte("secret"), "HS256", "sig"), with(jwk(f, "ec", &ecKey().PublicKey, "ES384", ""), map[string]any{"crv": "P-384", "key_ops": []string{"verify"}}),
		nil, 7, "ec",
		[]any{},
		map[string]any{"kid": 1, "kty": "EC", "x5c": []string{"AA"}, "x5t": "AA"},
	} {
		text, err := json.Marshal(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
		f.Add(`{"keys": [` + string(text) + `]}`)
	}
	f.Add(`{"kid": "a", "kid": "b", "n": 1e999}`)
	f.Add(`{"keys": {"ec": null}, "keys": []}`)
	f.Fuzz(func(t *testing.T, text string) {
		admits := func(set, token string) bool {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c := guard.Config{Issuers: []string{slowIssuer}, JWKSURLs: []string{slowIssuer}, Audience: []string{"app"}, AudienceClaims: []string{"aud"}, MaxTTL: time.Hour, RefreshInterval: time.Hour, IdentityProperty: "userKey"}
			g, fetched := newGuard(t, c, clock), make(chan guard.KeySetFetch, 1)
			g.Run(ctx, guard.Background{Transport: answers(set), KeySet: func(f guard.KeySetFetch) { fetched <- f }})
			if fetch := <-fetched; (fetch.Err == nil) != g.Ready() {
				t.Fatalf("%v, ready %v", fetch, g.Ready())
			}
			cancel() // whoever comes with an unknown key doesn't wait
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			_, err := g.Authenticate(r)
			return err == nil
		}
		if admits(text, forged) {
			t.Fatalf("%q lets somebody in whose key is not in it", text)
		}
		beside := `{"keys": [` + text + `,` + string(good) + `]}`
		if admits(beside, forged) {
			t.Fatalf("%q lets somebody in whose key is not in it", beside)
		}
		if json.Valid([]byte(text)) && len(text) < 1<<19 && !admits(beside, signed) {
			t.Fatalf("%q does harm to the key beside it", text)
		}
	})
}

// FuzzAPIKeysFile reads any file: what is taken has at least one key, and a mistake never quotes the line.
func FuzzAPIKeysFile(f *testing.F) {
	_, line := newKey(f, "backend")
	for _, seed := range []string{line, "# none", line + "\n" + line, "backend vsk_0123456789abcdefghij", " \t" + line + " \r\n\r\n", "a b c", "\xff " + line[8:]} {
		f.Add(seed)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		file := dir + "/keys"
		write(t, file, text)
		_, err := guard.New(guard.Config{APIKeysFile: file, MaxTTL: 1 << 40, RefreshInterval: 1 << 40, IdentityProperty: "userKey"}, clock)
		if err == nil {
			if len(strings.Fields(text)) < 2 {
				t.Fatalf("%q has a key", text)
			}
			return
		}
		for field := range strings.FieldsSeq(text) {
			if len(field) > 20 && strings.Contains(err.Error(), field) {
				t.Fatalf("%v shows %q", err, field)
			}
		}
	})
}

// FuzzPolicy compiles any policy, and asks it: it answers yes or refuses, whatever it is.
func FuzzPolicy(f *testing.F) {
	for _, seed := range []string{
		`request.role == 0 || "teachers" in caller.claims.groups`, `caller.claims.?a.b[0].orValue(true)`, `[1].map(a, [a].map(b, request))`,
		`has(request.geoRegions) ? caller.method : caller.subject`, `request.sessionName.matches(caller.subject)`, `dyn(request)`, `type(caller) == type(request)`,
		`caller.claims.all(k, v, k == v)`, `timestamp(caller.subject) < timestamp("2026-01-01T00:00:00Z")`, `string(request.role) + bytes("a")`, "\x00", "((((",
	} {
		f.Add(seed)
	}
	who := &guard.Caller{Method: guard.JWT, Subject: "alice", Claims: map[string]any{"groups": []any{"teachers", 1.0, nil}, "a": map[string]any{"b": []any{true}}}}
	g := grant(f, map[string]any{"geoRegions": "DE"})
	f.Fuzz(func(t *testing.T, text string) {
		policy, err := guard.NewPolicy("AUTH_POLICY", text)
		if err != nil || policy == nil {
			return
		}
		if err := policy.Allow(who, g); err != nil {
			refusal, ok := errors.AsType[*guard.RefusalError](err)
			if !ok {
				t.Fatalf("%T %v", err, err)
			}
			if refusal.Reason == guard.PolicyDenied {
				if parts, err := policy.FalseParts(who, g); err == nil && len(parts) == 0 {
					t.Fatalf("%q is false, but no part of it is", text)
				}
			}
		}
	})
}
