package guard_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videosdk-auth-endpoint/internal/guard"
)

func TestOpen(t *testing.T) {
	g := newGuard(t, guard.Config{}, clock)
	if !g.Open() || !g.Ready() {
		t.Errorf("open %v, ready %v", g.Open(), g.Ready())
	}
	for _, header := range [][]string{nil, {"Bearer x"}, {"Basic x", "Bearer y"}} {
		if got, err := g.Authenticate(ask(t, header...)); err != nil || got.Method != guard.None || got.Subject != "" {
			t.Errorf("%v: %+v %v", header, got, err)
		}
	}
}

// keysFile writes lines to a file.
func keysFile(t testing.TB, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keys")
	write(t, file, lines...)
	return file
}

func write(t testing.TB, file string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}

func newKey(t testing.TB, name string) (key, line string) {
	t.Helper()
	key, line, err := guard.NewAPIKey(name)
	if err != nil {
		t.Fatal(err)
	}
	return key, line
}

func TestAPIKeys(t *testing.T) {
	one, lineOne := newKey(t, "backend")
	two, lineTwo := newKey(t, "backend")
	three, lineThree := newKey(t, "jobs")
	unlisted, _ := newKey(t, "backend")
	if one == two || len(one) < 40 || strings.Contains(lineOne, one) {
		t.Fatalf("%s %s %s", one, two, lineOne)
	}
	g := newGuard(t, guard.Config{APIKeysFile: keysFile(t, "# ours", lineOne, "", "  "+lineTwo+"\r", lineThree, "")}, clock)
	for key, name := range map[string]string{one: "backend", two: "backend", three: "jobs"} {
		if got, err := g.Authenticate(ask(t, "Bearer "+key)); err != nil || got.Method != guard.APIKey || got.Subject != name {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	hash := strings.Fields(lineOne)[1]
	for name, key := range map[string]string{
		"a key that is not listed":      unlisted,
		"a key cut short":               one[:len(one)-1],
		"a key with more behind it":     one + "A",
		"a key in capitals":             strings.ToUpper(one),
		"the hash instead of the key":   hash,
		"the owner's name":              "backend",
		"a JWT where none are verified": "e30.e30.e30",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := g.Authenticate(ask(t, "Bearer "+key))
			wantRefusal(t, err, guard.UnknownAPIKey, key)
		})
	}
	t.Run("keys in a variable", func(t *testing.T) {
		g := newGuard(t, guard.Config{APIKeys: lineOne + ", " + lineThree + "\n" + lineTwo}, clock)
		for key, name := range map[string]string{one: "backend", two: "backend", three: "jobs"} {
			if got, err := g.Authenticate(ask(t, "Bearer "+key)); err != nil || got.Subject != name {
				t.Errorf("%+v %v", got, err)
			}
		}
	})
	t.Run("a hash made elsewhere", func(t *testing.T) {
		hash := sha256.Sum256([]byte("a-key-of-mine"))
		g := newGuard(t, guard.Config{APIKeysFile: keysFile(t, "mine "+strings.ToUpper(hex.EncodeToString(hash[:])))}, clock)
		if got, err := g.Authenticate(ask(t, "Bearer a-key-of-mine")); err != nil || got.Subject != "mine" {
			t.Errorf("%+v %v", got, err)
		}
	})
}

func TestAPIKeysFileIsReadAgain(t *testing.T) {
	oldKey, oldLine := newKey(t, "old")
	newerKey, newerLine := newKey(t, "newer")
	file := keysFile(t, oldLine)
	g := newGuard(t, guard.Config{APIKeysFile: file}, clock)
	ticks, told := make(chan time.Time), make(chan error)
	g.Run(t.Context(), guard.Background{Ticks: func() <-chan time.Time { return ticks }, APIKeys: func(err error) { told <- err }})
	// twoReads lets the file be read twice, and says what was told
	twoReads := func() error {
		ticks <- time.Time{}
		select {
		case ticks <- time.Time{}:
		case err := <-told:
			t.Fatalf("told of it after one read: %v", err)
		}
		return <-told
	}
	accepted := func(key string) bool {
		_, err := g.Authenticate(ask(t, "Bearer "+key))
		return err == nil
	}
	write(t, file, oldLine, newerLine)
	if err := twoReads(); err != nil || !accepted(oldKey) || !accepted(newerKey) {
		t.Errorf("both: %v", err)
	}
	write(t, file, newerLine)
	if err := twoReads(); err != nil || accepted(oldKey) || !accepted(newerKey) {
		t.Errorf("the old one revoked: %v", err)
	}
	write(t, file, oldLine, "broken")
	if err := twoReads(); err == nil || accepted(oldKey) || !accepted(newerKey) {
		t.Errorf("a broken file keeps the keys from before: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := twoReads(); err == nil || !accepted(newerKey) {
		t.Errorf("so does one that is gone: %v", err)
	}
	write(t, file, "# all revoked")
	if err := twoReads(); err != nil || accepted(newerKey) {
		t.Errorf("one without keys revokes all: %v", err)
	}
}

// byProxy is a request from that address with these headers, by turns name and value.
func byProxy(t *testing.T, remote string, headers ...string) *http.Request {
	t.Helper()
	r := ask(t)
	r.RemoteAddr = remote
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestProxy(t *testing.T) {
	g := newGuard(t, guard.Config{ProxyHeader: "x-forwarded-user"}, clock, "10.0.0.0/8,2001:db8::1")
	for _, remote := range []string{"10.1.2.3:999", "[2001:db8::1]:999", "[::ffff:10.1.2.3]:999"} {
		got, err := g.Authenticate(byProxy(t, remote, "X-Forwarded-User", "alice@example.com"))
		if err != nil || got.Method != guard.Proxy || got.Subject != "alice@example.com" {
			t.Errorf("%s: %+v %v", remote, got, err)
		}
	}
	for _, attack := range []struct {
		name, remote string
		headers      []string
		want         guard.Reason
	}{
		{"no header", "10.1.2.3:999", nil, guard.Missing},
		{"an empty header", "10.1.2.3:999", []string{"X-Forwarded-User", ""}, guard.Missing},
		{"the header sent past the proxy", "192.0.2.1:999", []string{"X-Forwarded-User", "alice"}, guard.UntrustedProxy},
		{"the header sent past the proxy, with the proxy's address in X-Forwarded-For", "192.0.2.1:999", []string{"X-Forwarded-User", "alice", "X-Forwarded-For", "10.1.2.3"}, guard.UntrustedProxy},
		{"the client's header beside the proxy's", "10.1.2.3:999", []string{"X-Forwarded-User", "alice", "X-Forwarded-User", "mallory"}, guard.Malformed},
		{"another header that looks like it", "10.1.2.3:999", []string{"X_Forwarded_User", "alice"}, guard.Missing},
		{"a line break", "10.1.2.3:999", []string{"X-Forwarded-User", "alice\nadmin"}, guard.Malformed},
		{"no UTF-8", "10.1.2.3:999", []string{"X-Forwarded-User", "\xff"}, guard.Malformed},
		{"a long one", "10.1.2.3:999", []string{"X-Forwarded-User", strings.Repeat("a", 321)}, guard.Malformed},
		{"an address that can't be read", "@", []string{"X-Forwarded-User", "alice"}, guard.UntrustedProxy},
		{"a bearer where none are verified", "10.1.2.3:999", []string{"Authorization", "Bearer x"}, guard.Missing},
	} {
		t.Run(attack.name, func(t *testing.T) {
			got, err := g.Authenticate(byProxy(t, attack.remote, attack.headers...))
			if got != nil {
				t.Fatalf("accepted %+v", got)
			}
			wantRefusal(t, err, attack.want, "")
		})
	}
}

func TestOneCredentialThatHoldsIsEnough(t *testing.T) {
	p := newProvider(t)
	key, line := newKey(t, "backend")
	c := p.config()
	c.APIKeysFile, c.ProxyHeader = keysFile(t, line), "X-Forwarded-User"
	g, fetched := start(t, c, "10.0.0.1")
	if fetch := <-fetched; fetch.Err != nil {
		t.Fatal(fetch.Err)
	}
	const inside, outside = "10.0.0.1:1", "192.0.2.1:1"
	for _, test := range []struct {
		name, remote string
		headers      []string
		method       *guard.Method
		refused      guard.Reason
	}{
		{"a user's token", outside, []string{"Authorization", "Bearer " + p.good(t, nil)}, guard.JWT, ""},
		{"an API key", outside, []string{"Authorization", "Bearer " + key}, guard.APIKey, ""},
		{"the proxy's word", inside, []string{"X-Forwarded-User", "alice"}, guard.Proxy, ""},
		{"the token counts before the proxy's word", inside, []string{"Authorization", "Bearer " + p.good(t, nil), "X-Forwarded-User", "bob"}, guard.JWT, ""},
		{"the proxy's word beside a password for the proxy", inside, []string{"Authorization", "Basic x", "X-Forwarded-User", "alice"}, guard.Proxy, ""},
		{"the proxy's word beside an expired token", inside, []string{"Authorization", "Bearer " + p.good(t, map[string]any{"exp": 1}), "X-Forwarded-User", "alice"}, guard.Proxy, ""},
		{"a key beside a header sent past the proxy", outside, []string{"Authorization", "Bearer " + key, "X-Forwarded-User", "mallory"}, guard.APIKey, ""},
		{"the proxy's word does not mend two Authorization headers", inside, []string{"Authorization", "Bearer x", "Authorization", "Bearer y", "X-Forwarded-User", "alice"}, nil, guard.Malformed},
		{"several names in the proxy's header", inside, []string{"X-Forwarded-User", "evil@example.com, boss@example.com"}, nil, guard.Malformed},
		{"none of them", outside, nil, nil, guard.Missing},
		{"an unknown key is said to be one", outside, []string{"Authorization", "Bearer " + key + "x"}, nil, guard.UnknownAPIKey},
		{"the first failure is told", outside, []string{"Authorization", "Bearer " + p.good(t, map[string]any{"exp": 1}), "X-Forwarded-User", "mallory"}, nil, guard.Expired},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := g.Authenticate(byProxy(t, test.remote, test.headers...))
			if test.refused != "" {
				wantRefusal(t, err, test.refused, "")
				return
			}
			if err != nil || got.Method != test.method {
				t.Errorf("%+v %v", got, err)
			}
		})
	}
}

// TestIdentity: with AUTH_IDENTITY_CLAIM a person has their own name in the token, whatever they send in either property.
func TestIdentity(t *testing.T) {
	user := &guard.Caller{Method: guard.JWT, Subject: "alice", Claims: map[string]any{
		"sub": "alice", "email": "alice@example.com", "level": 0.5, "employee_id": int64(4711), "large": uint64(1 << 63),
		"realm_access": map[string]any{"name": "al", "deeper": map[string]any{"name": "a"}}, "https://example.com/name": "url",
	}}
	byProxy := &guard.Caller{Method: guard.Proxy, Subject: "bob"}
	key := &guard.Caller{Method: guard.APIKey, Subject: "backend"}
	other := map[string]any{"userIdentity": "boss", "userKey": "boss"}
	for _, test := range []struct {
		name, claim, property string
		caller                *guard.Caller
		sent                  map[string]any
		wantIdentity, wantKey string
		refused               bool
	}{
		{"not set", "", "userKey", user, other, "boss", "boss", false},
		{"a user's sub", "sub", "userKey", user, nil, "", "alice", false},
		{"a user's sub as identity", "sub", "userIdentity", user, nil, "alice", "", false},
		{"a name that is borrowed by the other property", "sub", "userIdentity", user, map[string]any{"userKey": "boss"}, "alice", "alice", false},
		{"a name that is borrowed by both", "sub", "userKey", user, other, "alice", "alice", false},
		{"a user's email", "email", "userKey", user, other, "alice@example.com", "alice@example.com", false},
		{"a number", "employee_id", "userKey", user, nil, "", "4711", false},
		{"a large number", "large", "userKey", user, nil, "", "9223372036854775808", false},
		{"a claim within a claim", "realm_access.name", "userKey", user, nil, "", "al", false},
		{"a claim further within", "realm_access.deeper.name", "userKey", user, nil, "", "a", false},
		{"a claim whose name has dots", "https://example.com/name", "userKey", user, nil, "", "url", false},
		{"the proxy's user", "sub", "userKey", byProxy, other, "bob", "bob", false},
		{"a backend names its users itself", "sub", "userKey", key, other, "boss", "boss", false},
		{"a claim that is missing", "nickname", "userKey", user, nil, "", "", true},
		{"a claim that is missing within another", "realm_access.nickname", "userKey", user, nil, "", "", true},
		{"a claim that is a fraction", "level", "userKey", user, nil, "", "", true},
		{"a claim that is an object", "realm_access", "userKey", user, nil, "", "", true},
		{"a claim that a proxy does not give", "email", "userKey", byProxy, nil, "", "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			rules, err := guard.NewRules(guard.Config{IdentityClaim: test.claim, IdentityProperty: test.property})
			if err != nil {
				t.Fatal(err)
			}
			request := requestFor(t, test.sent)
			got, err := rules.Grant(t.Context(), newSigner(), test.caller, &request)
			if test.refused {
				wantRefusal(t, err, guard.Identity, "")
			} else if err != nil || got.UserIdentity() != test.wantIdentity || got.UserKey() != test.wantKey {
				t.Errorf("%+v %v", got, err)
			}
		})
	}
}

func TestConfigMistakes(t *testing.T) {
	_, line := newKey(t, "backend")
	good := func() guard.Config {
		return guard.Config{Issuers: []string{"https://id.example.com"}, Audience: []string{"app"}, AudienceClaims: []string{"aud"}, MaxTTL: time.Hour, RefreshInterval: time.Minute, IdentityProperty: "userIdentity"}
	}
	for _, test := range []struct {
		name    string
		change  func(*guard.Config)
		trusted string
		want    string // empty: none
	}{
		{"users' tokens", func(*guard.Config) {}, "", ""},
		{"every method", func(c *guard.Config) {
			c.JWKSURLs, c.APIKeysFile, c.ProxyHeader, c.Policy, c.IdentityClaim = []string{"https://id/keys"}, keysFile(t, line), "X-User", "request.role == 0", "email"
		}, "10.0.0.0/8", ""},
		{"an issuer that is no URL", func(c *guard.Config) { c.Issuers = []string{"id.example.com"} }, "", "AUTH_ISSUER: want a URL"},
		{"an issuer by another scheme", func(c *guard.Config) { c.Issuers = []string{"ftp://id.example.com"} }, "", "AUTH_ISSUER: want a URL"},
		{"a password in the URL", func(c *guard.Config) { c.JWKSURLs = []string{"https://a:hidden@id.example.com"} }, "", "AUTH_JWKS_URL: want a URL"},
		{"an issuer by http", func(c *guard.Config) { c.Issuers = list(t, "http://id.example.com") }, "", "AUTH_ISSUER: want an https URL"},
		{"one of two by http", func(c *guard.Config) { c.Issuers = list(t, "https://a.example, http://b.example") }, "", "AUTH_ISSUER: want an https URL"},
		{"a key set by http", func(c *guard.Config) { c.JWKSURLs = list(t, "http://10.0.0.1/keys") }, "", "AUTH_JWKS_URL: want an https URL"},
		{"a host that looks like this machine", func(c *guard.Config) { c.Issuers = list(t, "http://localhost.evil.example") }, "", "AUTH_ISSUER: want an https URL"},
		{"http on purpose", func(c *guard.Config) { c.Issuers, c.DangerousHTTP = list(t, "http://id.example.com"), true }, "", ""},
		{"http on this machine", func(c *guard.Config) {
			c.Issuers = list(t, "http://localhost:8080, http://127.0.0.1/a, http://127.1.2.3, http://[::1]:8080, http://id.localhost")
		}, "", ""},
		{"a URL without a host", func(c *guard.Config) { c.Issuers = list(t, "https://:443") }, "", "AUTH_ISSUER: want a URL"},
		{"an issuer twice", func(c *guard.Config) { c.Issuers = list(t, "https://a.example,https://a.example") }, "", "AUTH_ISSUER: has the same issuer twice"},
		{"an empty issuer", func(c *guard.Config) { c.Issuers = list(t, "https://a.example,") }, "", "AUTH_ISSUER: want a URL"},
		{"a key set for each issuer", func(c *guard.Config) {
			c.Issuers, c.JWKSURLs = list(t, "https://a.example,https://b.example"), list(t, ",https://b.example/keys")
		}, "", ""},
		{"one key set for two issuers", func(c *guard.Config) {
			c.Issuers, c.JWKSURLs = list(t, "https://a.example,https://b.example"), list(t, "https://b.example/keys")
		}, "", "AUTH_JWKS_URL: want one URL for each issuer"},
		{"two key sets for one issuer", func(c *guard.Config) { c.JWKSURLs = list(t, "https://a.example,https://b.example") }, "", "AUTH_JWKS_URL: want one URL for each"},
		{"two key sets and no issuer", func(c *guard.Config) {
			c.Issuers, c.JWKSURLs = nil, list(t, "https://a.example,https://b.example")
		}, "", "AUTH_JWKS_URL: want one URL for each"},
		{"no claim for the audience", func(c *guard.Config) { c.AudienceClaims = list(t, "aud,") }, "", "AUTH_AUDIENCE_CLAIM: want"},
		{"no audience", func(c *guard.Config) { c.Audience = nil }, "", "AUTH_AUDIENCE: required"},
		{"an empty audience", func(c *guard.Config) { c.Audience = []string{"app", ""} }, "", "AUTH_AUDIENCE: want audiences"},
		{"an audience for nothing", func(c *guard.Config) { c.Issuers = nil }, "", "AUTH_AUDIENCE: does nothing"},
		{"a short lifetime", func(c *guard.Config) { c.MaxTTL = time.Second }, "", "AUTH_TOKEN_MAX_TTL: want"},
		{"a short interval", func(c *guard.Config) { c.RefreshInterval = time.Millisecond }, "", "AUTH_JWKS_REFRESH_INTERVAL: want"},
		{"no header name", func(c *guard.Config) { c.ProxyHeader = "X User" }, "10.0.0.0/8", "AUTH_PROXY_HEADER: want"},
		{"the credential as the proxy's header", func(c *guard.Config) { c.ProxyHeader = "authorization" }, "10.0.0.0/8", "AUTH_PROXY_HEADER: want"},
		{"no proxy to trust", func(c *guard.Config) { c.ProxyHeader = "X-User" }, "", "AUTH_PROXY_HEADER: needs TRUSTED_PROXIES"},
		{"keys twice", func(c *guard.Config) { c.APIKeys, c.APIKeysFile = line, keysFile(t, line) }, "", "AUTH_API_KEYS: set it or"},
		{"a variable without keys", func(c *guard.Config) { c.APIKeys = " , " }, "", "AUTH_API_KEYS: holds no key"},
		{"a key in a variable", func(c *guard.Config) { c.APIKeys = line + ", " + line[:60] }, "", "AUTH_API_KEYS: entry 2: want the SHA-256"},
		{"two policies", func(c *guard.Config) { c.Policy, c.PolicyFile = "true", keysFile(t, "true") }, "", "AUTH_POLICY: set it or"},
		{"a policy file that is gone", func(c *guard.Config) { c.PolicyFile = "/nowhere" }, "", "AUTH_POLICY_FILE: there is no such file"},
		{"an empty policy file", func(c *guard.Config) { c.PolicyFile = keysFile(t, " ", "") }, "", "AUTH_POLICY_FILE: the file is empty"},
		{"a broken policy", func(c *guard.Config) { c.Policy = "request.rol == 0" }, "", "AUTH_POLICY: at 1:8: undefined field 'rol'"},
		{"another property", func(c *guard.Config) { c.IdentityProperty = "sessionName" }, "", "AUTH_IDENTITY_PROPERTY: want"},
		{"an identity of nobody", func(c *guard.Config) { c.Issuers, c.Audience, c.IdentityClaim = nil, nil, "sub" }, "", "AUTH_IDENTITY_CLAIM: needs users"},
		{"a claim of a proxy's user", func(c *guard.Config) {
			c.Issuers, c.Audience, c.IdentityClaim, c.ProxyHeader = nil, nil, "email", "X-User"
		}, "10.0.0.0/8", "AUTH_IDENTITY_CLAIM: want sub"},
		{"a keys file with a byte order mark", func(c *guard.Config) { c.APIKeysFile = keysFile(t, "\ufeff"+line) }, "", ""},
		{"a keys file in UTF-16", func(c *guard.Config) { c.APIKeysFile = keysFile(t, "\xff\xfeb\x00") }, "", "AUTH_API_KEYS_FILE: the file is UTF-16"},
		{"a directory for a keys file", func(c *guard.Config) { c.APIKeysFile = t.TempDir() }, "", "AUTH_API_KEYS_FILE: this is a directory"},
		{"a keys file that is gone", func(c *guard.Config) { c.APIKeysFile = "/nowhere" }, "", "AUTH_API_KEYS_FILE: there is no such file"},
		{"a keys file without keys", func(c *guard.Config) { c.APIKeysFile = keysFile(t, "# none") }, "", "AUTH_API_KEYS_FILE: holds no key"},
		{"a key instead of its hash", func(c *guard.Config) { c.APIKeysFile = keysFile(t, line, "jobs vsk_hidden") }, "", "AUTH_API_KEYS_FILE: line 2: want the SHA-256"},
		{"a name with a space", func(c *guard.Config) { c.APIKeysFile = keysFile(t, "my "+line) }, "", "AUTH_API_KEYS_FILE: line 1: want a name and"},
		{"a name with a colon", func(c *guard.Config) { c.APIKeysFile = keysFile(t, "my:"+line) }, "", "AUTH_API_KEYS_FILE: line 1: want a name of"},
		{"the same key twice", func(c *guard.Config) { c.APIKeysFile = keysFile(t, line, "", line) }, "", "AUTH_API_KEYS_FILE: line 3: the same key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := good()
			test.change(&c)
			if test.trusted != "" {
				if err := c.TrustedProxies.Decode(test.trusted); err != nil {
					t.Fatal(err)
				}
			}
			err := mistakes(c)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("got %v, want none", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %s", err, test.want)
			case err != nil && strings.Contains(err.Error(), "hidden"):
				t.Errorf("%v shows a secret", err)
			}
		})
	}
	t.Run("all at once", func(t *testing.T) {
		err := mistakes(guard.Config{Issuers: []string{"x"}, Policy: "1", APIKeysFile: "/nowhere"})
		for _, variable := range []string{"AUTH_ISSUER", "AUTH_AUDIENCE", "AUTH_POLICY", "AUTH_API_KEYS_FILE", "AUTH_TOKEN_MAX_TTL"} {
			if !strings.Contains(fmt.Sprint(err), variable+": ") {
				t.Errorf("%s is not in: %v", variable, err)
			}
		}
	})
}

// mistakes are those of the settings, and those in the files and the policy.
func mistakes(c guard.Config) error {
	_, err := guard.New(c, clock)
	return errors.Join(c.Validate(), err)
}

func TestKeySetRetriesUntilThereIsOne(t *testing.T) {
	p := newProvider(t)
	p.change(func() {
		p.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	})
	g, fetched := start(t, p.config())
	if fetch := <-fetched; fetch.Err == nil || g.Ready() {
		t.Fatalf("%v, ready %v", fetch.Err, g.Ready())
	}
	p.change(func() { p.answer = nil })
	if fetch := <-fetched; fetch.Err != nil || !g.Ready() {
		t.Fatalf("%v, ready %v", fetch.Err, g.Ready())
	}
	if _, err := g.Authenticate(ask(t, "Bearer "+p.good(t, nil))); err != nil {
		t.Error(err)
	}
}

// TestProxies: which addresses are believed, and which lists are refused.
func TestProxies(t *testing.T) {
	for list, peers := range map[string]map[string]bool{
		"10.0.0.0/8, 192.0.2.7":     {"10.1.2.3:1": true, "192.0.2.7:1": true, "192.0.2.8:1": false, "[::ffff:10.1.2.3]:1": true, "[2001:db8::1]:1": false},
		"::ffff:10.0.0.0/104":       {"10.1.2.3:1": true, "11.0.0.1:1": false, "[::ffff:10.1.2.3]:1": true},
		"::ffff:192.0.2.7":          {"192.0.2.7:1": true, "192.0.2.8:1": false},
		"2001:db8::/32, fe80::1":    {"[2001:db8::7]:1": true, "[fe80::1%eth0]:1": true, "[2001:db9::7]:1": false},
		"0.0.0.0/1,128.0.0.0/2":     {"127.0.0.1:1": true, "200.0.0.1:1": false},
		"10.0.0.0/8,10.0.0.0/9,::1": {"10.255.0.1:1": true},
	} {
		var p guard.Proxies
		if err := p.Decode(list); err != nil {
			t.Errorf("%s: %v", list, err)
		}
		for peer, trusted := range peers {
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/", nil)
			r.RemoteAddr = peer
			r.Header.Set("X-Forwarded-For", "203.0.113.7")
			if got := p.Client(r); (got == "203.0.113.7") != trusted {
				t.Errorf("%s: a request from %s is by %s", list, peer, got)
			}
		}
	}
	for _, list := range []string{
		"", "proxy", "10.0.0.0/33", "fe80::1%eth0", // not addresses
		"0.0.0.0/0", "::/0", "0.0.0.0/1,128.0.0.0/1", "10.0.0.0/8,0.0.0.0/1,128.0.0.0/2,192.0.0.0/2", "::/1,8000::/1", "::ffff:0:0/96", // everybody
	} {
		var p guard.Proxies
		if err := p.Decode(list); err == nil {
			t.Errorf("%q is taken", list)
		}
	}
}

// TestClient: whom X-Forwarded-For names, with or without ports, as the proxies write it.
func TestClient(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"none", nil, "10.0.0.1"},
		{"one", []string{"203.0.113.7"}, "203.0.113.7"},
		{"with a port", []string{"203.0.113.7:51234"}, "203.0.113.7"},
		{"IPv6", []string{"2001:db8::7"}, "2001:db8::7"},
		{"IPv6 in brackets", []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"IPv6 with a port", []string{"[2001:db8::7]:443"}, "2001:db8::7"},
		{"IPv4 in IPv6", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		{"what the client made up stands in front", []string{"198.51.100.1, 203.0.113.7"}, "203.0.113.7"},
		{"a proxy in between", []string{"203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		{"a proxy in between, with a port", []string{"203.0.113.7:51234, 10.0.0.2:8080"}, "203.0.113.7"},
		{"two lines", []string{"203.0.113.7", "10.0.0.2"}, "203.0.113.7"},
		{"two lines, the first made up", []string{"198.51.100.1", "203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		{"nothing but proxies", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"a word that ends the search", []string{"198.51.100.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"nothing that can be read", []string{"unknown"}, "10.0.0.1"},
		{"an empty line", []string{""}, "10.0.0.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/", nil)
			r.RemoteAddr, r.Header["X-Forwarded-For"] = "10.0.0.1:1", test.lines
			p := guard.Proxies{netip.MustParsePrefix("10.0.0.0/8")}
			if got := p.Client(r); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			r.RemoteAddr = "192.0.2.9:1"
			if got := p.Client(r); got != "192.0.2.9" {
				t.Errorf("not by a proxy: got %s", got)
			}
		})
	}
}

// TestHTTPS: a trusted proxy says that the client came by HTTPS, with or without saying who the client is.
func TestHTTPS(t *testing.T) {
	for _, test := range []struct {
		proto, forwarded, peer string
		want                   bool
	}{
		{"https", "", "10.0.0.1:1", true},
		{"HTTPS", "", "10.0.0.1:1", true},
		{"https", "203.0.113.7", "10.0.0.1:1", true},
		{"https", "10.0.0.1", "10.0.0.1:1", true},
		{"http", "203.0.113.7", "10.0.0.1:1", false},
		{"", "203.0.113.7", "10.0.0.1:1", false},
		{"https", "203.0.113.7", "192.0.2.9:1", false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", nil)
		r.RemoteAddr = test.peer
		r.Header.Set("X-Forwarded-Proto", test.proto)
		r.Header.Set("X-Forwarded-For", test.forwarded)
		p := guard.Proxies{netip.MustParsePrefix("10.0.0.0/8")}
		if got := p.HTTPS(r); got != test.want {
			t.Errorf("%+v: got %v", test, got)
		}
	}
}

// TestWarnings: what is allowed, and seldom meant.
func TestWarnings(t *testing.T) {
	_, line := newKey(t, "backend")
	writable := keysFile(t, line)
	if err := os.Chmod(writable, 0o666); err != nil {
		t.Fatal(err)
	}
	const bySubject = `request.role == 0 || caller.subject == "backend"`
	for _, test := range []struct {
		name string
		c    guard.Config
		want string // empty: none
	}{
		{"one method", guard.Config{APIKeys: line, Policy: bySubject}, ""},
		{"several methods, and the policy asks for none", guard.Config{APIKeys: line, ProxyHeader: "X-User", Policy: bySubject}, "never at caller.method"},
		{"several methods, and the policy asks", guard.Config{APIKeys: line, ProxyHeader: "X-User", Policy: bySubject + ` && caller.method == "api_key"`}, ""},
		{"several methods, and the policy asks for nobody", guard.Config{APIKeys: line, ProxyHeader: "X-User", Policy: "request.role == 0"}, ""},
		{"a file that others can write", guard.Config{APIKeysFile: writable}, "AUTH_API_KEYS_FILE"},
		{"a policy that others can write", guard.Config{PolicyFile: policyFile(t, "true", 0o602)}, "AUTH_POLICY_FILE"},
		{"files that others can read", guard.Config{PolicyFile: policyFile(t, "true", 0o644)}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := strings.Join(newGuard(t, test.c, clock, "10.0.0.1").Warnings(), "\n")
			if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func policyFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	file := keysFile(t, text)
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestPolicyFileIsReadAgain: a policy takes effect without a restart, and one that is broken leaves the last good one.
func TestPolicyFileIsReadAgain(t *testing.T) {
	file := keysFile(t, "false")
	g := newGuard(t, guard.Config{PolicyFile: file}, clock)
	ticks, told := make(chan time.Time), make(chan error)
	g.Run(t.Context(), guard.Background{Ticks: func() <-chan time.Time { return ticks }, Policy: func(err error) { told <- err }})
	for _, change := range []struct {
		text    string
		bad     string // what is said of it; empty where it is taken
		allowed bool
	}{
		{"true", "", true},
		{"request.rol == 0", "undefined field", true},
		{" ", "the file is empty", true},
		{"request.role == 1", "", false},
		{"request.role == 0", "", true},
	} {
		write(t, file, change.text)
		ticks <- time.Time{}
		ticks <- time.Time{}
		if err := <-told; (err == nil) != (change.bad == "") || !strings.Contains(fmt.Sprint(err), change.bad) {
			t.Errorf("%q: told %v", change.text, err)
		}
		request := requestFor(t, nil)
		if _, err := g.Grant(t.Context(), newSigner(), &guard.Caller{Method: guard.None}, &request); (err == nil) != change.allowed {
			t.Errorf("%q: %v", change.text, err)
		}
	}
}
