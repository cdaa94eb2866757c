// Package signer is the domain of the token endpoint: a request, the rules that it must keep, and the Zoom Video SDK
// JWT that it is answered with. It knows neither HTTP nor telemetry, and its clock is handed to it.
package signer

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Signer turns requests into tokens: what a transport needs of this package, and what telemetry wraps.
type Signer interface {
	// Validate checks every property of the request. Its error is a *ValidationError.
	Validate(ctx context.Context, r *Request) (*Grant, error)
	// Sign returns the token that says what the grant says.
	Sign(ctx context.Context, g *Grant) (Token, error)
	// Properties returns the rules that Validate applies, in the order in which violations are listed.
	Properties() []Property
}

// Token is a signed Video SDK JWT and its lifetime.
type Token struct {
	// JWT is the token in its compact form. Whoever has it can join the session: it belongs in no log.
	JWT                 string
	IssuedAt, ExpiresAt time.Time
}

// HS256 signs with one app's credentials. It is safe for concurrent use.
type HS256 struct {
	config     Config
	key        atomic.Pointer[signingKey]
	clock      func() time.Time
	properties [propertyCount]Property
}

// New returns a signer that takes the time from clock. The configuration and the credentials must be valid.
func New(c Config, credentials Credentials, clock func() time.Time) *HS256 {
	s := &HS256{config: c, clock: clock, properties: properties}
	s.Use(credentials)
	ttl := &s.properties[expirationSeconds]
	ttl.Max = int(c.MaxTTL / time.Second)
	ttl.Description += fmt.Sprintf("; %d where it is not sent", c.defaultTTL()/time.Second)
	s.properties[sessionName].Strict = c.SessionNames == documentedNames
	return s
}

// Use signs with these credentials from now on. They must be valid.
func (s *HS256) Use(c Credentials) { s.key.Store(newSigningKey(c)) }

// Properties returns the rules under the default configuration, in the order in which violations are listed.
func Properties() []Property { return slices.Clone(properties[:]) }

// Properties returns the rules under this signer's configuration.
func (s *HS256) Properties() []Property { return slices.Clone(s.properties[:]) }

// Validate checks every property of the request. Its error is a *ValidationError.
func (s *HS256) Validate(_ context.Context, r *Request) (*Grant, error) {
	g := &Grant{lifetime: s.config.defaultTTL(), misnamed: r.missed()}
	var violations []Violation
	for i := range s.properties {
		p, v := &s.properties[i], &r.values[i]
		if v.Kind == KindAbsent {
			if p.Required {
				violations = append(violations, *p.violation(RuleRequired, r.gotInstead(p)))
			}
			continue
		}
		c, violation := p.check(v)
		if violation != nil {
			violations = append(violations, *violation)
			continue
		}
		g.claims[i] = c
	}
	if violations != nil {
		return nil, &ValidationError{violations, g.misnamed}
	}
	if ttl := g.claims[expirationSeconds]; ttl.sent {
		g.lifetime = time.Duration(ttl.number) * time.Second
	}
	g.resolveAliases()
	return g, nil
}

// ErrNotValidated is returned for a grant that Validate has not made.
var ErrNotValidated = errors.New("the grant was not made by Validate")

// Sign returns the token that says what the grant says. Its iat is backdated, its exp counts from there.
func (s *HS256) Sign(_ context.Context, g *Grant) (Token, error) {
	if !g.claims[sessionName].sent {
		return Token{}, ErrNotValidated
	}
	issued := s.clock().Add(-s.config.Backdate).Truncate(time.Second)
	expires := issued.Add(g.lifetime)
	key := s.key.Load() // once: the next load may be another pair
	work := key.workspaces.Get().(*workspace)
	defer key.workspaces.Put(work)

	var err error
	if work.payload, err = key.appendClaims(work.payload[:0], g, issued.Unix(), expires.Unix()); err != nil {
		return Token{}, err
	}
	work.token = base64.RawURLEncoding.AppendEncode(append(work.token[:0], header...), work.payload)
	work.mac.Reset()
	work.mac.Write(work.token) // never fails, as hash.Hash says
	work.signature = work.mac.Sum(work.signature[:0])
	work.token = base64.RawURLEncoding.AppendEncode(append(work.token, '.'), work.signature)
	return Token{string(work.token), issued, expires}, nil
}

// header is the first part of every token, and the dot behind it.
var header = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "."

// signingKey is a key and a secret, made ready for signing.
type signingKey struct {
	// start is the beginning of the claims, with app_key
	start []byte
	// workspaces holds what signing one token takes, to be used again
	workspaces sync.Pool
}

type workspace struct {
	// mac has the secret worked in, which costs as much as the hash of a token
	mac                       hash.Hash
	payload, token, signature []byte
}

func newSigningKey(c Credentials) *signingKey {
	start, _ := jsontext.AppendQuote([]byte(`{"app_key":`), c.Key) // fails only where the key is not UTF-8
	secret := []byte(c.Secret)
	return &signingKey{
		start:      start,
		workspaces: sync.Pool{New: func() any { return &workspace{mac: hmac.New(sha256.New, secret)} }},
	}
}

// appendClaims writes the claims as JSON in the order of the properties, which is the sample's.
func (k *signingKey) appendClaims(b []byte, g *Grant, iat, exp int64) ([]byte, error) {
	b = append(b, k.start...)
	for i := range properties {
		p, c := &properties[i], &g.claims[i]
		if i == expirationSeconds {
			b = strconv.AppendInt(append(b, `,"version":1,"iat":`...), iat, 10)
			b = strconv.AppendInt(append(b, `,"exp":`...), exp, 10)
		}
		if p.Claim == "" || !c.sent {
			continue
		}
		b = append(append(append(b, `,"`...), p.Claim...), `":`...)
		if p.Type == Integer {
			b = strconv.AppendInt(b, int64(c.number), 10)
			continue
		}
		var err error
		if b, err = jsontext.AppendQuote(b, c.text); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Claim, err)
		}
	}
	return append(b, '}'), nil
}
