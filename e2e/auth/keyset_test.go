package auth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"videosdk-auth-endpoint/internal/servicetest"
)

const (
	refreshOften  = "AUTH_JWKS_REFRESH_INTERVAL=1s"
	refreshSeldom = "AUTH_JWKS_REFRESH_INTERVAL=1h" // but for keys that are not known
)

func TestAKeyThatTheProviderHasMadeSinceIsFetchedAtOnce(t *testing.T) {
	old := newKeyPair(t, jose.RS256)
	p := startProvider(t, old)
	s := startReady(t, p, refreshSeldom)
	before := p.signIn(t, pupil, app)
	s.post(t, before.Access, asParticipant).grant(t)

	p.rotate(newKeyPair(t, jose.ES256))
	for name, token := range p.signIn(t, pupil, app).both() {
		t.Run("new "+name, func(t *testing.T) { s.post(t, token, asParticipant).grant(t) })
	}
	for name, token := range before.both() {
		t.Run("old "+name+", whose key is still published", func(t *testing.T) { s.post(t, token, asParticipant).grant(t) })
	}
	if fetches := p.fetches.Load(); fetches != 2 {
		t.Errorf("the key set was fetched %d times, want once at the start and once for the new key", fetches)
	}
}

func TestAllWhoComeWithANewKeyAtOnceAreServed(t *testing.T) {
	p := startProvider(t, newKeyPair(t, jose.ES256))
	s := startReady(t, p, refreshSeldom)
	p.rotate(newKeyPair(t, jose.ES256))
	token := p.signIn(t, pupil, app).Access
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select { // the provider takes its time
		case <-time.After(time.Second):
		case <-r.Context().Done():
		}
		p.handler.ServeHTTP(w, r)
	})
	p.keySet.Store(&slow)
	const users = 10
	answers := make([]answer, users)
	var all sync.WaitGroup
	for i := range users {
		all.Go(func() { answers[i] = s.post(t, token, asParticipant) })
	}
	all.Wait()
	for _, a := range answers {
		a.want(t, http.StatusOK)
	}
}

func TestKeysThatNobodyHasDoNotFloodTheProvider(t *testing.T) {
	p, foreign := startProvider(t, newKeyPair(t, jose.ES256)), startProvider(t, newKeyPair(t, jose.ES256))
	s := startReady(t, p, refreshSeldom)
	token, start := foreign.signIn(t, pupil, app).Access, time.Now()
	for range 5 {
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { s.post(t, token, asParticipant).want(t, http.StatusUnauthorized) })
		}
		all.Wait()
	}
	// one at the start of the service, one at once, one each ten seconds
	if fetches, most := p.fetches.Load(), 2+int64(time.Since(start)/(10*time.Second)); fetches > most {
		t.Errorf("the key set was fetched %d times, want at most %d", fetches, most)
	}
}

func TestAKeyThatTheProviderHasWithdrawnIsRefused(t *testing.T) {
	leaked, next := newKeyPair(t, jose.ES256), newKeyPair(t, jose.ES256)
	p := startProvider(t, leaked)
	s := startReady(t, p, refreshOften)
	before := p.signIn(t, pupil, app)
	p.rotate(next)
	after := p.signIn(t, pupil, app)
	for _, k := range []tokens{before, after} {
		for _, token := range k.both() {
			s.post(t, token, asParticipant).grant(t)
		}
	}
	p.retire(leaked)
	for name, token := range before.both() {
		eventually(t, "the old "+name+" is refused", func() bool {
			return s.post(t, token, asParticipant).status == http.StatusUnauthorized
		})
	}
	for _, token := range after.both() {
		s.post(t, token, asParticipant).grant(t)
	}
	if s.refusals(t, "unknown_key") < 2 {
		t.Error("the refusals were not counted")
	}
}

func TestTheLastGoodKeysOutliveTheProvider(t *testing.T) {
	answering := func(status int, body string) func(*testing.T, *provider) {
		return func(_ *testing.T, p *provider) {
			answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			})
			p.keySet.Store(&answer)
		}
	}
	mended := func(_ *testing.T, p *provider) { p.keySet.Store(nil) }
	gone, back := func(t *testing.T, p *provider) { t.Helper(); p.stop(t) }, func(t *testing.T, p *provider) { t.Helper(); p.restart(t) }
	for _, c := range []struct {
		name        string
		break_, fix func(*testing.T, *provider)
	}{
		{"it is gone", gone, back},
		{"it fails", answering(http.StatusInternalServerError, `{"error":"server_error"}`), mended},
		{"it has no keys", answering(http.StatusOK, `{"keys":[]}`), mended},
		{"its key set is no key set", answering(http.StatusOK, `{}`), mended},
		{"its key set is no JSON", answering(http.StatusOK, `<html>Sorry!</html>`), mended},
		{"its key set has no end", answering(http.StatusOK, `{"keys":[`+string(make([]byte, 2<<20))), mended},
		{"it moves its key set without a word", func(_ *testing.T, p *provider) {
			away := http.RedirectHandler("/elsewhere", http.StatusFound).ServeHTTP
			moved := http.HandlerFunc(away)
			p.keySet.Store(&moved)
		}, mended},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := startProvider(t, newKeyPair(t, jose.ES256))
			s := startReady(t, p, refreshOften)
			known := p.signIn(t, pupil, app)
			c.break_(t, p)
			failed := s.refreshes(t, "error")
			eventually(t, "refreshes fail again and again", func() bool { return s.refreshes(t, "error") >= failed+2 })
			for _, token := range known.both() {
				s.post(t, token, asParticipant).grant(t)
			}
			if status := s.status(t, "/readyz"); status != http.StatusOK {
				t.Errorf("/readyz is %d", status)
			}
			s.Line(t, func(l servicetest.Line) bool {
				return l["severity"] == "ERROR" && l["message"] == "key set not read; the keys from before stay in use"
			})

			c.fix(t, p)
			good := s.refreshes(t, "ok")
			eventually(t, "refreshes succeed again", func() bool { return s.refreshes(t, "ok") > good })
			p.rotate(newKeyPair(t, jose.ES256))
			for _, token := range p.signIn(t, pupil, app).both() {
				s.post(t, token, asParticipant).grant(t)
			}
		})
	}
}

// TestTwoProvidersAtOnce: staff and customers have one each. Each rotates its keys, and neither speaks for the other.
func TestTwoProvidersAtOnce(t *testing.T) {
	staff, customers := startProvider(t, newKeyPair(t, jose.RS256)), startProvider(t, newKeyPair(t, jose.ES256))
	s := startService(t, "AUTH_ISSUER="+staff.issuer+", "+customers.issuer, "AUTH_AUDIENCE="+app, refreshSeldom,
		`AUTH_POLICY=request.role == 0 || caller.claims.iss == "`+staff.issuer+`"`)
	eventually(t, "both key sets are fetched", func() bool { return s.refreshes(t, "ok") == 2 })
	for range 2 {
		for _, token := range staff.signIn(t, teacher, app).both() {
			s.post(t, token, asHost).grant(t)
		}
		for _, token := range customers.signIn(t, pupil, app).both() {
			s.post(t, token, asParticipant).grant(t)
			s.post(t, token, asHost).wantErrors(t, http.StatusForbidden, "policy")
		}
		if s.refreshes(t, "ok") == 2 { // the same with new keys, which one look at both brings
			staff.rotate(newKeyPair(t, jose.ES256))
			customers.rotate(newKeyPair(t, jose.RS256))
		}
	}
	// a provider that publishes another one's keys, and signs by one of its own in the other's name
	thief := newKeyPair(t, jose.ES256)
	customers.rotate(thief)
	forged := customers.signIn(t, pupil, app).Access
	claims := strings.Split(staff.signIn(t, teacher, app).Access, ".")[1]
	signed := strings.Split(forged, ".")[0] + "." + claims
	signature := thief.sign(t, signed)
	servicetest.Eventually(t, 20*time.Second, "the customers' new key is known", func() bool { return s.post(t, forged, asParticipant).status == http.StatusOK })
	got := s.post(t, signed+"."+signature, asHost)
	got.wantErrors(t, http.StatusUnauthorized, "Authorization")
	if l := s.audit(t, got); l["decision"] != "unknown_key" {
		t.Errorf("got the log line %v", l)
	}
	customers.stop(t)
	for _, token := range staff.signIn(t, teacher, app).both() {
		s.post(t, token, asHost).grant(t)
	}
}

// TestOddKeysBesideTheProvidersOwn are logged once, counted, and do no harm.
func TestOddKeysBesideTheProvidersOwn(t *testing.T) {
	p := startProvider(t, newKeyPair(t, jose.RS256))
	odd := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own := httptest.NewRecorder()
		p.handler.ServeHTTP(own, r)
		_, keys, _ := strings.Cut(own.Body.String(), `"keys":[`)
		_, _ = fmt.Fprintf(w, `{"keys":[7, {"kid": 1, "kty": "RSA"}, {"kid": "enc", "kty": "RSA", "use": "enc"}, %s`, keys)
	})
	p.keySet.Store(&odd)
	s := startReady(t, p, refreshOften)
	for _, token := range p.signIn(t, pupil, app).both() {
		s.post(t, token, asParticipant).grant(t)
	}
	eventually(t, "it is fetched again", func() bool { return s.refreshes(t, "ok") >= 3 })
	for reason, most := range map[string]float64{"malformed": 4, "use": 2} {
		if n := s.metric(t, `videosdk_jwks_keys_skipped_total{reason="`+reason+`"}`); n < most {
			t.Errorf("%v keys were counted as %s, want at least %v", n, reason, most)
		}
	}
	if n := strings.Count(s.Output(), "key skipped"); n != 3 {
		t.Errorf("%d keys were logged, want 3, once each", n)
	}
}

func TestAServiceThatStartsBeforeItsProviderWaitsForIt(t *testing.T) {
	p := startProvider(t, newKeyPair(t, jose.ES256))
	token := p.signIn(t, pupil, app).Access
	p.stop(t)
	s := startService(t, forIssuer(p)...)
	eventually(t, "a fetch has failed", func() bool { return s.refreshes(t, "error") > 0 })
	for path, want := range map[string]int{"/livez": http.StatusOK, "/readyz": http.StatusServiceUnavailable} {
		if status := s.status(t, path); status != want {
			t.Errorf("%s is %d, want %d", path, status, want)
		}
	}
	got := s.post(t, token, asParticipant)
	got.wantErrors(t, http.StatusServiceUnavailable, "server")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if s.refusals(t, "keys_unavailable") != 1 {
		t.Error("the refusal was not counted")
	}
	// who has no token at all needs no key set to be told so
	s.post(t, "", asParticipant).wantErrors(t, http.StatusUnauthorized, "Authorization")

	p.restart(t)
	eventually(t, "the service is ready", func() bool { return s.status(t, "/readyz") == http.StatusOK })
	s.post(t, token, asParticipant).grant(t)
}
