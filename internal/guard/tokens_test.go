package guard_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"videosdk-auth-endpoint/internal/env"
	"videosdk-auth-endpoint/internal/guard"
)

// list is a variable's value as the environment has it.
func list(t *testing.T, text string) env.List {
	t.Helper()
	var l env.List
	if err := l.Decode(text); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestRefusalsSayWhatWasWantedBesideWhatCame, in the log.
func TestRefusalsSayWhatWasWantedBesideWhatCame(t *testing.T) {
	p := newProvider(t)
	c := p.config()
	c.Audience = list(t, "video, mobile")
	g := verifying(t, c)
	rsa := func(header map[string]any) string {
		return sign(t, jwt.SigningMethodRS256, rsaKey(), header, p.claims(jwt.MapClaims{"aud": "video"}))
	}
	good := func(claims jwt.MapClaims) string {
		if _, ok := claims["aud"]; !ok {
			claims["aud"] = "video"
		}
		return p.good(t, claims)
	}
	for _, test := range []struct {
		name, token string
		reason      guard.Reason
		want        string
	}{
		{"an audience", good(jwt.MapClaims{"aud": []string{"other", "third"}}), guard.Audience, `the token's aud is "other,third"; want video, mobile (AUTH_AUDIENCE)`},
		{"no audience", good(jwt.MapClaims{"aud": nil}), guard.Claims, `the token's aud is missing; want video, mobile (AUTH_AUDIENCE)`},
		{"an audience that is a number", good(jwt.MapClaims{"aud": 7}), guard.Claims, `the token's aud is a number; want video, mobile (AUTH_AUDIENCE)`},
		{"an issuer", good(jwt.MapClaims{"iss": "https://other"}), guard.Issuer, `the token's iss is "https://other"; want "` + p.URL + `" (AUTH_ISSUER)`},
		{"no issuer", good(jwt.MapClaims{"iss": nil}), guard.Claims, `the token's iss is missing; want "` + p.URL + `"`},
		{"an issuer that is a list", good(jwt.MapClaims{"iss": []string{p.URL}}), guard.Claims, `the token's iss is a list; want`},
		{"a sub that is a number", good(jwt.MapClaims{"sub": 42}), guard.Claims, `the token's sub is a number; want text`},
		{"no sub", good(jwt.MapClaims{"sub": nil}), guard.Claims, `the token's sub is missing; want text`},
		{"an empty sub", good(jwt.MapClaims{"sub": ""}), guard.Claims, `the token's sub is empty; want text`},
		{"no exp", good(jwt.MapClaims{"exp": nil}), guard.Claims, `the token's exp is missing; want a time in seconds`},
		{"an exp that is text", good(jwt.MapClaims{"exp": "2026"}), guard.Malformed, `the token's exp is text and its nbf a number; want times in seconds`},
		{"an exp that is over", good(jwt.MapClaims{"exp": 1}), guard.Expired, `the token's exp is 1970-01-01T00:00:01Z, and it is 2026-11-23T12:00:00Z`},
		{"an nbf to come", good(jwt.MapClaims{"nbf": now.Unix() + 3600}), guard.NotYetValid, `the token's nbf is 2026-11-23T13:00:00Z, and it is 2026-11-23T12:00:00Z`},
		{"an exp that is far", good(jwt.MapClaims{"exp": now.Unix() + 1e6}), guard.Lifetime, `further ahead than AUTH_TOKEN_MAX_TTL, 24h0m0s`},
		{"no kid", rsa(nil), guard.NoKeyID, `the token's kid is missing; want the id of a key`},
		{"a kid that is a number", rsa(map[string]any{"kid": 7}), guard.NoKeyID, `the token's kid is a number; want the id of a key`},
		{"an empty kid", rsa(map[string]any{"kid": ""}), guard.NoKeyID, `the token's kid is empty; want the id of a key`},
		{"a kid that is not known", rsa(map[string]any{"kid": "other"}), guard.UnknownKey, `the key set has no key "other" for RS256`},
		{"an algorithm", rsa(map[string]any{"kid": "rsa", "alg": "HS256"}), guard.Algorithm, `the token's alg is "HS256"; want one of RS256`},
		{"no algorithm", rsa(map[string]any{"kid": "rsa", "alg": nil}), guard.Algorithm, `the token's alg is missing; want one of RS256`},
		{"four parts", rsa(map[string]any{"kid": "rsa"}) + ".AA", guard.Malformed, `the bearer token has 4 parts; a JWT has 3`},
		{"a header that comes twice", segment(`{"alg":"RS256","kid":"rsa","kid":"other"}`) + ".e30.AA", guard.Malformed, `the token's header is not a JSON object`},
		{"a header of 2049 bytes", segment(`{"alg":"RS256","kid":"`+strings.Repeat("a", 2049-24)+`"}`) + ".e30.AA", guard.Malformed, `the token's header is longer than 2048 bytes`},
		{"a header of 2048 bytes", segment(`{"alg":"RS256","kid":"`+strings.Repeat("a", 2048-24)+`"}`) + ".e30.AA", guard.UnknownKey, `the key set has no key "aaa`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := g.Authenticate(ask(t, "Bearer "+test.token))
			wantRefusal(t, err, test.reason, test.token)
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v\nwant %s", err, test.want)
			}
			if len(err.Error()) > 400 {
				t.Errorf("a refusal of %d characters", len(err.Error()))
			}
			if test.reason.Credential() == "" {
				t.Error("the client is told nothing")
			}
		})
	}
}

// TestExplainNamesTheClaimsThatAreChecked by this configuration, and by no other.
func TestExplainNamesTheClaimsThatAreChecked(t *testing.T) {
	issuer, keys := list(t, "https://id.example.com"), list(t, "https://id.example.com/keys")
	for want, c := range map[string]guard.Config{
		"must be a token with exp, iss, aud, and with a sub that is text":         {Issuers: issuer},
		"must be a token with exp, aud, and with a sub that is text":              {JWKSURLs: keys},
		"must be a token with exp, aud or client_id, and with a sub that is text": {JWKSURLs: keys, AudienceClaims: list(t, "aud,client_id")},
	} {
		c.Audience = list(t, "video")
		if c.AudienceClaims == nil {
			c.AudienceClaims = list(t, "aud")
		}
		if got := newGuard(t, c, clock).Explain(guard.Claims); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

// TestTokensThatAreNotForTheirBearer: a provider signs much else by the same keys.
func TestTokensThatAreNotForTheirBearer(t *testing.T) {
	p := newProvider(t)
	g := verifying(t, p.config())
	for _, test := range []struct {
		name   string
		typ    any
		claims jwt.MapClaims
		want   guard.Reason // empty: it is good
	}{
		{"a type of JWT", "JWT", nil, ""},
		{"in small letters", "jwt", nil, ""},
		{"no type", nil, nil, ""},
		{"JOSE", "JOSE", nil, ""},
		{"an access token of RFC 9068", "at+jwt", nil, ""},
		{"by its long name", "application/at+JWT", nil, ""},
		{"a logout token by its type", "logout+jwt", nil, guard.TokenKind},
		{"in capitals, by its long name", "Application/LOGOUT+JWT", nil, guard.TokenKind},
		{"a security event", "secevent+jwt", nil, guard.TokenKind},
		{"an introspection", "token-introspection+jwt", nil, guard.TokenKind},
		{"a proof of a key", "dpop+jwt", nil, guard.TokenKind},
		{"a logout token by its claim", "JWT", jwt.MapClaims{"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}, guard.TokenKind},
		{"a token bound to a key by DPoP", "JWT", jwt.MapClaims{"cnf": map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}, guard.TokenKind},
		{"a token bound to a certificate", "at+jwt", jwt.MapClaims{"cnf": map[string]any{"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}}, guard.TokenKind},
	} {
		t.Run(test.name, func(t *testing.T) {
			token := sign(t, jwt.SigningMethodRS256, rsaKey(), map[string]any{"kid": "rsa", "typ": test.typ}, p.claims(test.claims))
			_, err := g.Authenticate(ask(t, "Bearer "+token))
			if test.want != "" {
				wantRefusal(t, err, test.want, token)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAudience(t *testing.T) {
	p := newProvider(t)
	for _, test := range []struct {
		name, audience, claims string
		token                  jwt.MapClaims
		want                   guard.Reason // empty: it is good
	}{
		{"the second of a list with a space", "video, mobile", "aud", jwt.MapClaims{"aud": "mobile"}, ""},
		{"the first, with white space around it", " video\t,mobile", "aud", jwt.MapClaims{"aud": "video"}, ""},
		{"case counts", "video", "aud", jwt.MapClaims{"aud": "Video"}, guard.Audience},
		{"Cognito's access tokens have client_id and no aud", "app", "client_id", jwt.MapClaims{"aud": nil, "client_id": "app"}, ""},
		{"of another client", "app", "client_id", jwt.MapClaims{"aud": nil, "client_id": "other"}, guard.Audience},
		{"without it", "app", "client_id", jwt.MapClaims{"aud": nil}, guard.Claims},
		{"aud does not make up for it", "app", "client_id", jwt.MapClaims{"aud": "app"}, guard.Claims},
		{"machine tokens with azp", "app", "azp", jwt.MapClaims{"aud": nil, "azp": "app"}, ""},
		{"ID tokens and access tokens", "app", "aud, client_id", jwt.MapClaims{"aud": "app"}, ""},
		{"the other kind", "app", "aud, client_id", jwt.MapClaims{"aud": nil, "client_id": "app"}, ""},
		{"the first claim that the token has decides", "app", "aud,client_id", jwt.MapClaims{"aud": "other", "client_id": "app"}, guard.Audience},
		{"one of several", "app", "aud", jwt.MapClaims{"aud": []any{"other", "app"}}, ""},
		{"a list that holds something else than text", "app", "aud", jwt.MapClaims{"aud": []any{"app", 5}}, guard.Claims},
		{"a claim of another type", "app", "azp", jwt.MapClaims{"azp": true}, guard.Claims},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := p.config()
			c.Audience, c.AudienceClaims = list(t, test.audience), list(t, test.claims)
			_, err := verifying(t, c).Authenticate(ask(t, "Bearer "+p.good(t, test.token)))
			if test.want != "" {
				wantRefusal(t, err, test.want, "")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// by is a token that this provider made, with claims of its choice.
func (p *provider) by(t *testing.T, kid string, key any, claims jwt.MapClaims) string {
	t.Helper()
	return sign(t, jwt.SigningMethodES256, key, map[string]any{"kid": kid}, p.claims(claims))
}

// TestIssuers: each has its own key set, and nobody makes tokens in another's name.
func TestIssuers(t *testing.T) {
	staff, customers := newProvider(t), newProvider(t)
	staff.set(jwk(t, "one", &ecKey().PublicKey, "ES256", "sig"), jwk(t, "staff", &ecKey().PublicKey, "ES256", "sig"))
	customers.set(jwk(t, "one", &otherECKey().PublicKey, "ES256", "sig"), jwk(t, "customers", &otherECKey().PublicKey, "ES256", "sig"))
	c := staff.config()
	c.Issuers = list(t, staff.URL+", "+customers.URL)
	c.Policy = fmt.Sprintf(`request.role == 0 || caller.claims.iss == %q`, staff.URL)
	g, fetched := start(t, c)
	for range 2 {
		if fetch := <-fetched; fetch.Err != nil || !slices.Contains(c.Issuers, fetch.Source) {
			t.Fatalf("%+v", fetch)
		}
	}
	for _, test := range []struct {
		name, token string
		want        guard.Reason // empty: it is good
		host        bool
	}{
		{"staff", staff.by(t, "staff", ecKey(), nil), "", true},
		{"a customer", customers.by(t, "customers", otherECKey(), nil), "", false},
		{"staff, under an id that both have", staff.by(t, "one", ecKey(), nil), "", true},
		{"a customer, under an id that both have", customers.by(t, "one", otherECKey(), nil), "", false},
		{"the customers' provider in the name of staff", staff.by(t, "customers", otherECKey(), nil), guard.UnknownKey, false},
		{"the customers' provider in the name of staff, under an id that both have", staff.by(t, "one", otherECKey(), nil), guard.Signature, false},
		{"the customers' key under the staff's id", staff.by(t, "staff", otherECKey(), nil), guard.Signature, false},
		{"an issuer that is not known", staff.by(t, "one", ecKey(), jwt.MapClaims{"iss": "https://evil.example"}), guard.Issuer, false},
		{"no issuer", staff.by(t, "one", ecKey(), jwt.MapClaims{"iss": nil}), guard.Claims, false},
		{"both issuers", staff.by(t, "one", ecKey(), jwt.MapClaims{"iss": c.Issuers}), guard.Claims, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			caller, err := g.Authenticate(ask(t, "Bearer "+test.token))
			if test.want != "" {
				wantRefusal(t, err, test.want, test.token)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := newPolicy(t, c.Policy).Allow(caller, grant(t, map[string]any{"role": 1})); (err == nil) != test.host {
				t.Errorf("as host: %v", err)
			}
		})
	}
}

// TestANewKeyWithTheNameOfAnotherIssuersKey is found within one fetch.
func TestANewKeyWithTheNameOfAnotherIssuersKey(t *testing.T) {
	first, second := newProvider(t), newProvider(t)
	first.set(jwk(t, "2", &ecKey().PublicKey, "ES256", "sig"))
	second.set(jwk(t, "1", &otherECKey().PublicKey, "ES256", "sig"))
	c := first.config()
	c.Issuers = []string{first.URL, second.URL}
	g, fetched := start(t, c)
	for range 2 {
		<-fetched
	}
	second.set(jwk(t, "2", &otherECKey().PublicKey, "ES256", "sig"))
	token := second.by(t, "2", otherECKey(), nil)
	_, err := g.Authenticate(ask(t, "Bearer "+token))
	wantRefusal(t, err, guard.UnknownKey, token)
	if fetch := <-fetched; fetch.Source != second.URL {
		t.Errorf("%s was fetched again", fetch.Source)
	}
	if _, err := g.Authenticate(ask(t, "Bearer "+token)); err != nil {
		t.Error(err)
	}
}

// TestAProviderThatIsDownKeepsNobodyElseOut, nor does it make tokens of its users good.
func TestAProviderThatIsDownKeepsNobodyElseOut(t *testing.T) {
	up, down := newProvider(t), newProvider(t)
	down.change(func() {
		down.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	})
	c := up.config()
	c.Issuers = []string{down.URL, up.URL}
	g, fetched := start(t, c)
	for range 2 {
		if fetch := <-fetched; (fetch.Err == nil) != (fetch.Source == up.URL) || !fetch.Oldest.IsZero() {
			t.Errorf("%+v", fetch)
		}
	}
	if !g.Ready() {
		t.Error("not ready")
	}
	if _, err := g.Authenticate(ask(t, "Bearer "+up.good(t, nil))); err != nil {
		t.Error(err)
	}
	token := down.by(t, "of the other", ecKey(), nil)
	_, err := g.Authenticate(ask(t, "Bearer "+token))
	wantRefusal(t, err, guard.KeysUnavailable, token)
}

func TestKeySetsByURL(t *testing.T) {
	discovered, given := newProvider(t), newProvider(t)
	given.change(func() { given.issuer = "https://has.no.discovery" })
	c := discovered.config()
	c.Issuers, c.JWKSURLs = list(t, discovered.URL+","+given.URL), list(t, ", "+given.URL+"/keys")
	g, fetched := start(t, c)
	for range 2 {
		if fetch := <-fetched; fetch.Err != nil {
			t.Fatal(fetch.Err)
		}
	}
	for _, p := range []*provider{discovered, given} {
		if _, err := g.Authenticate(ask(t, "Bearer "+p.good(t, nil))); err != nil {
			t.Error(err)
		}
	}
	t.Run("without an issuer each passes, as a warning says", func(t *testing.T) {
		c.Issuers, c.JWKSURLs = nil, list(t, given.URL+"/keys")
		if warnings := newGuard(t, c, clock).Warnings(); len(warnings) != 1 || !strings.HasPrefix(warnings[0], "AUTH_JWKS_URL without AUTH_ISSUER") {
			t.Error(warnings)
		}
		caller, err := verifying(t, c).Authenticate(ask(t, "Bearer "+given.good(t, jwt.MapClaims{"iss": "https://any.example"})))
		if err != nil || caller.Claims["iss"] != "https://any.example" {
			t.Error(caller, err)
		}
	})
}

// TestFetchesSayWhatIsWrong, and no secret of a URL's query.
func TestFetchesSayWhatIsWrong(t *testing.T) {
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusMovedPermanently) }
	}
	for _, test := range []struct {
		name      string
		discovery http.HandlerFunc
		keys      http.HandlerFunc
		want      []string
	}{
		{"discovery that redirects", redirect("https://id.example.com/realms/a/.well-known/openid-configuration?key=hidden"), nil, []string{"AUTH_ISSUER: GET ISSUER/.well-known/openid-configuration: 301 Moved Permanently, redirects to https://id.example.com/realms/a/.well-known/openid-configuration; redirects are not followed"}},
		{"discovery that redirects on the same host", redirect("/login?next=hidden"), nil, []string{"redirects to ISSUER/login;"}},
		{"a key set that redirects", nil, redirect("//user:hidden@evil.example/keys#hidden"), []string{"jwks_uri: GET ISSUER/keys: 301 Moved Permanently, redirects to http://evil.example/keys;"}},
		{"discovery that is not found", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, nil, []string{"AUTH_ISSUER: GET ISSUER/.well-known/openid-configuration: 404 Not Found"}},
		{"discovery that is a page", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, nil, []string{"AUTH_ISSUER: the provider's discovery is not a JSON object"}},
		{"a slash too many", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"issuer": "http://%s/", "jwks_uri": "http://%[1]s/keys"}`, r.Host)
		}, nil, []string{`the provider at ISSUER calls itself "ISSUER/"; both must be the same, to the last slash`}},
		{"a key set by http", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"issuer": "http://%s", "jwks_uri": "http://id.example.com/keys?key=hidden"}`, r.Host)
		}, nil, []string{`jwks_uri is "http://id.example.com/keys"; want an https URL`}},
		{"a key set that is a page", nil, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, []string{"ISSUER: the answer is not a key set"}},
		{"a key set that is a list", nil, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "[]") }, []string{"ISSUER: the answer is not a key set"}},
		{"a key set of HS256 users", nil, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys": []}`) }, []string{"ISSUER: the key set has no keys; a provider that signs by a shared secret (HS256) has none"}},
		{"a key set of odd keys", nil, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys": [{"kid": "a", "kty": "oct"}]}`) }, []string{`no key that verifies signatures; its first is "a": unsupported: its kty is "oct"; want RSA, EC or OKP`}},
		{"1001 keys", nil, func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"keys": [%s1]}`, strings.Repeat("1,", 1000))
		}, []string{"the key set has 1001 keys; want at most 1000"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProvider(t)
			p.change(func() { p.discovery, p.answer = test.discovery, test.keys })
			_, fetched := start(t, p.config())
			fetch := <-fetched
			for _, want := range test.want {
				if text := strings.ReplaceAll(fmt.Sprint(fetch.Err), p.URL, "ISSUER"); !strings.Contains(text, want) {
					t.Errorf("%s\nwant %s", text, want)
				}
			}
			if strings.Contains(fmt.Sprint(fetch.Err), "hidden") {
				t.Errorf("%v shows a secret", fetch.Err)
			}
		})
	}
	t.Run("nobody listens, and the URL has a secret in it", func(t *testing.T) {
		c := newProvider(t).config()
		c.JWKSURLs = list(t, "http://127.0.0.1:1/keys?apikey=hidden")
		_, fetched := start(t, c)
		if text := fmt.Sprint((<-fetched).Err); !strings.HasPrefix(text, "AUTH_JWKS_URL: GET http://127.0.0.1:1/keys: dial tcp") || strings.Contains(text, "hidden") {
			t.Error(text)
		}
	})
}

// entra is Microsoft's provider for many tenants: its issuer is a template, and all tenants share one key set.
type entra map[string]string // by URL

func (e entra) RoundTrip(r *http.Request) (*http.Response, error) {
	body, ok := e[r.URL.String()]
	if !ok {
		return nil, errors.New("nothing is there")
	}
	return answers(body).RoundTrip(r)
}

// TestEntraForManyTenants runs the two examples of docs/guard.md as they stand there.
func TestEntraForManyTenants(t *testing.T) {
	page, err := os.ReadFile("../../docs/guard.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "**Entra, several tenants.**")
	variable := regexp.MustCompile(`(?m)^(AUTH_\w+)=(?:'([^']*)'|(\S+))`)
	keys, err := json.Marshal(map[string]any{"keys": []any{jwk(t, "shared", &ecKey().PublicKey, "ES256", "sig")}})
	if err != nil {
		t.Fatal(err)
	}
	const first, second, foreign = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222", "33333333-3333-3333-3333-333333333333"
	const login = "https://login.microsoftonline.com/"
	provider := entra{login + "common/discovery/v2.0/keys": string(keys)}
	for _, tenant := range []string{first, second} {
		provider[login+tenant+"/v2.0/.well-known/openid-configuration"] = fmt.Sprintf(`{"issuer": "%s%s/v2.0", "jwks_uri": "%[1]s%[2]s/discovery/v2.0/keys"}`, login, tenant)
		provider[login+tenant+"/discovery/v2.0/keys"] = string(keys)
	}
	examples := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(section, 2)
	if len(examples) != 2 {
		t.Fatalf("the page has %d examples", len(examples))
	}
	for i, example := range examples {
		t.Run([]string{"named one by one", "by the key set that all share"}[i], func(t *testing.T) {
			c := newProvider(t).config()
			c.Issuers, c.JWKSURLs, c.Audience = nil, nil, nil
			for _, v := range variable.FindAllStringSubmatch(example[1], -1) {
				switch v[1] {
				case "AUTH_ISSUER":
					c.Issuers = list(t, v[3])
				case "AUTH_JWKS_URL":
					c.JWKSURLs = list(t, v[3])
				case "AUTH_AUDIENCE":
					c.Audience = list(t, v[3])
				case "AUTH_POLICY":
					c.Policy = v[2]
				default:
					t.Fatalf("%s", v[0])
				}
			}
			g := newGuard(t, c, clock)
			fetched := make(chan guard.KeySetFetch, 2)
			g.Run(t.Context(), guard.Background{Transport: provider, KeySet: func(f guard.KeySetFetch) { fetched <- f }})
			for range max(1, len(c.Issuers)) {
				if fetch := <-fetched; fetch.Err != nil {
					t.Fatal(fetch.Err)
				}
			}
			for _, test := range []struct {
				name, iss, tid string
				allowed        bool
			}{
				{"the first tenant", first, first, true},
				{"the second tenant", second, second, true},
				{"a tenant that is not listed", foreign, foreign, false},
				{"a tenant that calls itself another", foreign, first, false},
				{"an issuer that is not Entra", "../../evil.example", first, false},
			} {
				claims := jwt.MapClaims{"iss": login + test.iss + "/v2.0", "tid": test.tid, "aud": c.Audience[0], "sub": "alice", "exp": now.Unix() + 60}
				caller, err := g.Authenticate(ask(t, "Bearer "+sign(t, jwt.SigningMethodES256, ecKey(), map[string]any{"kid": "shared"}, claims)))
				if err == nil && c.Policy != "" {
					err = newPolicy(t, c.Policy).Allow(caller, grant(t, nil))
				}
				if (err == nil) != test.allowed {
					t.Errorf("%s: %v", test.name, err)
				}
			}
		})
	}
}
