package signer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Inspection is what a token says. Header and Claims keep the token's own order.
type Inspection struct {
	Header json.RawMessage `json:"header"`
	Claims json.RawMessage `json:"claims"`
}

// Inspect reads a token, anybody's, and checks what Zoom checks: the signature by the app's secret, app_key, iat and exp.
// What is readable is returned beside the error.
func Inspect(token string, c Credentials, clock func() time.Time) (Inspection, error) {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithTimeFunc(clock), jwt.WithIssuedAt(), jwt.WithExpirationRequired())
	var seen Inspection
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return seen, fmt.Errorf("a token has three parts with dots between, this has %d", len(parts))
	}
	for i, into := range []*json.RawMessage{&seen.Header, &seen.Claims} {
		part, err := parser.DecodeSegment(parts[i])
		if err != nil || !json.Valid(part) {
			return seen, fmt.Errorf("part %d of the token is not JSON in base64url", i+1)
		}
		*into = part
	}
	var claims struct {
		jwt.RegisteredClaims
		AppKey string `json:"app_key"`
		Topic  string `json:"tpc"`
	}
	_, err := parser.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return []byte(c.Secret), nil })
	problems := []error{err}
	if claims.AppKey != c.Key {
		problems = append(problems, errors.New("app_key is not the configured Video SDK key"))
	}
	if claims.Topic == "" {
		problems = append(problems, errors.New("tpc, the session's name, is missing"))
	}
	if claims.IssuedAt != nil && claims.ExpiresAt != nil {
		if ttl := claims.ExpiresAt.Sub(claims.IssuedAt.Time); ttl < minTTL || ttl > maxTTL {
			problems = append(problems, fmt.Errorf("exp is %v after iat, Zoom takes 30m to 48h", ttl))
		}
	}
	return seen, errors.Join(problems...)
}
