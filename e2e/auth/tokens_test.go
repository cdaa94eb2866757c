package auth_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestAUserWhoSignedInGetsATokenOfZooms(t *testing.T) {
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA} {
		t.Run(string(alg), func(t *testing.T) {
			p := startProvider(t, newKeyPair(t, alg))
			s := startReady(t, p)
			for name, token := range p.signIn(t, teacher, app).both() {
				t.Run(name, func(t *testing.T) {
					got := s.post(t, token, `{"sessionName":"Cool Cars","role":1,"userIdentity":"Ada","expirationSeconds":1800}`)
					g := got.grant(t)
					if g.Session != "Cool Cars" || g.Role != 1 || g.Identity != "Ada" || g.Expires-g.Issued != 1800 {
						t.Errorf("got %+v", g)
					}
					l := s.audit(t, got)
					if l["caller_method"] != "jwt" || l["caller"] != teacher.id || l["decision"] != "allowed" || l["role"] != "host" {
						t.Errorf("got the log line %v", l)
					}
				})
			}
		})
	}
}

func TestWhoHasNoGoodTokenIsRefusedAndCounted(t *testing.T) {
	k := newKeyPair(t, jose.ES256)
	p := startProvider(t, k)
	// providers with many tenants sign for all of them by the same keys
	otherTenant, foreign := startProvider(t, k), startProvider(t, newKeyPair(t, jose.ES256))
	s := startReady(t, p)
	mine := p.signIn(t, pupil, app)

	p.setClock(otherApp, clock{ends: time.Hour})
	others := p.signIn(t, pupil, otherApp)
	p.setClock(app, clock{starts: -time.Hour, ends: -90 * time.Second})
	expired := p.signIn(t, pupil, app)
	p.setClock(app, clock{starts: 90 * time.Second, ends: time.Hour})
	early := p.signIn(t, pupil, app)
	p.setClock(app, clock{ends: 48 * time.Hour})
	eternal := p.signIn(t, pupil, app)

	for _, c := range []struct {
		name, reason string
		tokens       map[string]string
	}{
		{"no token", "missing", map[string]string{"": ""}},
		{"what is no JWT", "malformed", map[string]string{"": "hidden-nonsense"}},
		{"another app of the same provider", "audience", others.both()},
		{"another issuer with the same keys", "issuer", otherTenant.signIn(t, pupil, app).both()},
		{"another provider", "unknown_key", foreign.signIn(t, pupil, app).both()},
		{"expired 90 s ago", "expired", expired.both()},
		{"valid in 90 s", "not_yet_valid", map[string]string{"access token": early.Access}}, // ID tokens have no nbf
		{"valid for two days", "lifetime", eternal.both()},
		{"the claims of one and the signature of another", "signature", map[string]string{"ID token": splice(mine.ID, others.ID), "access token": splice(mine.Access, others.Access)}},
		// the provider would not make it
		{"not signed", "algorithm", map[string]string{"ID token": unsigned(mine.ID), "access token": unsigned(mine.Access)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := s.refusals(t, c.reason)
			for name, token := range c.tokens {
				secrets.add(token)
				got := s.post(t, token, asParticipant)
				got.wantErrors(t, http.StatusUnauthorized, "Authorization")
				challenge := got.header.Get("WWW-Authenticate")
				if !strings.HasPrefix(challenge, "Bearer realm=") || strings.Contains(challenge, "invalid_token") == (c.reason == "missing") {
					t.Errorf("%s: got WWW-Authenticate %q", name, challenge)
				}
				if l := s.audit(t, got); l["decision"] != c.reason {
					t.Errorf("%s: got the log line %v", name, l)
				}
			}
			if rise := s.refusals(t, c.reason) - before; rise != float64(len(c.tokens)) {
				t.Errorf("%v refusals were counted, want %d", rise, len(c.tokens))
			}
		})
	}
	s.post(t, mine.Access, asParticipant).grant(t)
}

// splice returns a token with the header and claims of one and the signature of the other.
func splice(claims, signature string) string {
	return claims[:strings.LastIndex(claims, ".")] + signature[strings.LastIndex(signature, "."):]
}

// unsigned returns the token with the algorithm none, which RFC 7519 has.
func unsigned(token string) string {
	return "eyJhbGciOiJub25lIn0." + strings.Split(token, ".")[1] + "."
}

func TestAClockThatIsOffByLessThanAMinuteDoesNoHarm(t *testing.T) {
	for _, c := range []struct {
		name string
		clock
	}{
		{"the provider's is 40 s ahead", clock{starts: 40 * time.Second, ends: time.Hour}},
		{"the provider's is 40 s behind, and its token valid to the end", clock{starts: -time.Hour, ends: -20 * time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := startProvider(t, newKeyPair(t, jose.ES256))
			s := startReady(t, p)
			p.setClock(app, c.clock)
			for name, token := range p.signIn(t, pupil, app).both() {
				t.Run(name, func(t *testing.T) { s.post(t, token, asParticipant).grant(t) })
			}
		})
	}
}

func TestThePolicyDecidesByTheGroupsInTheToken(t *testing.T) {
	p := startProvider(t, newKeyPair(t, jose.ES256))
	s := startReady(t, p, `AUTH_POLICY=caller.claims.tenant == "school-7" && (request.role == 0 || "teachers" in caller.claims.groups)`,
		"AUTH_IDENTITY_CLAIM=sub", "AUTH_IDENTITY_PROPERTY=userKey")
	for name, token := range p.signIn(t, teacher, app).both() {
		t.Run("a teacher may be host: "+name, func(t *testing.T) {
			if g := s.post(t, token, asHost).grant(t); g.Role != 1 {
				t.Errorf("got %+v", g)
			}
		})
	}
	for name, token := range p.signIn(t, pupil, app).both() {
		t.Run("a pupil may not: "+name, func(t *testing.T) {
			before := s.refusals(t, "policy")
			s.post(t, token, asHost).wantErrors(t, http.StatusForbidden, "policy")
			if rise := s.refusals(t, "policy") - before; rise != 1 {
				t.Errorf("%v refusals were counted, want 1", rise)
			}
			if g := s.post(t, token, asParticipant).grant(t); g.Role != 0 {
				t.Errorf("got %+v", g)
			}
		})
		t.Run("nobody takes another's name: "+name, func(t *testing.T) {
			g := s.post(t, token, `{"sessionName":"Cool Cars","role":0,"userKey":"`+teacher.id+`","userIdentity":"Ben"}`).grant(t)
			if g.UserKey != pupil.id || g.Identity != pupil.id {
				t.Errorf("got %+v", g)
			}
		})
	}
}
