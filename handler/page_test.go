package handler_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"videosdk-auth-endpoint/signer"
)

// TestAbout: whoever opens the endpoint in a browser, or has a health check ask it, learns what it is.
func TestAbout(t *testing.T) {
	for _, tokenPath := range []string{"/", "/token"} {
		t.Run(tokenPath, func(t *testing.T) {
			h, _ := newHandler(t, newSigner(t), "TOKEN_PATH="+tokenPath, "ADMIN_PORT=0", "AUTH_API_KEYS_FILE="+keysFile(t))
			url := serve(t, h.Public)
			for _, path := range []string{"/", tokenPath} {
				a := send(t, "GET", url+path, nil, nil)
				var about struct {
					Request struct {
						Method, Path string
						Body         json.RawMessage
					}
					OpenAPI       string
					Documentation string
				}
				if err := json.Unmarshal([]byte(a.body), &about); err != nil || a.status != 200 {
					t.Fatalf("%d %s", a.status, a.body)
				}
				if r := about.Request; r.Method != http.MethodPost || r.Path != tokenPath || about.OpenAPI != "/openapi.json" || about.Documentation == "" {
					t.Errorf("%s", a.body)
				}
				if a := send(t, "POST", url+about.Request.Path, bearer("backend-key"), strings.NewReader(string(about.Request.Body))); a.status != 200 {
					t.Errorf("what it says to send is answered %d %s", a.status, a.body)
				}
				if a := send(t, "HEAD", url+path, nil, nil); a.status != 200 || a.body != "" {
					t.Errorf("HEAD %d %s", a.status, a.body)
				}
			}
			if a := send(t, "GET", serve(t, h.Admin)+"/", nil, nil); a.status != 404 {
				t.Errorf("the port of health and metrics: %d", a.status)
			}
		})
	}
}

func TestPagesAreFetchedOnce(t *testing.T) {
	h, _ := newHandler(t, newSigner(t))
	url := serve(t, h.Public)
	for _, path := range []string{"/", "/openapi.json"} {
		a := send(t, "GET", url+path, nil, nil)
		tag := a.header.Get("ETag")
		if a.status != 200 || len(tag) < 10 || a.header.Get("Cache-Control") != "no-cache" || a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v", path, a.status, a.header)
		}
		for sent, status := range map[string]int{tag: 304, "W/" + tag: 304, `"another", ` + tag: 304, `"another"`: 200} {
			if a := send(t, "GET", url+path, http.Header{"If-None-Match": {sent}}, nil); a.status != status || a.header.Get("ETag") != tag {
				t.Errorf("%s with %s: %d", path, sent, a.status)
			}
		}
	}
}

// TestPlayground: the page is there when it is asked for, loads nothing from elsewhere, and leaves the token route alone.
func TestPlayground(t *testing.T) {
	files := []string{"/playground/app.js", "/playground/style.css", "/playground/icon.svg"}
	t.Run("off", func(t *testing.T) {
		h, _ := newHandler(t, newSigner(t))
		url := serve(t, h.Public)
		for _, path := range files {
			if a := send(t, "GET", url+path, nil, nil); a.status != 404 {
				t.Errorf("%s: %d", path, a.status)
			}
		}
	})
	for _, tokenPath := range []string{"/", "/token"} {
		t.Run("on, tokens at "+tokenPath, func(t *testing.T) {
			h, _ := newHandler(t, newSigner(t), "PLAYGROUND=true", "TOKEN_PATH="+tokenPath, "ADMIN_PORT=0")
			url := serve(t, h.Public)
			page := send(t, "GET", url, nil, nil)
			if page.status != 200 || page.header.Get("Content-Type") != "text/html; charset=utf-8" {
				t.Errorf("%d %v", page.status, page.header)
			}
			for _, path := range append(files, "/") {
				a := send(t, "GET", url+path, nil, nil)
				if policy := a.header.Get("Content-Security-Policy"); a.status != 200 || !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") {
					t.Errorf("%s: %d %s", path, a.status, policy)
				}
				if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Referrer-Policy") != "no-referrer" {
					t.Errorf("%s: %v", path, a.header)
				}
				if path != "/" && !strings.Contains(page.body, `"`+path[1:]+`"`) {
					t.Errorf("the page does not load %s", path)
				}
				if a := send(t, "GET", url+path, http.Header{"If-None-Match": {a.header.Get("ETag")}}, nil); a.status != 304 {
					t.Errorf("%s again: %d", path, a.status)
				}
			}
			if a := send(t, "POST", url+tokenPath, nil, strings.NewReader(validBody)); a.status != 200 {
				t.Errorf("a token: %d", a.status)
			}
			if a := send(t, "GET", serve(t, h.Admin)+files[0], nil, nil); a.status != 404 {
				t.Errorf("the port of health and metrics: %d", a.status)
			}
		})
	}
}

// description is what the tests read of /openapi.json.
type description struct {
	Paths map[string]map[string]struct {
		Responses map[string]struct {
			Headers map[string]any
		}
		Security []map[string][]string
	}
	Components struct {
		Schemas struct {
			TokenRequest struct {
				Properties json.RawMessage
				Required   []string
			}
		}
		SecuritySchemes map[string]any
	}
}

func describe(t *testing.T, url string) description {
	t.Helper()
	a := send(t, "GET", url+"/openapi.json", nil, nil)
	var d description
	if err := json.Unmarshal([]byte(a.body), &d); err != nil {
		t.Fatalf("%d %v", a.status, err)
	}
	if len(a.body) > 16<<10 {
		t.Errorf("%d bytes", len(a.body))
	}
	return d
}

// TestDescriptionOfProperties: all of them, in their order, with the limits that this service sets.
func TestDescriptionOfProperties(t *testing.T) {
	s := signer.New(signer.Config{DefaultTTL: time.Hour, MaxTTL: 90 * time.Minute}, credentials, time.Now)
	h, _ := newHandler(t, s)
	request := describe(t, serve(t, h.Public)).Components.Schemas.TokenRequest
	d := json.NewDecoder(strings.NewReader(string(request.Properties)))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	var required []string
	for _, p := range s.Properties() {
		name, err := d.Token()
		var schema struct {
			Title, Description string
			AnyOf              []struct{ Minimum, Maximum int }
		}
		if err := d.Decode(&schema); err != nil {
			t.Fatal(err)
		}
		if err != nil || name != p.Name || schema.Title != p.Expects() || !strings.HasPrefix(schema.Description, p.Description) {
			t.Errorf("%v: %+v, want %+v", name, schema, p)
		}
		if p.Required {
			required = append(required, p.Name)
		}
		if p.Name == "expirationSeconds" && (schema.AnyOf[0].Minimum != 1800 || schema.AnyOf[0].Maximum != 5400 || !strings.Contains(schema.Description, "3600")) {
			t.Errorf("%+v", schema)
		}
	}
	if d.More() || !slices.Equal(request.Required, required) {
		t.Errorf("required %v, more %t", request.Required, d.More())
	}
}

// TestDescriptionOfIdentity: who reads it learns that what they send there does not count.
func TestDescriptionOfIdentity(t *testing.T) {
	for _, property := range []string{"", "userIdentity", "userKey"} { // the other one gets the same name, where it is sent
		t.Run(property, func(t *testing.T) {
			variables := []string{"AUTH_PROXY_HEADER=X-User", "TRUSTED_PROXIES=10.0.0.1"}
			if property != "" {
				variables = append(variables, "AUTH_IDENTITY_CLAIM=sub", "AUTH_IDENTITY_PROPERTY="+property)
			}
			h, _ := newHandler(t, newSigner(t), variables...)
			var schemas map[string]struct{ Description string }
			if err := json.Unmarshal(describe(t, serve(t, h.Public)).Components.Schemas.TokenRequest.Properties, &schemas); err != nil {
				t.Fatal(err)
			}
			for name, schema := range schemas {
				if strings.Contains(schema.Description, "user's own name takes its place") != (property != "" && (name == "userIdentity" || name == "userKey")) {
					t.Errorf("%s: %s", name, schema.Description)
				}
			}
		})
	}
}

// TestDescriptionOfAnswers: what this service can answer, and what callers must send.
func TestDescriptionOfAnswers(t *testing.T) {
	const users = "AUTH_ISSUER=https://id.example.com AUTH_AUDIENCE=app"
	for _, c := range []struct{ name, variables, statuses, security string }{
		{"open", "", "200 400 408 413 415 500 default", ""},
		{"open, with a policy and a limit", "AUTH_POLICY=true RATE_LIMIT=1", "200 400 403 408 413 415 429 500 default", ""},
		{"API keys", "AUTH_API_KEYS_FILE=" + keysFile(t), "200 400 401 408 413 415 500 default", "backend"},
		{"users", users, "200 400 401 408 413 415 500 503 default", "user"},
		{"users by their own names", users + " AUTH_IDENTITY_CLAIM=sub", "200 400 401 403 408 413 415 500 503 default", "user"},
		{"both", users + " AUTH_API_KEYS_FILE=" + keysFile(t), "200 400 401 408 413 415 500 503 default", "user backend"},
		{"a proxy", "AUTH_PROXY_HEADER=X-User TRUSTED_PROXIES=10.0.0.1", "200 400 401 403 408 413 415 500 default", ""},
		{"a proxy beside API keys", "AUTH_PROXY_HEADER=X-User TRUSTED_PROXIES=10.0.0.1 AUTH_API_KEYS_FILE=" + keysFile(t), "200 400 401 403 408 413 415 500 default", "backend or nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, _ := newHandler(t, newSigner(t), append([]string{"TOKEN_PATH=/token"}, strings.Fields(c.variables)...)...)
			d := describe(t, serve(t, h.Public))
			if d.Paths["/"]["get"].Responses == nil || d.Paths["/openapi.json"]["get"].Responses == nil {
				t.Errorf("paths %v", d.Paths)
			}
			post := d.Paths["/token"]["post"]
			var statuses, security []string
			for status, response := range post.Responses {
				statuses = append(statuses, status)
				for name, on := range map[string]bool{"WWW-Authenticate": status == "401", "Retry-After": status == "429" || status == "503"} {
					if _, ok := response.Headers[name]; ok != on {
						t.Errorf("%s of %s: %t", name, status, ok)
					}
				}
			}
			slices.Sort(statuses)
			for _, alternative := range post.Security {
				if len(alternative) == 0 {
					security = append(security, "or nothing")
				}
				for scheme := range alternative {
					security = append(security, scheme)
					if d.Components.SecuritySchemes[scheme] == nil {
						t.Errorf("no scheme %s", scheme)
					}
				}
			}
			if got := strings.Join(statuses, " "); got != c.statuses {
				t.Errorf("statuses %s, want %s", got, c.statuses)
			}
			if got := strings.Join(security, " "); got != c.security {
				t.Errorf("security %q, want %q", got, c.security)
			}
		})
	}
}
