package handler_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"videosdk-auth-endpoint/handler"
	"videosdk-auth-endpoint/telemetry"

	"github.com/prometheus/client_golang/prometheus"
)

// TestOriginsAsBrowsersWriteThem: an origin that is configured in another spelling allows the page that it means.
func TestOriginsAsBrowsersWriteThem(t *testing.T) {
	for configured, browser := range map[string]string{
		"https://app.example.com:443":         "https://app.example.com",
		"http://localhost:80":                 "http://localhost",
		"https://app.example.com:80":          "https://app.example.com:80",
		"http://localhost:03000":              "http://localhost:3000",
		"https://app.example.com:":            "https://app.example.com",
		"HTTPS://App.Example.Com":             "https://app.example.com",
		"https://münchen.example":             "https://xn--mnchen-3ya.example",
		"https://MÜNCHEN.example:8443":        "https://xn--mnchen-3ya.example:8443",
		"https://*.münchen.example:443":       "https://app.xn--mnchen-3ya.example",
		"https://*.example.com:8443":          "https://app.example.com:8443",
		"https://straße.example":              "https://xn--strae-oqa.example",
		"http://my_app.local:3000":            "http://my_app.local:3000",
		"http://[0:0:0:0:0:0:0:1]:3000":       "http://[::1]:3000",
		"http://[2001:DB8::1]:80":             "http://[2001:db8::1]",
		"http://127.0.0.1:5173":               "http://127.0.0.1:5173",
		"capacitor://localhost":               "capacitor://localhost",
		"chrome-extension://abcdefghijklmnop": "chrome-extension://abcdefghijklmnop",
	} {
		t.Run(configured, func(t *testing.T) {
			h, _ := newHandler(t, newSigner(t), "CORS_ALLOWED_ORIGINS="+configured)
			recorder := httptest.NewRecorder()
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(validBody))
			request.Header.Set("Origin", browser)
			h.Public.ServeHTTP(recorder, request)
			if got := recorder.Header().Get("Access-Control-Allow-Origin"); got != browser {
				t.Errorf("%q is allowed, want %q", got, browser)
			}
		})
	}
}

// TestOriginsThatNeverMatch are refused, with what to write instead.
func TestOriginsThatNeverMatch(t *testing.T) {
	for text, want := range map[string]string{
		"http://localhost:*":            "list each origin with its port, such as http://localhost:3000",
		"https://*.example.com:*":       "list each origin with its port",
		"null":                          "serve it from http://localhost:3000 and list that",
		"file://":                       "serve it from http://localhost:3000 and list that",
		"file:///android_asset":         "serve it from http://localhost:3000 and list that",
		"app.example.com":               "want * or origins",
		"https://":                      "want * or origins",
		"https://app.example.com/":      "want * or origins",
		"https://app.example.com/login": "want * or origins",
		"https://user@app.example.com":  "want * or origins",
		"https://app.example.com:0":     "want * or origins",
		"https://app.example.com:99999": "want * or origins",
		"wss://app.example.com":         "want * or origins",
		"http://127.1":                  "want * or origins",
		"http://0x7f.0.0.1":             "want * or origins",
		"http://256.0.0.1":              "want * or origins",
		"http://[::1%eth0]":             "want * or origins",
		"http://[nonsense]":             "want * or origins",
		"https://a b.example":           "want * or origins",
		"https://%61pp.example":         "want * or origins",
		"https://xn--0.example":         "want * or origins",
		"https://app.*.example":         "in front of its domain",
		"https://app*.example":          "in front of its domain",
		"https://*.127.0.0.1":           "in front of its domain",
		"*, https://app.example.com":    "not both",
	} {
		t.Run(text, func(t *testing.T) {
			if err := new(handler.Origins).Decode(text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

// TestForbiddenOriginsAreSeen: whoever runs the service finds the origin of a page that is blocked, and how often.
func TestForbiddenOriginsAreSeen(t *testing.T) {
	const forbidden = "https://evil.example"
	for _, c := range []struct {
		name, method string
		header       http.Header
		status       int
		logged       string
	}{
		{"a preflight", "OPTIONS", http.Header{"Origin": {forbidden}, "Access-Control-Request-Method": {"POST"}}, 403, forbidden},
		{"a request without one", "POST", http.Header{"Origin": {forbidden}, "Content-Type": {"text/plain"}}, 200, forbidden},
		{"an origin that is very long", "OPTIONS", http.Header{"Origin": {"https://" + strings.Repeat("a", 5000)}}, 403, "https://" + strings.Repeat("a", 92) + "…"},
		{"a frame in a sandbox", "OPTIONS", http.Header{"Origin": {"null"}}, 403, "null"},
		{"a preflight of an allowed page", "OPTIONS", http.Header{"Origin": {"https://app.example.com"}}, 204, ""},
		{"a request of an allowed page", "POST", http.Header{"Origin": {"https://app.example.com"}}, 200, ""},
		{"the page that the service has itself", "POST", http.Header{"Origin": {"http://tokens.example"}}, 200, ""},
		{"the same behind a proxy that changes Host", "POST", http.Header{"Origin": {"https://public.example"}, "Sec-Fetch-Site": {"same-origin"}}, 200, ""},
		{"no page", "OPTIONS", nil, 204, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("CORS_ALLOWED_ORIGINS", "https://app.example.com")
			var log strings.Builder
			registry := prometheus.NewRegistry()
			logger := telemetry.NewLog(telemetry.Config{LogFormat: "json"}, &log, nil)
			watch := telemetry.NewRequests(telemetry.NewMetrics(registry, telemetry.Build{}), nil, logger)
			h := handler.New(config(t), newGuard(t), newSigner(t), watch, http.NotFoundHandler(), logger)
			request := httptest.NewRequestWithContext(t.Context(), c.method, "http://tokens.example/", strings.NewReader(validBody))
			request.Header = c.header
			recorder := httptest.NewRecorder()
			h.Public.ServeHTTP(recorder, request)
			if recorder.Code != c.status {
				t.Errorf("%d %s", recorder.Code, recorder.Body)
			}
			counted := "\nvideosdk_forbidden_origin_requests_total 0\n"
			if c.logged != "" {
				counted = "\nvideosdk_forbidden_origin_requests_total 1\n"
			}
			page := httptest.NewRecorder()
			telemetry.Handler(registry).ServeHTTP(page, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
			if !strings.Contains(page.Body.String(), counted) {
				t.Errorf("want %s", counted)
			}
			if c.logged == "" && strings.Contains(log.String(), `"origin"`) || !strings.Contains(log.String(), c.logged) {
				t.Errorf("log %s", &log)
			}
			if c.status == 403 && (!strings.Contains(log.String(), `"outcome":"refused"`) || !strings.Contains(recorder.Body.String(), `"property":"Origin"`)) {
				t.Errorf("log %s, answer %s", &log, recorder.Body)
			}
		})
	}
}
