package guard

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"
)

// algorithms are the asymmetric ones. With a symmetric one, whoever has the public key could sign.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// leeway is how far the provider's clock may differ from ours.
const leeway = time.Minute

// verifier verifies users' tokens.
type verifier struct {
	config Config
	clock  func() time.Time
	parser *jwt.Parser
	keys   atomic.Pointer[keyfunc.Keyfunc] // nil until the key set was fetched once
}

func newVerifier(c Config, clock func() time.Time) *verifier {
	options := []jwt.ParserOption{
		jwt.WithValidMethods(algorithms),
		jwt.WithAudience(c.Audience...),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(clock),
		jwt.WithStrictDecoding(),
		jwt.WithJSONNumber(),
	}
	if c.Issuer != "" {
		options = append(options, jwt.WithIssuer(c.Issuer))
	}
	return &verifier{config: c, clock: clock, parser: jwt.NewParser(options...)}
}

func (*verifier) method() *Method { return JWT }

// fits tells a JWT, which has two dots, from an API key, which has none.
func (*verifier) fits(token string) bool { return strings.Count(token, ".") == 2 }

func (v *verifier) ready() bool { return v.keys.Load() != nil }

var (
	errCritical = errors.New("the token has critical extensions")
	errNoKeyID  = errors.New("the token names no key")
)

func (v *verifier) find(ctx context.Context, token string) (*Caller, *RefusalError) {
	keys := v.keys.Load()
	if keys == nil {
		return nil, &RefusalError{Reason: KeysUnavailable}
	}
	// a client that hangs up must not end the fetch of a key that others wait for
	ctx = context.WithoutCancel(ctx)
	claims := jwt.MapClaims{}
	parsed, err := v.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		// RFC 7515: who does not know an extension that crit names must refuse
		if _, ok := t.Header["crit"]; ok {
			return nil, errCritical
		}
		// without kid every key would be tried, whatever it is for
		if _, ok := t.Header["kid"].(string); !ok {
			return nil, errNoKeyID
		}
		return (*keys).KeyfuncCtx(ctx)(t)
	})
	if err != nil {
		return nil, v.explain(parsed, claims, err)
	}
	subject, _ := claims.GetSubject()
	if subject == "" {
		return nil, refuse(Claims, "the token has no sub")
	}
	if expires, err := claims.GetExpirationTime(); err != nil || expires.After(v.clock().Add(v.config.MaxTTL+leeway)) {
		return nil, refuse(Lifetime, "exp lies further ahead than AUTH_TOKEN_MAX_TTL, %s", v.config.MaxTTL)
	}
	exactNumbers(map[string]any(claims))
	return &Caller{Method: JWT, Subject: subject, Claims: claims}, nil
}

// explain puts golang-jwt's error into the closed set. Claims go into the detail only once the signature is verified.
func (v *verifier) explain(t *jwt.Token, claims jwt.MapClaims, err error) *RefusalError {
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return refuse(Malformed, "the bearer token is no JWT")
	case errors.Is(err, errCritical):
		return refuse(Malformed, "%v", errCritical)
	case t == nil || t.Method == nil || !slices.Contains(algorithms, t.Method.Alg()):
		return refuse(Algorithm, "want one of %s", strings.Join(algorithms, " "))
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		// the key that the token names is not in the set, or is made for another algorithm
		return &RefusalError{Reason: UnknownKey}
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return &RefusalError{Reason: Signature}
	case errors.Is(err, jwt.ErrTokenExpired):
		return &RefusalError{Reason: Expired}
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return &RefusalError{Reason: NotYetValid}
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		issuer, _ := claims.GetIssuer()
		return refuse(Issuer, "the token's iss is %.200q", issuer)
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		audience, _ := claims.GetAudience()
		return refuse(Audience, "the token's aud is %.200q", strings.Join(audience, ","))
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return refuse(Claims, "the token needs exp, aud and, with AUTH_ISSUER, iss")
	default:
		return refuse(Malformed, "a claim of the token has the wrong type")
	}
}

const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
	// a key that is not in the set has it fetched again: at most this often, and a request waits no longer for it
	unknownKeyInterval = 10 * time.Second
	unknownKeyWait     = 5 * time.Second
)

// run fetches the key set until it has it once; from then on the library fetches it again, in the background and when a
// token names a key that is not in it.
func (v *verifier) run(ctx context.Context, b Background) {
	tell, client := b.KeySet, keySetClient(v.config, b.Transport)
	kept := &keySet{MemoryJWKSet: jwkset.NewMemoryStorage(), fetched: func() {
		if v.ready() { // the first time is told of below, once the keys are in use
			tell(nil)
		}
	}}
	address := v.config.JWKSURL
	if address == "" {
		address = discoveryURL(v.config.Issuer)
	}
	for retry := firstRetry; ; retry = min(2*retry, lastRetry) {
		// it has the library's own refreshing end when the first fetch failed
		attempt, cancel := context.WithCancel(ctx)
		remote, err := jwkset.NewStorageFromHTTP(address, jwkset.HTTPClientStorageOptions{
			Client:              client,
			Ctx:                 attempt,
			HTTPTimeout:         fetchTimeout,
			RefreshErrorHandler: func(_ context.Context, err error) { tell(err) },
			RefreshInterval:     v.config.RefreshInterval,
			Storage:             kept,
		})
		if err == nil {
			err = v.use(address, remote, kept)
		}
		if err == nil {
			context.AfterFunc(ctx, cancel)
			tell(nil)
			return
		}
		cancel()
		tell(err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(retry):
		}
	}
}

func (v *verifier) use(address string, remote jwkset.Storage, kept *keySet) error {
	refreshed, err := jwkset.NewHTTPClient(jwkset.HTTPClientOptions{
		HTTPURLs:          map[string]jwkset.Storage{address: remote},
		RateLimitWaitMax:  unknownKeyWait,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(unknownKeyInterval), 1),
	})
	if err != nil {
		return err //nolint:wrapcheck // the log line says what it is about
	}
	keys, err := keyfunc.New(keyfunc.Options{Storage: &sharedFetch{Storage: refreshed, kept: kept}})
	if err != nil {
		return err //nolint:wrapcheck // the log line says what it is about
	}
	v.keys.Store(&keys)
	return nil
}

// sharedFetch has all who come with a new key at once wait for one fetch: the library refuses whoever comes second.
type sharedFetch struct {
	jwkset.Storage

	kept    *keySet
	fetches singleflight.Group
}

// KeyRead fetches the key set again for a key that is not in it.
func (s *sharedFetch) KeyRead(ctx context.Context, id string) (jwkset.JWK, error) {
	if key, err := s.kept.KeyRead(ctx, id); err == nil {
		return key, nil
	}
	_, _, _ = s.fetches.Do("", func() (any, error) { return s.Storage.KeyRead(ctx, id) })
	return s.kept.KeyRead(ctx, id) //nolint:wrapcheck // a decorator leaves errors as they are
}

// keySet keeps the last good keys: an answer without any does not take their place.
type keySet struct {
	*jwkset.MemoryJWKSet
	fetched func()
}

var errNoKeys = errors.New("the key set has no key for signatures")

// KeyReplaceAll takes over the keys that can verify signatures.
func (k *keySet) KeyReplaceAll(ctx context.Context, keys []jwkset.JWK) error {
	keys = slices.DeleteFunc(keys, func(key jwkset.JWK) bool {
		_, symmetric := key.Key().([]byte)
		use := key.Marshal().USE
		return symmetric || use != "" && use != jwkset.UseSig
	})
	if len(keys) == 0 {
		return errNoKeys
	}
	if err := k.MemoryJWKSet.KeyReplaceAll(ctx, keys); err != nil {
		return err //nolint:wrapcheck // a decorator leaves errors as they are
	}
	k.fetched()
	return nil
}
