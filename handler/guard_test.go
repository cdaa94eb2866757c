package handler_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"videosdk-auth-endpoint/handler"
	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
	"videosdk-auth-endpoint/telemetry"
)

// keysFile holds the keys backend-key and jobs-key.
func keysFile(t *testing.T) string {
	t.Helper()
	var lines strings.Builder
	for _, name := range []string{"backend", "jobs"} {
		hash := sha256.Sum256([]byte(name + "-key"))
		lines.WriteString(name + " " + hex.EncodeToString(hash[:]) + "\n")
	}
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// lastLine is the last line of the log.
func lastLine(t *testing.T, log *bytes.Buffer) map[string]any {
	t.Helper()
	lines := bytes.Split(bytes.TrimSpace(log.Bytes()), []byte("\n"))
	var line map[string]any
	if err := json.Unmarshal(lines[len(lines)-1], &line); err != nil {
		t.Fatal(err)
	}
	return line
}

func TestUnauthenticated(t *testing.T) {
	h, log := newHandler(t, newSigner(t), "AUTH_API_KEYS_FILE="+keysFile(t))
	url := serve(t, h.Public)
	for _, c := range []struct {
		name      string
		header    http.Header
		challenge string
		answer    string
		decision  string
	}{
		{
			"no credential", nil, `Bearer realm="videosdk-auth-endpoint"`,
			`{"errors":[{"property":"Authorization","reason":"must be sent: Bearer, one space, and an API key"}]}`, "missing",
		},
		{
			"a key that is not known", bearer("hidden-key"), `Bearer realm="videosdk-auth-endpoint", error="invalid_token", error_description="must be an API key of this endpoint: this one is unknown or was revoked"`,
			`{"errors":[{"property":"Authorization","reason":"must be an API key of this endpoint: this one is unknown or was revoked"}]}`, "unknown_api_key",
		},
		{
			"two Authorization headers",
			http.Header{"Authorization": {"Bearer backend-key", "Bearer hidden-key"}},
			`Bearer realm="videosdk-auth-endpoint", error="invalid_token", error_description="must be Bearer, one space and one token, and must be sent once"`,
			`{"errors":[{"property":"Authorization","reason":"must be Bearer, one space and one token, and must be sent once"}]}`, "malformed",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			// the body is broken too: it is not looked at
			a := send(t, "POST", url, c.header, strings.NewReader("{"))
			if a.status != 401 || strings.TrimSpace(a.body) != c.answer || a.header.Get("WWW-Authenticate") != c.challenge {
				t.Errorf("%d %s %s", a.status, a.body, a.header.Get("WWW-Authenticate"))
			}
			if a.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("a web page can't read it")
			}
			line := lastLine(t, log)
			if line["decision"] != c.decision || line["outcome"] != "refused" || line["caller"] != nil || line["severity"] != "INFO" {
				t.Errorf("log %v", line)
			}
		})
	}
	if strings.Contains(log.String(), "hidden") || strings.Contains(log.String(), "backend-key") {
		t.Errorf("the log shows a credential: %s", log)
	}
	t.Run("a preflight has no credential", func(t *testing.T) {
		a := send(t, "OPTIONS", url, http.Header{"Origin": {"https://app.example.com"}, "Access-Control-Request-Headers": {"authorization,content-type"}}, nil)
		if a.status != 204 || a.header.Get("Access-Control-Allow-Headers") != "authorization,content-type" {
			t.Errorf("%d %v", a.status, a.header)
		}
	})
	t.Run("health has none either", func(t *testing.T) {
		if a := send(t, "GET", url+"/readyz", nil, nil); a.status != 200 {
			t.Error(a.status)
		}
	})
}

// TestEveryRefusalIsExplained: a reason without words would be an empty answer.
func TestEveryRefusalIsExplained(t *testing.T) {
	for _, reason := range guard.Reasons() {
		status, text := handler.ExplainRefusal(reason)
		if status < 400 || text == "" {
			t.Errorf("%s: %d %q", reason, status, text)
		}
	}
}

func TestAuditOfCallers(t *testing.T) {
	h, log := newHandler(t, newSigner(t), "AUTH_API_KEYS_FILE="+keysFile(t), `AUTH_POLICY=request.role == 0 || caller.subject == "backend"`)
	url := serve(t, h.Public)
	const host, participant = `{"sessionName":"a","role":1}`, `{"sessionName":"a","role":0}`
	for _, c := range []struct {
		key, body  string
		status     int
		decision   any
		methodName any
	}{
		{"backend-key", host, 200, "allowed", "backend"},
		{"jobs-key", participant, 200, "allowed", "jobs"},
		{"jobs-key", host, 403, "policy", "jobs"},
		{"jobs-key", `{"role":1}`, 400, nil, "jobs"},
	} {
		a := send(t, "POST", url, bearer(c.key), strings.NewReader(c.body))
		line := lastLine(t, log)
		if a.status != c.status || line["decision"] != c.decision || line["caller"] != c.methodName || line["caller_method"] != "api_key" {
			t.Errorf("%s %s: %d %s, log %v", c.key, c.body, a.status, a.body, line)
		}
	}
	a := send(t, "POST", url, bearer("jobs-key"), strings.NewReader(host))
	if strings.TrimSpace(a.body) != `{"errors":[{"property":"policy","reason":"denied this request"}]}` {
		t.Errorf("the client learns %s", a.body)
	}
	if line := lastLine(t, log); !strings.Contains(line["error_message"].(string), "AUTH_POLICY is false") {
		t.Errorf("the log does not say more: %v", line)
	}
}

// What is signed must be what the policy saw, however the body is written.
func TestPolicySeesWhatIsSigned(t *testing.T) {
	h, _ := newHandler(t, newSigner(t), "AUTH_API_KEYS_FILE="+keysFile(t), `AUTH_POLICY=request.role == 0 && request.sessionName.startsWith("acme-") && request.audioWebRtcMode == 0`)
	url := serve(t, h.Public)
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"what the policy wants", `{"sessionName":"acme-1","role":0}`, 200},
		{"a host", `{"sessionName":"acme-1","role":1}`, 403},
		{"a host as text", `{"sessionName":"acme-1","role":"1"}`, 403},
		{"a host as 1.0", `{"sessionName":"acme-1","role":1.0}`, 403},
		{"the key again, as host", `{"sessionName":"acme-1","role":0,"role":1}`, 403},
		{"the key again, as participant", `{"sessionName":"acme-1","role":1,"role":0}`, 200},
		{"the key in another case", `{"sessionName":"acme-1","role":0,"Role":1,"ROLE":1}`, 200},
		{"the key with an escape", `{"sessionName":"acme-1","role":0,"r\u006fle":1}`, 403},
		{"the claim's name", `{"sessionName":"acme-1","role":0,"role_type":1}`, 200},
		{"another session behind", `{"sessionName":"acme-1","role":0,"sessionName":"globex-1"}`, 403},
		{"another session with an escape", `{"sessionName":"acme-1","role":0,"sessi\u006fnName":"globex-1"}`, 403},
		{"the claim of the session", `{"sessionName":"acme-1","role":0,"tpc":"globex-1"}`, 200},
		{"an object inside", `{"sessionName":"acme-1","role":0,"x":{"role":1}}`, 200},
		{"another body behind", `{"sessionName":"acme-1","role":0}{"sessionName":"acme-1","role":1}`, 400},
		{"a property under its old name", `{"sessionName":"acme-1","role":0,"audioCompatibleMode":1}`, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := send(t, "POST", url, bearer("backend-key"), strings.NewReader(c.body))
			if a.status != c.status {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if c.status != 200 {
				return
			}
			if claims := claimsOf(t, a.body); claims["role_type"] != 0.0 || claims["tpc"] != "acme-1" {
				t.Errorf("signed %v", claims)
			}
		})
	}
}

// claimsOf is what an answer's token says.
func claimsOf(t *testing.T, body string) map[string]any {
	t.Helper()
	var token struct{ Signature string }
	if err := json.Unmarshal([]byte(body), &token); err != nil {
		t.Fatal(err)
	}
	seen, _ := signer.Inspect(token.Signature, credentials, func() time.Time { return now })
	text, err := json.Marshal(seen.Claims)
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestIdentityOfTheCaller(t *testing.T) {
	h, log := newHandler(t, newSigner(t), "AUTH_PROXY_HEADER=X-Forwarded-User", "TRUSTED_PROXIES=127.0.0.1,::1", "AUTH_IDENTITY_CLAIM=sub", "AUTH_POLICY=request.userKey == caller.subject")
	url := serve(t, h.Public)
	as := func(user string) http.Header { return http.Header{"X-Forwarded-User": {user}} }
	for _, body := range []string{`{"sessionName":"a","role":1}`, `{"sessionName":"a","role":1,"userIdentity":"mallory"}`, `{"sessionName":"a","role":1,"userIdentity":7}`} {
		a := send(t, "POST", url, as("alice"), strings.NewReader(body))
		if a.status != 200 || claimsOf(t, a.body)["user_key"] != "alice" {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
		if line := lastLine(t, log); line["caller"] != "alice" || line["user_key"] != "alice" || line["caller_method"] != "proxy" {
			t.Errorf("log %v", line)
		}
	}
	t.Run("a name that is too long for Zoom", func(t *testing.T) {
		a := send(t, "POST", url, as(strings.Repeat("a", 37)), strings.NewReader(`{"sessionName":"a","role":1}`))
		if a.status != 403 || !strings.Contains(a.body, "must be a string of at most 36 characters, got 37") || lastLine(t, log)["decision"] != "identity" {
			t.Errorf("%d %s, log %v", a.status, a.body, lastLine(t, log))
		}
	})
	t.Run("with LOG_HASH_KEY people are hashed, keys are not", func(t *testing.T) {
		log := new(bytes.Buffer)
		logger := telemetry.NewLog(telemetry.Config{LogFormat: "json", LogHashKey: "0123456789abcdef"}, zerolog.SyncWriter(log), nil)
		c := config(t, "AUTH_API_KEYS_FILE="+keysFile(t))
		url := serve(t, handler.New(c, newGuard(t), newSigner(t), requests(logger), http.NotFoundHandler(), logger).Public)
		send(t, "POST", url, as("alice"), strings.NewReader(`{"sessionName":"a","role":1}`))
		if line := lastLine(t, log); line["caller"] != logger.Name("alice") || strings.Contains(log.String(), "alice") {
			t.Errorf("log %v", line)
		}
		send(t, "POST", url, bearer("backend-key"), strings.NewReader(`{"sessionName":"a","role":1}`))
		if line := lastLine(t, log); line["caller"] != "backend" {
			t.Errorf("log %v", line)
		}
	})
	t.Run("the proxy's cookie may come from allowed origins", func(t *testing.T) {
		h, _ := newHandler(t, newSigner(t), "AUTH_PROXY_HEADER=X-Forwarded-User", "TRUSTED_PROXIES=127.0.0.1", "CORS_ALLOWED_ORIGINS=https://app.example.com")
		url := serve(t, h.Public)
		for origin, want := range map[string]string{"https://app.example.com": "true", "https://evil.example": ""} {
			for _, method := range []string{"OPTIONS", "POST"} {
				if a := send(t, method, url, http.Header{"Origin": {origin}}, nil); a.header.Get("Access-Control-Allow-Credentials") != want {
					t.Errorf("%s %s: %v", method, origin, a.header)
				}
			}
		}
	})
	t.Run("another site's page gets nothing with its visitor's cookie", func(t *testing.T) {
		key, line, err := guard.NewAPIKey("backend")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name, origins string
			header        http.Header
			status        int
		}{
			{"a listed page", "https://app.example.com", http.Header{"Origin": {"https://app.example.com"}, "Sec-Fetch-Site": {"cross-site"}}, 200},
			{"a listed subdomain", "https://*.example.com", http.Header{"Origin": {"https://app.example.com"}, "Sec-Fetch-Site": {"same-site"}}, 200},
			{"the endpoint's own page", "*", http.Header{"Origin": {url}, "Sec-Fetch-Site": {"same-origin"}}, 200},
			{"an app that is not a browser", "*", nil, 200},
			{"another page", "https://app.example.com", http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}, 403},
			{"another page, where every page may read", "*", http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}, 403},
			{"an old browser, which says only where it comes from", "*", http.Header{"Origin": {"https://evil.example"}}, 403},
			{"another page that has a key, which no cookie carries", "*", http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}, "Authorization": {"Bearer " + key}}, 200},
		} {
			h, log := newHandler(t, newSigner(t), "AUTH_PROXY_HEADER=X-Forwarded-User", "TRUSTED_PROXIES=127.0.0.1", "CORS_ALLOWED_ORIGINS="+c.origins, "AUTH_API_KEYS="+line, "AUTH_POLICY=", "AUTH_IDENTITY_CLAIM=")
			header := as("alice")
			maps.Copy(header, c.header)
			a := send(t, "POST", serve(t, h.Public), header, strings.NewReader(validBody))
			if a.status != c.status || c.status == 403 && (!strings.Contains(a.body, `"Origin"`) || lastLine(t, log)["decision"] != "cross_origin") {
				t.Errorf("%s: %d %s, log %v", c.name, a.status, a.body, lastLine(t, log))
			}
		}
	})
}

func TestNotReadyWithoutKeySet(t *testing.T) {
	h, _ := newHandler(t, newSigner(t), "AUTH_ISSUER=http://127.0.0.1:1", "AUTH_AUDIENCE=app")
	url := serve(t, h.Public)
	if a := send(t, "GET", url+"/livez", nil, nil); a.status != 200 {
		t.Errorf("livez %d", a.status)
	}
	const want = `{"errors":[{"property":"server","reason":"has no key set to verify tokens with yet: see its log"}]}`
	if a := send(t, "GET", url+"/readyz", nil, nil); a.status != 503 || strings.TrimSpace(a.body) != want {
		t.Errorf("readyz %d %s", a.status, a.body)
	}
	if a := send(t, "POST", url, bearer("a.b.c"), nil); a.status != 503 || strings.TrimSpace(a.body) != want || a.header.Get("Retry-After") != "1" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestRateLimit(t *testing.T) {
	const body = `{"sessionName":"a","role":0}`
	t.Run("per caller", func(t *testing.T) {
		h, log := newHandler(t, newSigner(t), "AUTH_API_KEYS_FILE="+keysFile(t), "RATE_LIMIT=0.001", "RATE_LIMIT_BURST=2")
		url := serve(t, h.Public)
		for i, want := range []int{200, 200, 429, 429} {
			a := send(t, "POST", url, bearer("backend-key"), strings.NewReader(body))
			if a.status != want {
				t.Fatalf("request %d: %d %s", i, a.status, a.body)
			}
			if want == 429 && (a.header.Get("Retry-After") != "1000" || strings.TrimSpace(a.body) != `{"errors":[{"property":"requests","reason":"must be fewer: try again in 1000 s"}]}`) {
				t.Errorf("%v %s", a.header, a.body)
			}
		}
		if line := lastLine(t, log); line["decision"] != "rate_limited" || line["caller"] != "backend" || line["status_code"] != 429.0 {
			t.Errorf("log %v", line)
		}
		if a := send(t, "POST", url, bearer("jobs-key"), strings.NewReader(body)); a.status != 200 {
			t.Errorf("another caller: %d", a.status)
		}
		if a := send(t, "POST", url, nil, strings.NewReader(body)); a.status != 401 {
			t.Errorf("no caller: %d", a.status)
		}
	})
	t.Run("credentials that are refused count against the address, before another one is verified", func(t *testing.T) {
		h, log := newHandler(t, newSigner(t), "AUTH_API_KEYS_FILE="+keysFile(t), "TRUSTED_PROXIES=127.0.0.1", "RATE_LIMIT=0.001", "RATE_LIMIT_BURST=2")
		url := serve(t, h.Public)
		for i, c := range []struct {
			client, key string
			status      int
		}{
			{"192.0.2.1", "backend-key", 200},
			{"192.0.2.1", "", 401}, // to send none costs nothing
			{"192.0.2.1", "", 401},
			{"192.0.2.1", "wrong-1", 401},
			{"192.0.2.1", "", 401},
			{"192.0.2.1", "wrong-2", 401},
			{"192.0.2.1", "wrong-3", 429},
			{"192.0.2.1", "jobs-key", 429}, // nobody looks whether it is good
			{"192.0.2.1", "", 429},
			{"192.0.2.2", "jobs-key", 200},
			{"2001:db8::1", "wrong-1", 401},
			{"2001:db8::2", "wrong-2", 401},
			{"2001:db8:0:0:ffff::", "wrong-3", 429},
			{"2001:db8:0:1::1", "wrong-4", 401},
		} {
			header := http.Header{"X-Forwarded-For": {c.client}}
			if c.key != "" {
				header.Set("Authorization", "Bearer "+c.key)
			}
			a := send(t, "POST", url, header, strings.NewReader(body))
			if a.status != c.status {
				t.Errorf("request %d, %s from %s: %d %s", i, c.key, c.client, a.status, a.body)
			}
			if c.status == 429 && (a.header.Get("Retry-After") != "1000" || lastLine(t, log)["decision"] != "rate_limited") {
				t.Errorf("%v, log %v", a.header, lastLine(t, log))
			}
		}
	})
	t.Run("per address where the endpoint is open, per network for IPv6", func(t *testing.T) {
		h, _ := newHandler(t, newSigner(t), "TRUSTED_PROXIES=127.0.0.1", "RATE_LIMIT=0.001", "RATE_LIMIT_BURST=1")
		url := serve(t, h.Public)
		for _, c := range []struct {
			client string
			status int
		}{
			{"192.0.2.1", 200},
			{"192.0.2.1", 429},
			{"192.0.2.2", 200},
			{"2001:db8::1", 200},
			{"2001:db8::2", 429},
			{"2001:db8:0:0:ffff::", 429},
			{"2001:db8:0:1::1", 200},
			{"::ffff:192.0.2.3", 200},
			{"::ffff:192.0.2.4", 200},
		} {
			if a := send(t, "POST", url, http.Header{"X-Forwarded-For": {c.client}}, strings.NewReader(body)); a.status != c.status {
				t.Errorf("%s: %d", c.client, a.status)
			}
		}
	})
	t.Run("a bounded number of callers is remembered", func(t *testing.T) {
		h, _ := newHandler(t, newSigner(t), "TRUSTED_PROXIES=127.0.0.1", "RATE_LIMIT=0.001", "RATE_LIMIT_BURST=1")
		ask := func(client string) int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
			r.RemoteAddr, r.Header["X-Forwarded-For"] = "127.0.0.1:1", []string{client}
			answer := httptest.NewRecorder()
			h.Public.ServeHTTP(answer, r)
			return answer.Code
		}
		if first, again := ask("192.0.2.1"), ask("192.0.2.1"); first != 200 || again != 429 {
			t.Fatal(first, again)
		}
		for i := range 10_000 {
			if status := ask(fmt.Sprintf("10.0.%d.%d", i/256, i%256)); status != 200 {
				t.Fatal(i, status)
			}
		}
		if first, last := ask("192.0.2.1"), ask("10.0.39.15"); first != 200 || last != 429 {
			t.Errorf("the first of 10,001 callers %d, the last %d", first, last)
		}
	})
	t.Run("whoever waits may come again", func(t *testing.T) {
		h, _ := newHandler(t, newSigner(t), "RATE_LIMIT=1000000", "RATE_LIMIT_BURST=1")
		url := serve(t, h.Public)
		for range 20 {
			if a := send(t, "POST", url, nil, strings.NewReader(body)); a.status != 200 {
				t.Errorf("%d", a.status)
			}
		}
	})
}
