package guard_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"videosdk-auth-endpoint/internal/guard"
)

// with returns a key with other members; nil removes one.
func with(key map[string]any, members map[string]any) map[string]any {
	key = maps.Clone(key)
	maps.Copy(key, members)
	maps.DeleteFunc(key, func(_ string, v any) bool { return v == nil })
	return key
}

func b64(bytes []byte) string { return base64.RawURLEncoding.EncodeToString(bytes) }

// certificate is one for that key, in DER.
func certificate(t *testing.T, key *rsa.PrivateKey) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestKeysWithOddMembersAreUsed: what is not part of a key does it no harm, however wrong it is.
func TestKeysWithOddMembersAreUsed(t *testing.T) {
	der := certificate(t, rsaKey())
	chain := base64.StdEncoding.EncodeToString(der)
	sha1Digest, sha256Digest := sha1.Sum(der), sha256.Sum256(der)
	good := jwk(t, "rsa", &rsaKey().PublicKey, "RS256", "sig")
	zero := append([]byte{0}, rsaKey().N.Bytes()...)
	for name, key := range map[string]map[string]any{
		"x5t as a digest in hex":                               with(good, map[string]any{"x5c": []string{chain}, "x5t": b64([]byte(hex.EncodeToString(sha1Digest[:])))}),
		"x5t in capitals of hex":                               with(good, map[string]any{"x5c": []string{chain}, "x5t": b64([]byte(strings.ToUpper(hex.EncodeToString(sha1Digest[:]))))}),
		"x5t#S256 as a digest in hex":                          with(good, map[string]any{"x5c": []string{chain}, "x5t#S256": b64([]byte(hex.EncodeToString(sha256Digest[:])))}),
		"x5t of nothing":                                       with(good, map[string]any{"x5t": "?"}),
		"x5t that is a number":                                 with(good, map[string]any{"x5t": 7}),
		"x5c of another key":                                   with(good, map[string]any{"x5c": []string{base64.StdEncoding.EncodeToString(certificate(t, otherRSAKey()))}}),
		"x5c that can't be read":                               with(good, map[string]any{"x5c": []string{"AAAA"}}),
		"x5c that is not a list":                               with(good, map[string]any{"x5c": chain}),
		"x5u by http":                                          with(good, map[string]any{"x5u": "http://id.example.com/cert"}),
		"a member that nobody knows":                           with(good, map[string]any{"exp": 1e300, "status": []any{nil}}),
		"key_ops with verify beside what is unknown":           with(good, map[string]any{"key_ops": []string{"verify", "foo"}}),
		"no use and no alg":                                    with(good, map[string]any{"use": nil, "alg": nil}),
		"use and key_ops of null":                              func() map[string]any { k := maps.Clone(good); k["use"], k["key_ops"] = nil, nil; return k }(),
		"a zero in front of n":                                 with(good, map[string]any{"n": b64(zero)}),
		"n that is padded":                                     with(good, map[string]any{"n": base64.URLEncoding.EncodeToString(rsaKey().N.Bytes())}),
		"the private exponent, which is the provider's affair": with(good, map[string]any{"d": b64(rsaKey().D.Bytes())}),
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			p.set(key)
			g, fetched := start(t, p.config())
			if fetch := <-fetched; fetch.Err != nil || len(fetch.Skipped) > 0 {
				t.Fatalf("%+v", fetch)
			}
			if _, err := g.Authenticate(ask(t, "Bearer "+p.good(t, nil))); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestOddKeysAreSkipped: the others of the set are used, whatever one of them is.
func TestOddKeysAreSkipped(t *testing.T) {
	rsaJWK := jwk(t, "odd", &otherRSAKey().PublicKey, "RS256", "sig")
	ecJWK := jwk(t, "odd", &ecKey().PublicKey, "ES256", "sig")
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edJWK := jwk(t, "odd", ed, "EdDSA", "sig")
	short, err := rsa.GenerateKey(rand.Reader, 2047)
	if err != nil {
		t.Fatal(err)
	}
	for _, odd := range []struct {
		name string
		key  any
		want guard.SkipReason
	}{
		{"use x509-svid", with(rsaJWK, map[string]any{"use": "x509-svid"}), guard.KeyUse},
		{"use enc", with(rsaJWK, map[string]any{"use": "enc"}), guard.KeyUse},
		{"use in capitals", with(rsaJWK, map[string]any{"use": "SIG"}), guard.KeyUse},
		{"key_ops that nobody knows", with(rsaJWK, map[string]any{"key_ops": []string{"foo"}}), guard.KeyUse},
		{"key_ops to encrypt", with(rsaJWK, map[string]any{"key_ops": []string{"encrypt", "wrapKey"}}), guard.KeyUse},
		{"key_ops of nothing", with(rsaJWK, map[string]any{"key_ops": []string{}}), guard.KeyUse},
		{"key_ops that is text", with(rsaJWK, map[string]any{"key_ops": "verify"}), guard.KeyMalformed},
		{"use that is a number", with(rsaJWK, map[string]any{"use": 1}), guard.KeyMalformed},
		{"RSA without n", with(rsaJWK, map[string]any{"n": nil}), guard.KeyMalformed},
		{"RSA without e", with(rsaJWK, map[string]any{"e": nil}), guard.KeyMalformed},
		{"RSA with e of 1, under which everybody can sign", with(rsaJWK, map[string]any{"e": "AQ"}), guard.KeyMalformed},
		{"RSA with an even e", with(rsaJWK, map[string]any{"e": "AQAA"}), guard.KeyMalformed},
		{"RSA with an e of 2^31", with(rsaJWK, map[string]any{"e": "gAAAAQ"}), guard.KeyMalformed},
		{"RSA with n that is not base64url", with(rsaJWK, map[string]any{"n": "!!"}), guard.KeyMalformed},
		{"RSA of 2047 bits", with(rsaJWK, map[string]any{"n": b64(short.N.Bytes())}), guard.KeySize},
		{"RSA of 512 bits", with(rsaJWK, map[string]any{"n": b64(rsaKey().N.Bytes()[:64])}), guard.KeySize},
		{"RSA of 16385 bits", with(rsaJWK, map[string]any{"n": b64(append([]byte{1}, make([]byte, 2048)...))}), guard.KeySize},
		{"EC without x", with(ecJWK, map[string]any{"x": nil}), guard.KeyMalformed},
		{"EC without crv", with(ecJWK, map[string]any{"crv": nil}), guard.KeyUnsupported},
		{"EC with a point off its curve", with(ecJWK, map[string]any{"y": ecJWK["x"]}), guard.KeyMalformed},
		{"EC with a point that is too long", with(ecJWK, map[string]any{"x": b64(make([]byte, 33)) + "AAAA"}), guard.KeyMalformed},
		{"EC on another curve than its alg", with(ecJWK, map[string]any{"alg": "ES384"}), guard.KeyUnsupported},
		{"EC on secp256k1", with(ecJWK, map[string]any{"crv": "secp256k1", "alg": "ES256K"}), guard.KeyUnsupported},
		{"Ed25519 that is cut short", with(edJWK, map[string]any{"x": b64(ed[:31])}), guard.KeyMalformed},
		{"X25519", with(edJWK, map[string]any{"crv": "X25519"}), guard.KeyUnsupported},
		{"Ed448", with(edJWK, map[string]any{"crv": "Ed448", "alg": "Ed448"}), guard.KeyUnsupported},
		{"RSA for encryption by its alg", with(rsaJWK, map[string]any{"alg": "RSA-OAEP-256"}), guard.KeyUnsupported},
		{"alg none", with(rsaJWK, map[string]any{"alg": "none"}), guard.KeyUnsupported},
		{"oct", jwk(t, "odd", []byte("0123456789abcdef0123456789abcdef"), "HS256", "sig"), guard.KeyUnsupported},
		{"oct without k", map[string]any{"kty": "oct", "kid": "odd"}, guard.KeyUnsupported},
		{"a type that nobody knows", map[string]any{"kty": "AKP", "kid": "odd", "alg": "ML-DSA-44"}, guard.KeyUnsupported},
		{"a type in small letters", with(rsaJWK, map[string]any{"kty": "rsa"}), guard.KeyUnsupported},
		{"no type", with(rsaJWK, map[string]any{"kty": nil}), guard.KeyUnsupported},
		{"no kid", with(rsaJWK, map[string]any{"kid": nil}), guard.KeyUnnamed},
		{"an empty kid", with(rsaJWK, map[string]any{"kid": ""}), guard.KeyUnnamed},
		{"a kid that is a number", with(rsaJWK, map[string]any{"kid": 1}), guard.KeyMalformed},
		{"a kid that is an object", with(rsaJWK, map[string]any{"kid": map[string]any{"id": "odd"}}), guard.KeyMalformed},
		{"an empty object", map[string]any{}, guard.KeyUnnamed},
		{"a number in its place", 7, guard.KeyMalformed},
		{"text in its place", "odd", guard.KeyMalformed},
		{"null in its place", nil, guard.KeyUnnamed},
		{"a list in its place", []any{rsaJWK}, guard.KeyMalformed},
	} {
		t.Run(odd.name, func(t *testing.T) {
			p := newProvider(t)
			p.set(odd.key, jwk(t, "rsa", &rsaKey().PublicKey, "RS256", "sig"))
			g, fetched := start(t, p.config())
			fetch := <-fetched
			if fetch.Err != nil || len(fetch.Skipped) != 1 || fetch.Skipped[0].Reason != odd.want || fetch.Skipped[0].Detail == "" {
				t.Errorf("%v", fetch)
			}
			if _, err := g.Authenticate(ask(t, "Bearer "+p.good(t, nil))); err != nil {
				t.Errorf("the key beside it: %v", err)
			}
			p.set(odd.key)
			_, fetched = start(t, p.config())
			if fetch := <-fetched; fetch.Err == nil || !strings.Contains(fetch.Err.Error(), string(odd.want)) {
				t.Errorf("alone: %v", fetch)
			}
		})
	}
}

// TestAnEntryThatIsBrokenInItself is one that the JSON around it survives.
func TestAnEntryThatIsBrokenInItself(t *testing.T) {
	good := jwk(t, "rsa", &rsaKey().PublicKey, "RS256", "sig")
	for name, entry := range map[string]string{
		"a member twice":        `{"kid": "a", "kid": "b"}`,
		"text that isn't UTF-8": `{"kid": "` + "\xff" + `"}`,
		"a number beyond all":   `{"kid": "odd", "kty": 1e999999}`,
		"half of a pair":        `{"kid": "\ud800"}`,
		"deep nesting":          `{"kid": "odd", "kty": "RSA", "n": ` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			p.change(func() {
				p.answer = func(w http.ResponseWriter, _ *http.Request) {
					fmt.Fprintf(w, `{"keys": [%s, {"kty": "RSA", "kid": "rsa", "n": %q, "e": "AQAB"}]}`, entry, good["n"])
				}
			})
			g, fetched := start(t, p.config())
			if fetch := <-fetched; fetch.Err != nil || len(fetch.Skipped) != 1 || fetch.Skipped[0].Reason != guard.KeyMalformed {
				t.Errorf("%v", fetch)
			}
			if _, err := g.Authenticate(ask(t, "Bearer "+p.good(t, nil))); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEveryAlgorithmVerifies(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curve := func(c elliptic.Curve) *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	p384, p521 := curve(elliptic.P384()), curve(elliptic.P521())
	p := newProvider(t)
	// one id for all of them, and no alg where a key has several
	p.set(with(jwk(t, "one", &rsaKey().PublicKey, "", "sig"), map[string]any{"alg": nil}),
		jwk(t, "one", &ecKey().PublicKey, "ES256", "sig"), jwk(t, "one", &p384.PublicKey, "ES384", "sig"), jwk(t, "one", &p521.PublicKey, "ES512", "sig"),
		jwk(t, "one", public, "EdDSA", "sig"), jwk(t, "labelled anew", public, "Ed25519", "sig"), with(jwk(t, "not labelled", public, "", "sig"), map[string]any{"alg": nil}))
	g := verifying(t, p.config())
	for method, key := range map[jwt.SigningMethod]any{
		jwt.SigningMethodRS256: rsaKey(), jwt.SigningMethodRS384: rsaKey(), jwt.SigningMethodRS512: rsaKey(),
		jwt.SigningMethodPS256: rsaKey(), jwt.SigningMethodPS384: rsaKey(), jwt.SigningMethodPS512: rsaKey(),
		jwt.SigningMethodES256: ecKey(), jwt.SigningMethodES384: p384, jwt.SigningMethodES512: p521,
		jwt.SigningMethodEdDSA: private,
	} {
		t.Run(method.Alg()+" under an id that keys of several types share", func(t *testing.T) {
			if _, err := g.Authenticate(ask(t, "Bearer "+sign(t, method, key, map[string]any{"kid": "one"}, p.claims(nil)))); err != nil {
				t.Error(err)
			}
		})
	}
	for _, alg := range []string{"EdDSA", "Ed25519"} {
		for _, kid := range []string{"one", "labelled anew", "not labelled"} {
			t.Run("a token by "+alg+" for the key "+kid, func(t *testing.T) {
				header := map[string]any{"kid": kid, "alg": alg}
				if _, err := g.Authenticate(ask(t, "Bearer "+sign(t, jwt.SigningMethodEdDSA, private, header, p.claims(nil)))); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestAnIdThatTwoKeysOfOneTypeShare: some providers give the new key the name of the old one while both are in use.
func TestAnIdThatTwoKeysOfOneTypeShare(t *testing.T) {
	p := newProvider(t)
	p.set(jwk(t, "rsa", &otherRSAKey().PublicKey, "RS256", "sig"), jwk(t, "rsa", &rsaKey().PublicKey, "RS256", "sig"))
	g := verifying(t, p.config())
	for name, key := range map[string]*rsa.PrivateKey{"the first": otherRSAKey(), "the second": rsaKey()} {
		if _, err := g.Authenticate(ask(t, "Bearer "+sign(t, jwt.SigningMethodRS256, key, map[string]any{"kid": "rsa"}, p.claims(nil)))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCoordinatesWithoutZerosInFront: some providers write numbers as short as they can be.
func TestCoordinatesWithoutZerosInFront(t *testing.T) {
	var key *ecdsa.PrivateKey
	for x := ""; !strings.HasPrefix(x, "AA"); { // one key in 4096
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
		x = jwk(t, "", &key.PublicKey, "", "")["x"].(string)
	}
	p := newProvider(t)
	good := jwk(t, "short", &key.PublicKey, "ES256", "sig")
	bytes, err := base64.RawURLEncoding.DecodeString(good["x"].(string))
	if err != nil {
		t.Fatal(err)
	}
	p.set(with(good, map[string]any{"x": b64(new(big.Int).SetBytes(bytes).Bytes())}))
	g := verifying(t, p.config())
	if _, err := g.Authenticate(ask(t, "Bearer "+sign(t, jwt.SigningMethodES256, key, map[string]any{"kid": "short"}, p.claims(nil)))); err != nil {
		t.Error(err)
	}
}
