package guard_test

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"videosdk-auth-endpoint/internal/guard"
)

// wantRefusal checks that the error is a refusal for that reason, without any part of the credential.
func wantRefusal(t *testing.T, err error, want guard.Reason, credential string) {
	t.Helper()
	refusal, ok := errors.AsType[*guard.RefusalError](err)
	if !ok || refusal.Reason != want {
		t.Fatalf("got %v, want a refusal for %s", err, want)
	}
	for part := range strings.SplitSeq(credential, ".") {
		if len(part) > 8 && strings.Contains(err.Error(), part) {
			t.Errorf("%q holds a part of the credential", err)
		}
	}
}

// segment is one part of a token, of any text.
func segment(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func TestGoodTokens(t *testing.T) {
	p := newProvider(t)
	g := verifying(t, p.config())
	for name, token := range map[string]string{
		"RS256":                      p.good(t, nil),
		"ES256":                      sign(t, jwt.SigningMethodES256, ecKey(), map[string]any{"kid": "ec"}, p.claims(nil)),
		"one of several audiences":   p.good(t, jwt.MapClaims{"aud": []string{"other", "app"}}),
		"no nbf and no iat":          p.good(t, jwt.MapClaims{"nbf": nil, "iat": nil}),
		"our clock is a minute late": p.good(t, jwt.MapClaims{"nbf": now.Add(55 * time.Second).Unix(), "iat": now.Add(55 * time.Second).Unix()}),
		"our clock is a minute fast": p.good(t, jwt.MapClaims{"exp": now.Add(-55 * time.Second).Unix()}),
		"exp with a fraction":        p.good(t, jwt.MapClaims{"exp": float64(now.Unix()) + 0.5}),
		"the longest lifetime":       p.good(t, jwt.MapClaims{"exp": now.Add(24 * time.Hour).Unix()}),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := g.Authenticate(ask(t, "Bearer "+token))
			if err != nil || got.Method != guard.JWT || got.Subject != "alice" || got.Claims["sub"] != "alice" {
				t.Errorf("%+v %v", got, err)
			}
		})
	}
}

func TestAttacksOnTokens(t *testing.T) {
	p := newProvider(t)
	g := verifying(t, p.config())
	rsa, ec := rsaKey(), ecKey()
	kid := map[string]any{"kid": "rsa"}
	good := p.good(t, nil)
	parts := strings.Split(good, ".")
	publicPEM := func() []byte {
		der := public(t, &rsa.PublicKey, func(k crypto.PublicKey) ([]byte, error) { return x509.MarshalPKIXPublicKey(k) })
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	}()
	foreign := newProvider(t)
	for _, attack := range []struct {
		name, token string
		want        guard.Reason
	}{
		{"alg none", sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, p.claims(nil)), guard.Algorithm},
		{"alg none in capitals", segment(`{"alg":"NONE","kid":"rsa"}`) + "." + parts[1] + ".", guard.Algorithm},
		{"alg none with a signature", segment(`{"alg":"none","kid":"rsa"}`) + "." + parts[1] + "." + parts[2], guard.Algorithm},
		{"no alg", segment(`{"kid":"rsa"}`) + "." + parts[1] + "." + parts[2], guard.Algorithm},
		{"alg that is no text", segment(`{"alg":["RS256"],"kid":"rsa"}`) + "." + parts[1] + "." + parts[2], guard.Algorithm},
		{"HS256 with the public key in PEM", sign(t, jwt.SigningMethodHS256, publicPEM, kid, p.claims(nil)), guard.Algorithm},
		{"HS256 with the modulus", sign(t, jwt.SigningMethodHS256, rsa.N.Bytes(), kid, p.claims(nil)), guard.Algorithm},
		{"another algorithm than the key is for", sign(t, jwt.SigningMethodRS512, rsa, kid, p.claims(nil)), guard.UnknownKey},
		{"an RSA signature for the elliptic key", sign(t, jwt.SigningMethodRS256, rsa, map[string]any{"kid": "ec"}, p.claims(nil)), guard.UnknownKey},
		{"an elliptic signature for the RSA key", sign(t, jwt.SigningMethodES256, ec, kid, p.claims(nil)), guard.UnknownKey},
		{"signed by another key under a known kid", sign(t, jwt.SigningMethodRS256, otherRSAKey(), kid, p.claims(nil)), guard.Signature},
		{"claims changed", parts[0] + "." + segment(`{"sub":"mallory","aud":"app","exp":9999999999}`) + "." + parts[2], guard.Signature},
		{"signature cut", parts[0] + "." + parts[1] + "." + parts[2][:12], guard.Signature},
		{"no signature", parts[0] + "." + parts[1] + ".", guard.Signature},
		{"a signature of zeros for ES256", segment(`{"alg":"ES256","kid":"ec"}`) + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)), guard.Signature},
		{"a foreign issuer with its own key", sign(t, jwt.SigningMethodRS256, otherRSAKey(), map[string]any{"kid": "foreign"}, foreign.claims(nil)), guard.UnknownKey},
		{"a foreign issuer by a known key", p.good(t, jwt.MapClaims{"iss": foreign.URL}), guard.Issuer},
		{"an issuer that starts as ours does", p.good(t, jwt.MapClaims{"iss": p.URL + ".evil.example"}), guard.Issuer},
		{"no issuer", p.good(t, jwt.MapClaims{"iss": nil}), guard.Claims},
		{"another audience", p.good(t, jwt.MapClaims{"aud": "other-app"}), guard.Audience},
		{"an empty audience", p.good(t, jwt.MapClaims{"aud": ""}), guard.Claims},
		{"no audience", p.good(t, jwt.MapClaims{"aud": nil}), guard.Claims},
		{"an audience that is an object", p.good(t, jwt.MapClaims{"aud": map[string]any{"app": true}}), guard.Claims},
		{"no exp", p.good(t, jwt.MapClaims{"exp": nil}), guard.Claims},
		{"a far exp", p.good(t, jwt.MapClaims{"exp": now.Add(10 * 365 * 24 * time.Hour).Unix()}), guard.Lifetime},
		{"an exp without end", p.good(t, jwt.MapClaims{"exp": 1e300}), guard.Expired},
		{"an exp that overflows into the past and back", p.good(t, jwt.MapClaims{"exp": 9223372036854775807.0}), guard.Expired},
		{"an exp below all time", p.good(t, jwt.MapClaims{"exp": -1e300}), guard.Expired},
		{"an exp that is text", p.good(t, jwt.MapClaims{"exp": "9999999999"}), guard.Malformed},
		{"an exp of zero", p.good(t, jwt.MapClaims{"exp": 0}), guard.Expired},
		{"expired by more than the leeway", p.good(t, jwt.MapClaims{"exp": now.Add(-61 * time.Second).Unix()}), guard.Expired},
		{"not yet valid by more than the leeway", p.good(t, jwt.MapClaims{"nbf": now.Add(61 * time.Second).Unix()}), guard.NotYetValid},
		{"no sub", p.good(t, jwt.MapClaims{"sub": nil}), guard.Claims},
		{"an empty sub", p.good(t, jwt.MapClaims{"sub": ""}), guard.Claims},
		{"a sub that is no text", p.good(t, jwt.MapClaims{"sub": 7}), guard.Claims},
		{"no kid", sign(t, jwt.SigningMethodRS256, rsa, nil, p.claims(nil)), guard.NoKeyID},
		{"a kid that is no text", sign(t, jwt.SigningMethodRS256, rsa, map[string]any{"kid": 0}, p.claims(nil)), guard.NoKeyID},
		{"a kid that is a path", sign(t, jwt.SigningMethodRS256, rsa, map[string]any{"kid": "../../dev/null"}, p.claims(nil)), guard.UnknownKey},
		{"a kid that is SQL", sign(t, jwt.SigningMethodRS256, rsa, map[string]any{"kid": "rsa' OR '1'='1"}, p.claims(nil)), guard.UnknownKey},
		{"a kid that is a URL", sign(t, jwt.SigningMethodRS256, otherRSAKey(), map[string]any{"kid": foreign.URL + "/keys"}, p.claims(nil)), guard.UnknownKey},
		{"a key in the header", sign(t, jwt.SigningMethodRS256, otherRSAKey(), map[string]any{"kid": "rsa", "jwk": jwk(t, "rsa", &otherRSAKey().PublicKey, "RS256", "sig")}, p.claims(nil)), guard.Signature},
		{"the URL of a key set in the header", sign(t, jwt.SigningMethodRS256, otherRSAKey(), map[string]any{"kid": "rsa", "jku": foreign.URL + "/keys"}, p.claims(nil)), guard.Signature},
		{"a critical extension", sign(t, jwt.SigningMethodRS256, rsa, map[string]any{"kid": "rsa", "crit": []string{"exp"}}, p.claims(nil)), guard.Malformed},
		{"a payload that is no JSON", parts[0] + "." + segment("alice") + "." + parts[2], guard.Malformed},
		{"two parts", parts[0] + "." + parts[1], guard.Malformed},
		{"four parts", good + "." + parts[2], guard.Malformed},
		{"five parts, as if encrypted", good + "..", guard.Malformed},
		{"bits behind the end of a part", good[:len(good)-1] + "_", guard.Malformed},
	} {
		t.Run(attack.name, func(t *testing.T) {
			got, err := g.Authenticate(ask(t, "Bearer "+attack.token))
			if got != nil {
				t.Fatalf("accepted %+v", got)
			}
			wantRefusal(t, err, attack.want, attack.token)
		})
	}
	foreign.change(func() {
		if foreign.fetches != 0 {
			t.Errorf("the foreign key set was fetched %d times", foreign.fetches)
		}
	})
}

func TestAttacksOnTheHeader(t *testing.T) {
	p := newProvider(t)
	g := verifying(t, p.config())
	good := p.good(t, nil)
	for _, attack := range []struct {
		name   string
		header []string
		want   guard.Reason
	}{
		{"nothing", nil, guard.Missing},
		{"two headers, the first good", []string{"Bearer " + good, "Bearer x"}, guard.Malformed},
		{"two headers, the second good", []string{"Basic x", "Bearer " + good}, guard.Malformed},
		{"two good headers", []string{"Bearer " + good, "Bearer " + good}, guard.Malformed},
		{"two tokens in one", []string{"Bearer " + good + ", Bearer " + good}, guard.Malformed},
		{"two tokens with a comma", []string{"Bearer " + good + "," + good}, guard.Malformed},
		{"two spaces", []string{"Bearer  " + good}, guard.Malformed},
		{"a tab", []string{"Bearer\t" + good}, guard.Malformed},
		{"no scheme", []string{good}, guard.Malformed},
		{"another scheme", []string{"Basic " + good}, guard.Malformed},
		{"nothing behind the scheme", []string{"Bearer "}, guard.Malformed},
		{"only padding", []string{"Bearer ===="}, guard.Malformed},
		{"a line break", []string{"Bearer " + good + "\r\nX-Admin: 1"}, guard.Malformed},
		{"a NUL", []string{"Bearer " + good + "\x00"}, guard.Malformed},
		{"an oversized token", []string{"Bearer " + good + strings.Repeat("A", 16<<10)}, guard.Malformed},
		{"a token of dots", []string{"Bearer " + strings.Repeat(".", 16<<10)}, guard.Malformed},
	} {
		t.Run(attack.name, func(t *testing.T) {
			got, err := g.Authenticate(ask(t, attack.header...))
			if got != nil {
				t.Fatalf("accepted %+v", got)
			}
			wantRefusal(t, err, attack.want, good)
		})
	}
	t.Run("the scheme's case does not matter", func(t *testing.T) {
		if _, err := g.Authenticate(ask(t, "bEARER "+good)); err != nil {
			t.Error(err)
		}
	})
}

func TestAttacksOnTheKeySet(t *testing.T) {
	t.Run("a symmetric key in it signs nothing", func(t *testing.T) {
		p := newProvider(t)
		secret := []byte("0123456789abcdef0123456789abcdef")
		p.set(jwk(t, "rsa", &rsaKey().PublicKey, "RS256", "sig"), jwk(t, "oct", secret, "HS256", "sig"))
		_, err := verifying(t, p.config()).Authenticate(ask(t, "Bearer "+sign(t, jwt.SigningMethodHS256, secret, map[string]any{"kid": "oct"}, p.claims(nil))))
		wantRefusal(t, err, guard.Algorithm, "")
	})
	t.Run("a key for encryption signs nothing", func(t *testing.T) {
		p := newProvider(t)
		p.set(jwk(t, "rsa", &rsaKey().PublicKey, "RS256", "sig"), jwk(t, "enc", &otherRSAKey().PublicKey, "RSA-OAEP-256", "enc"))
		_, err := verifying(t, p.config()).Authenticate(ask(t, "Bearer "+sign(t, jwt.SigningMethodRS256, otherRSAKey(), map[string]any{"kid": "enc"}, p.claims(nil))))
		wantRefusal(t, err, guard.UnknownKey, "")
	})
	t.Run("unknown keys have it fetched once, however many there are", func(t *testing.T) {
		p := newProvider(t)
		g := verifying(t, p.config())
		for range 50 {
			_, err := g.Authenticate(ask(t, "Bearer "+sign(t, jwt.SigningMethodRS256, rsaKey(), map[string]any{"kid": "guess"}, p.claims(nil))))
			wantRefusal(t, err, guard.UnknownKey, "")
		}
		p.change(func() {
			if p.fetches != 2 {
				t.Errorf("%d fetches, want the first and one more", p.fetches)
			}
		})
	})
	for name, bend := range map[string]func(*provider){
		"a provider that calls itself otherwise": func(p *provider) { p.issuer = "https://evil.example" },
		"an answer without end": func(p *provider) {
			p.answer = func(w http.ResponseWriter, _ *http.Request) {
				for _, err := w.Write([]byte(`{"keys":[`)); err == nil; {
					_, err = w.Write([]byte(strings.Repeat(" ", 1<<16)))
				}
			}
		},
		"a redirect": func(p *provider) {
			p.answer = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://evil.example", http.StatusFound)
			}
		},
		"no keys": func(p *provider) { p.keys = nil },
		"no JSON": func(p *provider) {
			p.answer = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }
		},
		"an error": func(p *provider) {
			p.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
		},
		"no answer": func(p *provider) { p.answer = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) } },
	} {
		t.Run("not used: "+name, func(t *testing.T) {
			p := newProvider(t)
			p.change(func() { bend(p) })
			g, fetched := start(t, p.config())
			if fetch := <-fetched; fetch.Err == nil || g.Ready() {
				t.Errorf("fetched: %v, ready %v", fetch.Err, g.Ready())
			}
			_, err := g.Authenticate(ask(t, "Bearer "+p.good(t, nil)))
			wantRefusal(t, err, guard.KeysUnavailable, "")
		})
	}
}
