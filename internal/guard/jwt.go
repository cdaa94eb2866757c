package guard

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// fullySpecified is EdDSA under the name that RFC 9864 gives it, which golang-jwt doesn't know.
type fullySpecified struct{ *jwt.SigningMethodEd25519 }

func (fullySpecified) Alg() string { return "Ed25519" }

func init() {
	jwt.RegisterSigningMethod("Ed25519", func() jwt.SigningMethod { return fullySpecified{jwt.SigningMethodEdDSA} })
}

// leeway is how far the provider's clock may differ from ours.
const leeway = time.Minute

// verifier verifies users' tokens.
type verifier struct {
	config Config
	clock  func() time.Time
	parser *jwt.Parser
	keys   *keySets
}

func newVerifier(c Config, clock func() time.Time) *verifier {
	parser := jwt.NewParser(
		jwt.WithValidMethods(algorithms),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(clock),
		jwt.WithStrictDecoding(),
		jwt.WithJSONNumber(),
	)
	return &verifier{c, clock, parser, newKeySets(c.keySources(), c.RefreshInterval)}
}

func (*verifier) method() *Method { return JWT }

// fits tells a JWT, which has two dots, from an API key, which has none.
func (*verifier) fits(token string) bool { return strings.Count(token, ".") == 2 }

func (v *verifier) ready() bool { return v.keys.ready() }

func (v *verifier) run(ctx context.Context, b Background) { v.keys.run(ctx, b) }

// find verifies a token. It looks for the key before it reads the claims, so that a request that waits for a key holds
// little memory, and a token with a made-up key costs no more than parsing its header.
func (v *verifier) find(r *http.Request, token string) (*Caller, *RefusalError) {
	if !v.ready() {
		return nil, &RefusalError{Reason: KeysUnavailable}
	}
	name, refusal := readHeader(token)
	if refusal != nil {
		return nil, refusal
	}
	found, refusal := v.keys.find(r, name)
	if refusal != nil {
		return nil, refusal
	}
	claims := jwt.MapClaims{}
	var from issuerKeys
	_, err := v.parser.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) {
		if from, refusal = v.keys.choose(found, claims["iss"], name); refusal != nil {
			return nil, refusal
		}
		return jwt.VerificationKeySet{Keys: from.keys}, nil
	})
	switch {
	case refusal != nil:
		return nil, refusal
	case err != nil:
		return nil, v.explain(claims, err)
	}
	subject, refusal := v.check(claims, from.issuer)
	if refusal != nil {
		return nil, refusal
	}
	exactNumbers(map[string]any(claims))
	return &Caller{Method: JWT, Subject: subject, Claims: claims}, nil
}

// explain puts golang-jwt's error into the closed set. Claims go into the detail only once the signature is verified.
func (v *verifier) explain(claims jwt.MapClaims, err error) *RefusalError {
	now := v.clock().UTC().Format(time.RFC3339)
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return refuse(Malformed, "the claims or the signature of the token can't be decoded")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return &RefusalError{Reason: Signature}
	case errors.Is(err, jwt.ErrTokenExpired):
		exp, _ := claims.GetExpirationTime()
		return refuse(Expired, "the token's exp is %s, and it is %s", exp.UTC().Format(time.RFC3339), now)
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		nbf, _ := claims.GetNotBefore()
		return refuse(NotYetValid, "the token's nbf is %s, and it is %s", nbf.UTC().Format(time.RFC3339), now)
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return refuse(Claims, "the token's exp is %s; want a time in seconds", describe(claims["exp"]))
	default:
		return refuse(Malformed, "the token's exp is %s and its nbf %s; want times in seconds",
			describe(claims["exp"]), describe(claims["nbf"]))
	}
}

// check looks at the claims of a token whose signature and times are right, and returns its subject.
func (v *verifier) check(claims jwt.MapClaims, issuer string) (subject string, refusal *RefusalError) {
	if refusal := v.checkKind(claims); refusal != nil {
		return "", refusal
	}
	if got, ok := claims["iss"].(string); issuer != "" && (!ok || got == "") {
		return "", refuse(Claims, "the token's iss is %s; want %q", describe(claims["iss"]), issuer)
	} else if issuer != "" && got != issuer {
		return "", refuse(Issuer, "the token's iss is %.200q; want %q (AUTH_ISSUER), whose key signed it", got, issuer)
	}
	if refusal := v.checkAudience(claims); refusal != nil {
		return "", refusal
	}
	if expires, err := claims.GetExpirationTime(); err != nil || expires.After(v.clock().Add(v.config.MaxTTL+leeway)) {
		return "", refuse(Lifetime, "the token's exp lies further ahead than AUTH_TOKEN_MAX_TTL, %s", v.config.MaxTTL)
	}
	if subject, _ = claims["sub"].(string); subject == "" {
		return "", refuse(Claims, "the token's sub is %s; want text", describe(claims["sub"]))
	}
	return subject, nil
}

// checkKind refuses what a provider signs by the same keys, but not to let its bearer in.
func (*verifier) checkKind(claims jwt.MapClaims) *RefusalError {
	if claims["events"] != nil {
		return refuse(TokenKind, "the token tells of events, such as a logout (claim events)")
	}
	if claims["cnf"] != nil {
		return refuse(TokenKind, "the token is bound to a key (claim cnf), and nobody here can check that its sender has it")
	}
	return nil
}

// checkAudience looks at the first of AUTH_AUDIENCE_CLAIM's claims that the token has.
func (v *verifier) checkAudience(claims jwt.MapClaims) *RefusalError {
	i := slices.IndexFunc(v.config.AudienceClaims, func(name string) bool { return claims[name] != nil })
	name := v.config.AudienceClaims[max(i, 0)]
	audiences, _ := jwt.MapClaims{"aud": claims[name]}.GetAudience() // none of what is not text or a list of texts
	wanted := strings.Join(v.config.Audience, ", ")
	if len(audiences) == 0 || len(audiences) == 1 && audiences[0] == "" {
		return refuse(Claims, "the token's %s is %s; want %.200s (AUTH_AUDIENCE)", name, describe(claims[name]), wanted)
	}
	if !slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(v.config.Audience, a) }) {
		return refuse(Audience, "the token's %s is %.200q; want %.200s (AUTH_AUDIENCE)",
			name, strings.Join(audiences, ","), wanted)
	}
	return nil
}
