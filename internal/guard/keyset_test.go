package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"videosdk-auth-endpoint/internal/guard"
)

// slowProvider is an OpenID provider in a bubble of synctest, where hours pass in no time. It is the http.RoundTripper.
type slowProvider struct {
	takes time.Duration

	mu      sync.Mutex
	keys    []any
	fetches []time.Time
}

const slowIssuer = "https://id.example.com"

func (p *slowProvider) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	body, err := json.Marshal(map[string]any{"keys": p.keys})
	p.fetches = append(p.fetches, time.Now())
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(p.takes):
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(string(body)))}, nil
}

func (p *slowProvider) publish(keys ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = keys
}

func (p *slowProvider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.fetches)
}

// startSlow returns a guard that has fetched its keys.
func startSlow(t *testing.T, p *slowProvider) *guard.Guard {
	t.Helper()
	return startTelling(t, p, func(guard.KeySetFetch) {})
}

func startTelling(t *testing.T, p *slowProvider, tell func(guard.KeySetFetch)) *guard.Guard {
	t.Helper()
	p.publish(jwk(t, "ec", &ecKey().PublicKey, "ES256", "sig"))
	c := guard.Config{
		Issuers: []string{slowIssuer}, JWKSURLs: []string{slowIssuer + "/keys"}, Audience: []string{"app"}, AudienceClaims: []string{"aud"},
		MaxTTL: 24 * time.Hour, RefreshInterval: 15 * time.Minute, IdentityProperty: "userIdentity",
	}
	g := newGuard(t, c, clock)
	g.Run(t.Context(), guard.Background{Transport: p, KeySet: tell})
	time.Sleep(p.takes)
	synctest.Wait()
	if !g.Ready() {
		t.Fatal("not ready")
	}
	return g
}

// tokenBy is a good token by the elliptic key, which it names so.
func tokenBy(t testing.TB, kid string) string {
	t.Helper()
	claims := jwt.MapClaims{"iss": slowIssuer, "aud": "app", "sub": "alice", "exp": now.Add(time.Hour).Unix()}
	return sign(t, jwt.SigningMethodES256, ecKey(), map[string]any{"kid": kid}, claims)
}

// send says how long a request waits, and what it comes to.
func send(ctx context.Context, g *guard.Guard, token string) (time.Duration, error) {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	begun := time.Now()
	_, err := g.Authenticate(r)
	return time.Since(begun), err
}

func TestAUserWithANewKeyGetsInWithin15SecondsWhateverStrangersSend(t *testing.T) {
	for _, takes := range []time.Duration{0, 150 * time.Millisecond, time.Second, 4 * time.Second} {
		t.Run("the provider takes "+takes.String(), func(t *testing.T) {
			var longest time.Duration
			for offset := time.Duration(0); offset < 12*time.Second; offset += 700 * time.Millisecond {
				synctest.Test(t, func(t *testing.T) {
					p := &slowProvider{takes: takes}
					g := startSlow(t, p)
					stranger, user := tokenBy(t, "made up"), tokenBy(t, "new")
					go func() { // five a second
						tick := time.NewTicker(200 * time.Millisecond)
						defer tick.Stop()
						for {
							go send(t.Context(), g, stranger)
							select {
							case <-tick.C:
							case <-t.Context().Done():
								return
							}
						}
					}()
					time.Sleep(time.Minute + offset)
					before := p.count()
					p.publish(jwk(t, "new", &ecKey().PublicKey, "ES256", "sig"))
					published := time.Now()
					for {
						if _, err := send(t.Context(), g, user); err == nil {
							break
						}
						time.Sleep(100 * time.Millisecond)
					}
					took := time.Since(published)
					longest = max(longest, took)
					if most := 1 + int(took/(10*time.Second)) + 1; p.count()-before > most {
						t.Errorf("%d fetches in %s", p.count()-before, took)
					}
				})
			}
			t.Logf("the longest took %s", longest)
			if longest > 15*time.Second {
				t.Errorf("a user with a new key waited %s", longest)
			}
		})
	}
}

func TestAUserWithANewKeyIsServedByTheFirstRequestWhileNobodySendsMadeUpKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &slowProvider{takes: 150 * time.Millisecond}
		g := startSlow(t, p)
		p.publish(jwk(t, "new", &ecKey().PublicKey, "ES256", "sig"))
		if took, err := send(t.Context(), g, tokenBy(t, "new")); err != nil || took != p.takes {
			t.Errorf("%s %v", took, err)
		}
	})
}

func TestDuringTheCoolDownTheAnswerComesAtOnceAndOneFetchIsPlannedForItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &slowProvider{takes: 150 * time.Millisecond}
		g := startSlow(t, p)
		madeUp := tokenBy(t, "made up")
		_, _ = send(t.Context(), g, madeUp) // begins the cool-down
		begun, before := p.fetches[len(p.fetches)-1], p.count()
		time.Sleep(time.Second)
		for range 600 {
			took, err := send(t.Context(), g, madeUp)
			wantRefusal(t, err, guard.UnknownKey, madeUp)
			if took != 0 {
				t.Fatalf("an answer took %s", took)
			}
		}
		time.Sleep(time.Until(begun.Add(10*time.Second - 1)))
		synctest.Wait()
		if n := p.count() - before; n != 0 {
			t.Errorf("%d fetches before the end of the cool-down", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := p.count() - before; n != 1 || p.fetches[before].Sub(begun) != 10*time.Second {
			t.Errorf("%d fetches for 600 requests, want one after 10 s, got %v", n, p.fetches[before:])
		}
	})
}

// TestAFetchHas10SecondsOfItsOwn, however late the request comes that it is made for, and however soon its client leaves.
func TestAFetchHas10SecondsOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &slowProvider{}
		g := startSlow(t, p)
		p.takes = 9900 * time.Millisecond
		p.publish(jwk(t, "new", &ecKey().PublicKey, "ES256", "sig"))
		user := tokenBy(t, "new")
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		if took, err := send(ctx, g, user); err == nil || took != time.Second {
			t.Errorf("the client that leaves: %s %v", took, err)
		}
		if took, err := send(t.Context(), g, user); err != nil || took != p.takes-time.Second {
			t.Errorf("the next one: %s %v", took, err)
		}
		p.takes = 11 * time.Second
		time.Sleep(time.Minute)
		if took, err := send(t.Context(), g, tokenBy(t, "made up")); err == nil || took != 10*time.Second {
			t.Errorf("a fetch that takes longer: %s %v", took, err)
		}
	})
}

func TestAtMost64RequestsWaitAndAWaiterEndsWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &slowProvider{}
		g := startSlow(t, p)
		p.takes = 5 * time.Second
		madeUp := tokenBy(t, "made up")
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		var mu sync.Mutex
		waited := map[time.Duration]int{}
		for range 600 {
			go func() {
				took, err := send(ctx, g, madeUp)
				if _, ok := errors.AsType[*guard.RefusalError](err); !ok {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				waited[took]++
			}()
		}
		synctest.Wait()
		if waited[0] != 600-64 {
			t.Errorf("%d of 600 were answered at once, want all but 64", waited[0])
		}
		time.Sleep(time.Second)
		leave()
		synctest.Wait()
		if waited[time.Second] != 64 {
			t.Errorf("%v; want 64 to end with their client", waited)
		}
		if took, _ := send(t.Context(), g, madeUp); took != 4*time.Second {
			t.Errorf("there is no room for the next one: it waited %s", took)
		}
	})
}

// TestASkippedKeyIsNewOnce, so that it is logged once. A fetch that fails does not make it new.
func TestASkippedKeyIsNewOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &slowProvider{}
		var fetches []guard.KeySetFetch
		startTelling(t, p, func(f guard.KeySetFetch) { fetches = append(fetches, f) })
		odd := map[string]any{"kty": "oct", "kid": "odd"}
		p.publish(jwk(t, "ec", &ecKey().PublicKey, "ES256", "sig"), odd)
		time.Sleep(31 * time.Minute)
		p.publish() // which is not a key set to use
		time.Sleep(14*time.Minute + 30*time.Second)
		p.publish(jwk(t, "ec", &ecKey().PublicKey, "ES256", "sig"), odd)
		time.Sleep(time.Minute)
		p.publish(jwk(t, "ec", &ecKey().PublicKey, "ES256", "sig"), with(odd, map[string]any{"kty": "AKP"}))
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		var seen []bool
		failed := 0
		for _, fetch := range fetches {
			if fetch.Err != nil {
				failed++
			}
			for _, key := range fetch.Skipped {
				seen = append(seen, key.Known)
			}
		}
		if want := []bool{false, true, true, false}; !slices.Equal(seen, want) || failed == 0 {
			t.Errorf("known: %v, want %v; %d fetches failed", seen, want, failed)
		}
	})
}

// TestAWaiterWithABodyEndsWithItsClientToo: net/http doesn't notice that a client has left before the body was read.
func TestAWaiterWithABodyEndsWithItsClientToo(t *testing.T) {
	p := newProvider(t)
	g := verifying(t, p.config())
	asked, answer := make(chan struct{}), make(chan struct{})
	p.change(func() {
		p.answer = func(w http.ResponseWriter, _ *http.Request) {
			close(asked)
			<-answer
			_ = json.NewEncoder(w).Encode(map[string]any{"keys": p.keys})
		}
		p.keys = append(p.keys, jwk(t, "new", &ecKey().PublicKey, "ES256", "sig"))
	})
	const body = `{"sessionName": "a"}`
	ended, left := make(chan error), make(chan struct{})
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := g.Authenticate(r)
		if read, readErr := io.ReadAll(r.Body); r.Header.Get("X-Stays") != "" && (string(read) != body || readErr != nil) {
			t.Errorf("the body is %q %v", read, readErr)
		}
		ended <- err
	}))
	t.Cleanup(service.Close)
	send := func(ctx context.Context, header string) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, service.URL, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("Authorization", "Bearer "+sign(t, jwt.SigningMethodES256, ecKey(), map[string]any{"kid": "new"}, p.claims(nil)))
		r.Header.Set(header, "true")
		if response, err := http.DefaultClient.Do(r); err == nil {
			_ = response.Body.Close()
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	go func() { send(ctx, "X-Leaves"); close(left) }()
	<-asked
	leave()
	<-left
	wantRefusal(t, <-ended, guard.UnknownKey, "")
	go send(t.Context(), "X-Stays")
	close(answer)
	if err := <-ended; err != nil {
		t.Errorf("who stays: %v", err)
	}
}

func TestAProviderThatIsDownIsAskedAgainAndItsLastGoodKeysStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &slowProvider{}
		g := startSlow(t, p)
		good := tokenBy(t, "ec")
		p.publish() // no keys
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		before := p.count()
		time.Sleep(2 * time.Minute)
		if _, err := send(t.Context(), g, good); err != nil {
			t.Error(err)
		}
		// after 1, 2, 4, 8, 16 and then every 30 s
		if n := p.count() - before; n != 7 {
			t.Errorf("%d fetches in two minutes, want 7", n)
		}
		p.publish(jwk(t, "new", &ecKey().PublicKey, "ES256", "sig"))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if _, err := send(t.Context(), g, good); err == nil {
			t.Error("a key that was withdrawn is still good")
		}
		if _, err := send(t.Context(), g, tokenBy(t, "new")); err != nil {
			t.Error(err)
		}
	})
}

// TestClaimsAreNotReadBeforeTheKeyIsKnown: a token of 15 kB by a key that nobody has costs no more than its header.
func TestClaimsAreNotReadBeforeTheKeyIsKnown(t *testing.T) {
	p := newProvider(t)
	g := verifying(t, p.config())
	claims := segment(`{"a":[` + strings.Repeat(`{"":0},`, 1600) + `{"":0}]}`)
	r := ask(t, "Bearer "+segment(`{"alg":"ES256","kid":"made up"}`)+"."+claims+"."+strings.Repeat("A", 86))
	_, _ = g.Authenticate(r) // begins the cool-down
	const runs = 200
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		_, _ = g.Authenticate(r)
	}
	runtime.ReadMemStats(&after)
	if bytes := (after.TotalAlloc - before.TotalAlloc) / runs; len(claims) < 14<<10 || bytes > 2<<10 {
		t.Errorf("a token with %d bytes of claims takes %d bytes", len(claims), bytes)
	}
}
