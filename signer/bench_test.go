package signer_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// BenchmarkSign sets our signing beside the least that it could cost and beside golang-jwt's own path.
func BenchmarkSign(b *testing.B) {
	s := newSigner(b, defaults)
	readme := request(map[string]any{"sessionName": "Cool Cars", "role": 1, "sessionKey": "session123", "userIdentity": "user123"})
	grant, err := s.Validate(b.Context(), readme)
	if err != nil {
		b.Fatal(err)
	}
	token := sign(b, s, readme).JWT

	b.Run("hmac", func(b *testing.B) {
		input := []byte(token[:strings.LastIndex(token, ".")])
		mac := hmac.New(sha256.New, []byte(credentials.Secret))
		var sum [sha256.Size]byte
		b.ReportAllocs()
		for b.Loop() {
			mac.Reset()
			mac.Write(input)
			mac.Sum(sum[:0])
		}
	})
	b.Run("signer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Sign(b.Context(), grant); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("golang-jwt", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			claims := jwt.MapClaims{
				"app_key": "test-key", "role_type": 1, "tpc": "Cool Cars", "version": 1, "iat": now.Unix(), "exp": now.Unix() + 7200,
				"user_identity": "user123", "session_key": "session123",
			}
			if _, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(credentials.Secret)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
