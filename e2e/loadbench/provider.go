package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// apiKey is one that the line lets in.
const (
	apiKey     = "vsk_loadbench"
	apiKeyLine = "backend 9bfd230cb936b17c768f3f30cd5f2334ce45a31e88b1eb4070a950c7bce22a8e"
)

// provider is an OpenID provider's discovery and key set, and two users' tokens of its.
type provider struct {
	*httptest.Server
	rs256, es256 string
}

func startProvider() (*provider, error) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	point, err := ecKey.PublicKey.Bytes() // 4, x and y
	if err != nil {
		return nil, err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	keys := []map[string]string{
		{"kty": "RSA", "kid": "rsa", "alg": "RS256", "use": "sig", "e": "AQAB", "n": b64(rsaKey.N.Bytes())},
		{"kty": "EC", "kid": "ec", "alg": "ES256", "use": "sig", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])},
	}
	p := new(provider)
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer": %q, "jwks_uri": %q}`, p.URL, p.URL+"/keys")
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys})
	})
	p.Server = httptest.NewServer(mux)
	token := func(method jwt.SigningMethod, kid string, key any) (string, error) {
		t := jwt.NewWithClaims(method, jwt.MapClaims{
			"iss": p.URL, "aud": "app", "sub": "alice", "groups": []string{"staff", "teachers"},
			"iat": time.Now().Unix(), "exp": time.Now().Add(20 * time.Hour).Unix(), "email": "alice@example.com",
		})
		t.Header["kid"] = kid
		return t.SignedString(key)
	}
	if p.rs256, err = token(jwt.SigningMethodRS256, "rsa", rsaKey); err != nil {
		return nil, err
	}
	p.es256, err = token(jwt.SigningMethodES256, "ec", ecKey)
	return p, err
}
