package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"videosdk-auth-endpoint/handler"
	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
	"videosdk-auth-endpoint/telemetry"

	"github.com/golang-jwt/jwt/v5"
	"github.com/kelseyhightower/envconfig"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

const validBody = `{"sessionName":"a","role":1}`

var (
	now         = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	credentials = signer.Credentials{Key: "test-key", Secret: "test-secret"}
)

func newSigner(t testing.TB) signer.Signer {
	t.Helper()
	return signer.New(signer.Config{Backdate: 30 * time.Second, DefaultTTL: 2 * time.Hour, MaxTTL: 48 * time.Hour}, credentials, func() time.Time { return now })
}

// fakeSigner does what its functions do.
type fakeSigner struct {
	validate func(context.Context, *signer.Request) (*signer.Grant, error)
	sign     func(context.Context, *signer.Grant) (signer.Token, error)
}

func (f fakeSigner) Validate(ctx context.Context, r *signer.Request) (*signer.Grant, error) {
	return f.validate(ctx, r)
}

func (f fakeSigner) Properties() []signer.Property { return signer.Properties() }

func (f fakeSigner) Sign(ctx context.Context, g *signer.Grant) (signer.Token, error) {
	return f.sign(ctx, g)
}

// config is the default configuration, with the variables given.
func config(t testing.TB, variables ...string) handler.Config {
	t.Helper()
	for _, v := range variables {
		name, value, _ := strings.Cut(v, "=")
		t.(interface{ Setenv(name, value string) }).Setenv(name, value)
	}
	var c handler.Config
	if err := envconfig.Process("", &c); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

// newGuard returns the one that the environment sets up: open, unless config was given variables.
func newGuard(t testing.TB) *guard.Guard {
	t.Helper()
	var c guard.Config
	if err := envconfig.Process("", &c); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	g, err := guard.New(c, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// requests watches without tracing.
func requests(log *telemetry.Log) *telemetry.Requests {
	return telemetry.NewRequests(telemetry.NewMetrics(prometheus.NewRegistry(), telemetry.Build{}), nil, log)
}

// newHandler returns a handler and its log.
func newHandler(t testing.TB, s signer.Signer, variables ...string) (*handler.Handler, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	logger := telemetry.NewLog(telemetry.Config{LogLevel: telemetry.Level(zerolog.DebugLevel), LogFormat: "json"}, zerolog.SyncWriter(log), nil)
	c := config(t, variables...)
	return handler.New(c, newGuard(t), s, requests(logger), http.NotFoundHandler(), logger), log
}

// serve returns the URL of a handler that is served for real.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

type answer struct {
	status int
	header http.Header
	body   string
	close  bool
}

func send(t *testing.T, method, url string, header http.Header, body io.Reader) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(request.Header, header)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(content), response.Close}
}

func TestErrors(t *testing.T) {
	h, _ := newHandler(t, newSigner(t), "BODY_LIMIT=1kB", "TOKEN_PATH=/token")
	url := serve(t, h.Public)
	typed := func(contentType string) http.Header { return http.Header{"Content-Type": {contentType}} }
	for _, c := range []struct {
		name, method, path string
		header             http.Header
		body               string
		status             int
		answer             string
	}{
		{
			"type and rule errors in one answer", "POST", "/token", nil, `{"role":"host","userIdentity":7,"expirationSeconds":60}`, 400,
			`{"errors":[{"property":"role","reason":"must be 0 or 1, got a string that is not a whole number"},` +
				`{"property":"sessionName","reason":"must be a string of 1 to 200 characters, got nothing"},` +
				`{"property":"expirationSeconds","reason":"must be a whole number from 1800 to 172800, got a number out of range"},` +
				`{"property":"userIdentity","reason":"must be a string of at most 36 characters, got a number"}]}`,
		},
		{"names match by case", "POST", "/token", nil, `{"sessionName":"a","Role":1,"ROLE":1}`, 400, `{"errors":[{"property":"role","reason":"must be 0 or 1, got Role: did you mean role?"}]}`},
		{
			"names that are not ours", "POST", "/token", nil, `{"session_name":"a","role":5,"geo_regions":"US"}`, 400,
			`{"errors":[{"property":"role","reason":"must be 0 or 1, got a number out of range"},` +
				`{"property":"sessionName","reason":"must be a string of 1 to 200 characters, got session_name: did you mean sessionName?"}],` +
				`"warnings":[{"property":"geo_regions","reason":"is not known: did you mean geoRegions?"}]}`,
		},
		{"the last of a repeated name counts", "POST", "/token", nil, `{"sessionName":"a","role":1,"role":2}`, 400, `{"errors":[{"property":"role","reason":"must be 0 or 1, got a number out of range"}]}`},
		{"broken JSON", "POST", "/token", nil, `{"sessionName":}`, 400, `{"errors":[{"property":"body","reason":"must be valid JSON: invalid character '}' at start of value at byte 15"}]}`},
		{"cut JSON", "POST", "/token", nil, `{"sessionName":`, 400, `{"errors":[{"property":"body","reason":"must be valid JSON: unexpected EOF at byte 15"}]}`},
		{"a shell took the quotes", "POST", "/token", nil, `{sessionName: Cool Cars, role: 1}`, 400, `{"errors":[{"property":"body","reason":"must be valid JSON: invalid character 's' at start of value at byte 1: names need double quotes, which some shells remove"}]}`},
		{"a shell kept the single quotes", "POST", "/token", nil, `'{sessionName:`, 400, `{"errors":[{"property":"body","reason":"must be valid JSON: invalid character '\\'' at start of value at byte 0: names need double quotes, which some shells remove"}]}`},
		{"UTF-16", "POST", "/token", nil, "\xff\xfe{\x00}\x00", 400, `{"errors":[{"property":"body","reason":"must be UTF-8, got UTF-16"}]}`},
		{"ISO-8859-1", "POST", "/token", nil, "{\"sessionName\":\"M\xf6ller\",\"role\":1,\"geoRegions\":[\"US\",\"\xff\"],\"other\":\"\xff\"}", 400, `{"errors":[{"property":"sessionName","reason":"must be UTF-8, got bytes of another encoding"},{"property":"geoRegions","reason":"must be UTF-8, got bytes of another encoding"}]}`},
		{"two objects", "POST", "/token", nil, validBody + validBody, 400, `{"errors":[{"property":"body","reason":"must be one JSON object and nothing behind it"}]}`},
		{"deep nesting", "POST", "/token", nil, `{"x":` + strings.Repeat("[", 990), 400, `{"errors":[{"property":"body","reason":"must be valid JSON: unexpected EOF at byte 995"}]}`},
		{
			"a form", "POST", "/token", typed("application/x-www-form-urlencoded"), "role=1", 400,
			`{"errors":[{"property":"role","reason":"must be 0 or 1, got nothing: the body was not read, as its Content-Type is not application/json"},` +
				`{"property":"sessionName","reason":"must be a string of 1 to 200 characters, got nothing: the body was not read, as its Content-Type is not application/json"}]}`,
		},
		{
			"nothing", "POST", "/token", nil, "", 400,
			`{"errors":[{"property":"role","reason":"must be 0 or 1, got nothing: the body is empty"},{"property":"sessionName","reason":"must be a string of 1 to 200 characters, got nothing: the body is empty"}]}`,
		},
		{"another charset", "POST", "/token", typed("application/json; charset=utf-16"), validBody, 415, `{"errors":[{"property":"Content-Type","reason":"must have charset utf-8, or none"}]}`},
		{"compressed", "POST", "/token", http.Header{"Content-Encoding": {"gzip"}}, validBody, 415, `{"errors":[{"property":"Content-Encoding","reason":"must be identity: send the body uncompressed"}]}`},
		{"one byte too many", "POST", "/token", nil, strings.Repeat(" ", 1001), 413, `{"errors":[{"property":"body","reason":"must be at most 1000 bytes"}]}`},
		{"another method", "PUT", "/token", nil, "", 405, `{"errors":[{"property":"method","reason":"must be one of OPTIONS, GET, HEAD, POST"}]}`},
		{"HEAD has no body", "HEAD", "/elsewhere", nil, "", 404, ``},
		{"the path of a page", "POST", "/", nil, validBody, 405, `{"errors":[{"property":"method","reason":"must be one of OPTIONS, GET, HEAD: tokens are served on /token"}]}`},
		{"another path", "POST", "/elsewhere", nil, validBody, 404, `{"errors":[{"property":"path","reason":"must be /token: nothing is served here"}]}`},
		{"a slash too many", "POST", "/token/", nil, validBody, 404, `{"errors":[{"property":"path","reason":"must be /token: nothing is served here"}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := send(t, c.method, url+c.path, c.header, strings.NewReader(c.body))
			if a.status != c.status || strings.TrimSpace(a.body) != c.answer {
				t.Errorf("got  %d %s\nwant %d %s", a.status, a.body, c.status, c.answer)
			}
			if a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("X-Request-Id") == "" {
				t.Errorf("header %v", a.header)
			}
			if allow := a.header.Get("Allow"); (c.status == 405) != strings.HasPrefix(allow, "OPTIONS, GET, HEAD") {
				t.Errorf("Allow %q", allow)
			}
		})
	}
	t.Run("a body whose length is not told", func(t *testing.T) {
		a := send(t, "POST", url+"/token", nil, io.MultiReader(strings.NewReader(strings.Repeat(" ", 1001))))
		if a.status != 413 {
			t.Errorf("status %d", a.status)
		}
	})
	t.Run("exactly the limit", func(t *testing.T) {
		a := send(t, "POST", url+"/token", nil, strings.NewReader(fmt.Sprintf("%-1000s", validBody)))
		if a.status != 200 {
			t.Errorf("status %d: %s", a.status, a.body)
		}
	})
}

// TestBodies: what clients send, and what they call it.
func TestBodies(t *testing.T) {
	h, _ := newHandler(t, newSigner(t))
	url := serve(t, h.Public)
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		name   string
		header http.Header
		body   string
		status int
	}{
		{"nothing said", nil, validBody, 200},
		{"JSON", http.Header{"Content-Type": {"application/json"}}, validBody, 200},
		{"JSON in capitals", http.Header{"Content-Type": {"Application/JSON"}}, validBody, 200},
		{"the charset", http.Header{"Content-Type": {"application/json; charset=utf-8"}}, validBody, 200},
		{"the charset as the web calls it too", http.Header{"Content-Type": {"application/json; charset=utf8"}}, validBody, 200},
		{"the charset in capitals", http.Header{"Content-Type": {"application/json; charset=UTF8"}}, validBody, 200},
		{"the charset in quotes", http.Header{"Content-Type": {`application/json; charset="utf-8"`}}, validBody, 200},
		{"the charset in single quotes", http.Header{"Content-Type": {"application/json; charset='utf-8'"}}, validBody, 200},
		{"an empty charset", http.Header{"Content-Type": {"application/json; charset="}}, validBody, 200},
		{"a semicolon too many", http.Header{"Content-Type": {"application/json; charset=utf-8;"}}, validBody, 200},
		{"another charset", http.Header{"Content-Type": {"application/json; charset=iso-8859-1"}}, validBody, 415},
		{"a vendor's JSON", http.Header{"Content-Type": {"application/vnd.api+json"}}, validBody, 200},
		{"JSON-LD", http.Header{"Content-Type": {"application/ld+json; charset=utf-8"}}, validBody, 200},
		{"JSON as text", http.Header{"Content-Type": {"text/json"}}, validBody, 200},
		{"another application's type", http.Header{"Content-Type": {"application/xml"}}, validBody, 400},
		{"an image's type", http.Header{"Content-Type": {"image/svg+xml"}}, validBody, 400},
		{"the header twice", http.Header{"Content-Type": {"application/json", "application/json"}}, validBody, 200},
		{"the header twice, joined", http.Header{"Content-Type": {"application/json, application/json; charset=utf-8"}}, validBody, 200},
		{"what curl -d says", http.Header{"Content-Type": {form}}, validBody, 200},
		{"what curl -d says of a file", http.Header{"Content-Type": {form}}, "\n {\"sessionName\":\"a\",\"role\":1}\n", 200},
		{"a form", http.Header{"Content-Type": {form}}, "sessionName=a&role=1", 400},
		{"a form that holds JSON", http.Header{"Content-Type": {form}}, "%7B%22sessionName%22%3A%22a%22%7D", 400},
		{"a form that is an array", http.Header{"Content-Type": {form}}, "[" + validBody + "]", 400},
		{"a form with files", http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}, validBody, 400},
		{"no coding", http.Header{"Content-Encoding": {"identity"}}, validBody, 200},
		{"no coding in capitals", http.Header{"Content-Encoding": {"IDENTITY"}}, validBody, 200},
		{"no coding twice", http.Header{"Content-Encoding": {"identity, identity"}}, validBody, 200},
		{"no coding in two headers", http.Header{"Content-Encoding": {"identity", ""}}, validBody, 200},
		{"a coding behind", http.Header{"Content-Encoding": {"identity", "gzip"}}, validBody, 415},
		{"UTF-16 that says so", http.Header{"Content-Type": {"application/json; charset=utf-16"}}, "\xfe\xff\x00{\x00}", 415},
		{"UTF-16 with the high byte first", nil, "\x00{\x00}", 400},
		{"UTF-32", nil, "{\x00\x00\x00}\x00\x00\x00", 400},
		{"a byte order mark", nil, "\xef\xbb\xbf" + validBody, 200},
		{"other bytes in a name that we don't know", nil, "{\"sessionName\":\"a\",\"role\":1,\"M\xf6\":\"\xfc\"}", 200},
		{"other bytes in a value that is replaced", nil, "{\"sessionName\":\"\xfc\",\"role\":1,\"sessionName\":\"a\"}", 200},
		{"half a surrogate pair", nil, `{"sessionName":"\ud800","role":1}`, 200},
		{"text that has the character for what can't be shown", nil, `{"sessionName":"` + "\ufffd" + `","role":1}`, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			if a := send(t, "POST", url, c.header, strings.NewReader(c.body)); a.status != c.status {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}

// TestNamesStayApart: two names in ISO-8859-1 must not become one session.
func TestNamesStayApart(t *testing.T) {
	h, _ := newHandler(t, newSigner(t))
	url := serve(t, h.Public)
	for _, c := range []struct{ name, body, reason string }{
		{"Windows PowerShell", "{\"sessionName\":\"M\xf6ller\",\"role\":1}", "must be UTF-8, got bytes of another encoding"},
		{"Shift_JIS", "{\"sessionName\":\"\x89\xef\x8bc\",\"role\":1}", "must be UTF-8, got bytes of another encoding"},
		{"UTF-32 with a mark", "\xff\xfe\x00\x00{\x00\x00\x00", "must be UTF-8, got UTF-32"},
		{"UTF-32 with the high byte first", "\x00\x00\x00{\x00\x00\x00}", "must be UTF-8, got UTF-32"},
		{"UTF-16 without a mark", "{\x00}\x00", "must be UTF-8, got UTF-16"},
		{"UTF-16 of one character", "\xfe\xff\x00{", "must be UTF-8, got UTF-16"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if a := send(t, "POST", url, nil, strings.NewReader(c.body)); a.status != 400 || !strings.Contains(a.body, c.reason) {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}

// TestBrokenConnection: a client that goes away in the middle of its body is no error of the server.
func TestBrokenConnection(t *testing.T) {
	for name, leave := range map[string]func(*net.TCPConn) error{
		"closed": func(c *net.TCPConn) error { return c.CloseWrite() },
		"reset":  func(c *net.TCPConn) error { return errors.Join(c.SetLinger(0), c.Close()) },
	} {
		t.Run(name, func(t *testing.T) {
			h, log := newHandler(t, newSigner(t))
			server := httptest.NewServer(h.Public)
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n")
			if _, err := io.ReadFull(conn, make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))); err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, `{"sessionName":`)
			if err := leave(conn.(*net.TCPConn)); err != nil {
				t.Fatal(err)
			}
			_, _ = io.ReadAll(conn) // until the server has answered
			server.Close()
			_ = conn.Close()
			if line := log.String(); !strings.Contains(line, `"status_code":400,"outcome":"invalid"`) {
				t.Errorf("log %s", line)
			}
		})
	}
}

// TestServerErrors: what fails inside is told to the log, not to the client.
func TestServerErrors(t *testing.T) {
	real := newSigner(t)
	const failed = `{"errors":[{"property":"server","reason":"failed: try again, or report the answer's X-Request-Id"}]}`
	for _, c := range []struct {
		name, logged string
		sign         func(context.Context, *signer.Grant) (signer.Token, error)
	}{
		{"an error", `"error_message":"sign: no hash today"`, func(context.Context, *signer.Grant) (signer.Token, error) {
			return signer.Token{}, errors.New("no hash today")
		}},
		{"a panic", `"error_message":"panic: at the disco"`, func(context.Context, *signer.Grant) (signer.Token, error) { panic("at the disco") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, log := newHandler(t, fakeSigner{real.Validate, c.sign})
			server := httptest.NewServer(h.Public)
			a := send(t, "POST", server.URL, nil, strings.NewReader(validBody))
			server.Close()
			if a.status != 500 || strings.TrimSpace(a.body) != failed || a.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("got %d %v %s", a.status, a.header, a.body)
			}
			if line := log.String(); !strings.Contains(line, c.logged) || !strings.Contains(line, a.header.Get("X-Request-Id")) || !strings.Contains(line, `"severity":"ERROR"`) {
				t.Errorf("log %s", line)
			}
			if c.name == "a panic" && !strings.Contains(log.String(), "handler_test.go") {
				t.Errorf("no stack in the log: %s", log)
			}
		})
	}
}

// TestConcurrentRequests: memory that is used again never mixes two requests up.
func TestConcurrentRequests(t *testing.T) {
	h, _ := newHandler(t, newSigner(t))
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 500 {
				name := fmt.Sprintf("%d %s %d", worker, strings.Repeat("日", i%90), i)
				recorder := httptest.NewRecorder()
				body := strings.NewReader(fmt.Sprintf(`{"sessionName":%q,"userKey":"%d-%d","role":%d}`, name, worker, i, i%2))
				h.Public.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", body))
				var answer struct{ Signature string }
				claims := jwt.MapClaims{}
				if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
					t.Error(err)
					return
				}
				if _, err := jwt.NewParser(jwt.WithTimeFunc(func() time.Time { return now })).ParseWithClaims(answer.Signature, claims, func(*jwt.Token) (any, error) {
					return []byte(credentials.Secret), nil
				}); err != nil || claims["tpc"] != name || claims["user_key"] != fmt.Sprintf("%d-%d", worker, i) || claims["role_type"] != float64(i%2) {
					t.Errorf("asked for %q, got %v, %v", name, claims, err)
					return
				}
			}
		})
	}
	group.Wait()
}

// TestLostSettings: a token comes with what is not in it because its name is not known. The body is what Zoom's Android
// quickstarts send.
func TestLostSettings(t *testing.T) {
	h, log := newHandler(t, newSigner(t))
	a := send(t, "POST", serve(t, h.Public), nil, strings.NewReader(`{"sessionName":"a","role":1,"userIdentity":"null","sessionkey":"null","geo_regions":"US",`+
		`"cloud_recording_option":1,"cloud_recording_election":"","telemetry_tracking_id":null,"video_webrtc_mode":"null","audio_webrtc_mode":1}`))
	var answer struct {
		Signature string
		Warnings  []struct{ Property, Reason string }
	}
	if err := json.Unmarshal([]byte(a.body), &answer); err != nil || a.status != 200 || a.header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	claims := claimsOf(t, a.body)
	if want := []string{"app_key", "exp", "iat", "role_type", "tpc", "user_identity", "version"}; !slices.Equal(slices.Sorted(maps.Keys(claims)), want) {
		t.Errorf("claims %v, want %v", claims, want)
	}
	var lost []string
	for _, w := range answer.Warnings {
		lost = append(lost, w.Property+" "+w.Reason)
	}
	if want := []string{
		"sessionkey is not known: did you mean sessionKey?", "geo_regions is not known: did you mean geoRegions?",
		"cloud_recording_option is not known: did you mean cloudRecordingOption?", "cloud_recording_election is not known: did you mean cloudRecordingElection?",
		"telemetry_tracking_id is not known: did you mean telemetryTrackingId?", "video_webrtc_mode is not known: did you mean videoWebRtcMode?",
		"audio_webrtc_mode is not known: did you mean audioWebRtcMode?",
	}; !slices.Equal(lost, want) {
		t.Errorf("warnings %q, want %q", lost, want)
	}
	if line := lastLine(t, log); !strings.Contains(fmt.Sprint(line["misnamed"]), "sessionKey geoRegions cloudRecordingOption") {
		t.Errorf("log %v", line)
	}
}

func TestTokensAreNotCached(t *testing.T) {
	h, _ := newHandler(t, newSigner(t))
	if a := send(t, "POST", serve(t, h.Public), nil, strings.NewReader(validBody)); a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("header %v", a.header)
	}
}

func TestCrossOrigin(t *testing.T) {
	preflight := http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"content-type,x-extra"}}
	t.Run("every origin", func(t *testing.T) {
		h, _ := newHandler(t, newSigner(t))
		url := serve(t, h.Public)
		for _, path := range []string{"/", "/elsewhere"} {
			a := send(t, "OPTIONS", url+path, preflight, nil)
			for name, want := range map[string]string{
				"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
				"Access-Control-Allow-Headers": "content-type,x-extra", "Vary": "Access-Control-Request-Headers",
			} {
				if got := a.header.Get(name); got != want || a.status != 204 {
					t.Errorf("%s: %d %s %q, want %q", path, a.status, name, got, want)
				}
			}
		}
		a := send(t, "POST", url, http.Header{"Origin": {"https://app.example"}}, strings.NewReader(validBody))
		if a.header.Get("Access-Control-Expose-Headers") != "X-Request-Id, Retry-After, WWW-Authenticate" {
			t.Errorf("header %v", a.header)
		}
	})
	t.Run("a list", func(t *testing.T) {
		h, _ := newHandler(t, newSigner(t), "CORS_ALLOWED_ORIGINS=https://App.example, http://localhost:3000,https://*.example.com")
		url := serve(t, h.Public)
		for origin, allowed := range map[string]bool{
			"https://app.example": true, "http://localhost:3000": true, "https://a.example.com": true, "https://a.b.example.com": true,
			"http://app.example": false, "https://app.example:8443": false, "https://app.example.evil.example": false, "http://localhost": false,
			"https://example.com": false, "https://.example.com": false, "http://a.example.com": false, "https://evilexample.com": false, "null": false, "": false,
		} {
			want := ""
			if allowed {
				want = origin
			}
			for _, method := range []string{"POST", "OPTIONS"} {
				a := send(t, method, url, http.Header{"Origin": {origin}}, strings.NewReader(validBody))
				if got := a.header.Get("Access-Control-Allow-Origin"); got != want {
					t.Errorf("%s from %q: %q, want %q", method, origin, got, want)
				}
				if !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Origin") {
					t.Errorf("%s from %q: a cache would mix origins up", method, origin)
				}
			}
		}
	})
}

// TestRedirectedPost: where a redirect made a GET of a POST, the app finds errors, although the status is 200.
func TestRedirectedPost(t *testing.T) {
	h, _ := newHandler(t, newSigner(t))
	service := serve(t, h.Public)
	answer, err := http.Post(serve(t, http.RedirectHandler(service, http.StatusMovedPermanently)), "application/json", strings.NewReader(validBody))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var body struct {
		Signature *string
		Errors    []struct{ Property, Reason string }
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || body.Signature != nil || len(body.Errors) != 1 || body.Errors[0].Property != "method" || !strings.Contains(body.Errors[0].Reason, "came as GET") {
		t.Errorf("%s %+v", answer.Status, body)
	}
}

func TestHeadOfMetrics(t *testing.T) {
	c := config(t)
	registry := prometheus.NewRegistry()
	watch := telemetry.NewRequests(telemetry.NewMetrics(registry, telemetry.Build{}), nil, new(telemetry.Log))
	h := handler.New(c, newGuard(t), newSigner(t), watch, telemetry.Handler(registry), new(telemetry.Log))
	a := send(t, "HEAD", serve(t, h.Public)+"/metrics", nil, nil)
	if a.status != 200 || a.body != "" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("%d %v %q", a.status, a.header, a.body)
	}
}

func TestRequestID(t *testing.T) {
	h, _ := newHandler(t, newSigner(t))
	url := serve(t, h.Public)
	for sent, kept := range map[string]bool{
		"0af7651916cd43dd8448eb211c80319c": true, "a-b_c.D": true, "0HLFQK4VQ1V8G:00000001": true, "JKJaXmPLvHcESHA=": true, "host/x+Y-000001": true,
		"Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1": true,
		"": false, "with space": false, "quote\"": false, strings.Repeat("a", 128): true, strings.Repeat("a", 129): false, "é": false,
	} {
		got := send(t, "POST", url, http.Header{"X-Request-Id": {sent}}, strings.NewReader(validBody)).header.Get("X-Request-Id")
		if (got == sent) != kept || len(got) < 7 {
			t.Errorf("sent %q, got %q", sent, got)
		}
	}
}

func TestClientAddress(t *testing.T) {
	for _, c := range []struct{ proxies, forwarded, want string }{
		{"", "203.0.113.9", "127.0.0.1"},
		{"10.0.0.0/8", "203.0.113.9", "127.0.0.1"},
		{"127.0.0.1", "203.0.113.9", "203.0.113.9"},
		{"127.0.0.0/8, 10.0.0.0/8, ::1", "198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"},
	} {
		var variables []string
		if c.proxies != "" {
			variables = []string{"TRUSTED_PROXIES=" + c.proxies}
		}
		t.Run(c.proxies, func(t *testing.T) {
			h, log := newHandler(t, newSigner(t), variables...)
			server := httptest.NewServer(h.Public)
			send(t, "POST", server.URL, http.Header{"X-Forwarded-For": {c.forwarded}}, strings.NewReader(validBody))
			server.Close()
			if !strings.Contains(log.String(), fmt.Sprintf(`"client_address":%q`, c.want)) {
				t.Errorf("want client %s: %s", c.want, log)
			}
		})
	}
}

func TestLongPathsAreCutInTheLog(t *testing.T) {
	h, log := newHandler(t, newSigner(t))
	server := httptest.NewServer(h.Public)
	send(t, "POST", server.URL+"/"+strings.Repeat("x", 20000), nil, nil)
	server.Close()
	if log.Len() > 1000 {
		t.Errorf("a line of %d bytes", log.Len())
	}
}

func TestHealthWhileDraining(t *testing.T) {
	s := newSigner(t)
	h, _ := newHandler(t, s, "PORT=0", "ADMIN_PORT=0", "SHUTDOWN_DELAY=1h")
	server, err := h.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	signals, ended := make(chan os.Signal, 2), make(chan error, 1)
	go func() { ended <- server.Run(t.Context(), signals) }()
	local := func(a net.Addr) string { return fmt.Sprintf("http://127.0.0.1:%d", a.(*net.TCPAddr).Port) }
	public, admin := local(server.Addr()), local(server.AdminAddr())

	a := send(t, "GET", admin+"/readyz", nil, nil)
	if a.status != 200 || strings.TrimSpace(a.body) != `{"status":"ok"}` {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	if a := send(t, "HEAD", admin+"/readyz", nil, nil); a.status != 200 {
		t.Errorf("HEAD: %d", a.status)
	}
	signals <- os.Kill // any signal but SIGINT
	for a.status == 200 {
		a = send(t, "GET", admin+"/readyz", nil, nil)
	}
	if want := `{"errors":[{"property":"server","reason":"is shutting down"}]}`; a.status != 503 || strings.TrimSpace(a.body) != want {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := send(t, "POST", public, nil, strings.NewReader(validBody)); a.status != 200 || !a.close {
		t.Errorf("while draining: %d, connection closed: %t", a.status, a.close)
	}
	signals <- os.Kill // the same again within a second, as some tools send it
	if a := send(t, "GET", admin+"/livez", nil, nil); a.status != 200 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	signals <- os.Interrupt
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "second signal") {
		t.Errorf("got %v", err)
	}
}

// TestTheContextEndsTheServer: the delay is for load balancers, and whoever ends the context does not wait for them.
func TestTheContextEndsTheServer(t *testing.T) {
	h, _ := newHandler(t, newSigner(t), "PORT=0", "SHUTDOWN_DELAY=1h")
	server, err := h.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, nil) }()
	url := fmt.Sprintf("http://127.0.0.1:%d", server.Addr().(*net.TCPAddr).Port)
	if a := send(t, "GET", url+"/readyz", nil, nil); a.status != 200 {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("got %v", err)
	}
}

func TestPortInUse(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	h, _ := newHandler(t, newSigner(t), "PORT=0", fmt.Sprintf("ADMIN_PORT=%d", taken.Addr().(*net.TCPAddr).Port))
	if _, err := h.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "ADMIN_PORT: listen tcp") {
		t.Errorf("got %v", err)
	}
}

// BenchmarkDecode sets decoding and validating the README's request beside what encoding/json takes to decode it alone.
func BenchmarkDecode(b *testing.B) {
	body := []byte(readme)
	b.Run("json.Unmarshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var plain struct {
				SessionName  string `json:"sessionName"`
				Role         int    `json:"role"`
				SessionKey   string `json:"sessionKey"`
				UserIdentity string `json:"userIdentity"`
			}
			if err := json.Unmarshal(body, &plain); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode and validate", func(b *testing.B) {
		// the request and the buffer are used again, as the route does
		s, request, buffer := newSigner(b), new(signer.Request), new(bytes.Buffer)
		b.ReportAllocs()
		for b.Loop() {
			*request = signer.Request{}
			buffer.Reset()
			buffer.Write(body)
			if _, err := handler.Decode(buffer, request); err != nil {
				b.Fatal(err)
			}
			if _, err := s.Validate(b.Context(), request); err != nil {
				b.Fatal(err)
			}
		}
	})
}
