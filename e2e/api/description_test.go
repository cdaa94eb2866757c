package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi/datamodel" // for OpenAPI's schema; its validator takes minutes to compile
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const apiKey = "vsk_key"

func keysFile(t *testing.T) string {
	t.Helper()
	hash := sha256.Sum256([]byte(apiKey))
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("backend "+hex.EncodeToString(hash[:])), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTheDescriptionIsOpenAPI31(t *testing.T) {
	official := jsonschema.NewCompiler()
	if err := official.AddResource("openapi31.json", decode(t, []byte(datamodel.OpenAPI31SchemaData))); err != nil {
		t.Fatal(err)
	}
	openAPI, err := official.Compile("openapi31.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, env := range map[string][]string{
		"open":                  nil,
		"another path":          {"TOKEN_PATH=/token"},
		"users, keys, a limit":  {"AUTH_ISSUER=https://id.example.com", "AUTH_AUDIENCE=app", "AUTH_API_KEYS_FILE=" + keysFile(t), "AUTH_POLICY=request.role == 0", "RATE_LIMIT=1"},
		"keys beside a proxy":   {"AUTH_API_KEYS_FILE=" + keysFile(t), "AUTH_PROXY_HEADER=X-User", "TRUSTED_PROXIES=10.0.0.1"},
		"a lifetime of our own": {"TOKEN_MAX_TTL=45m", "TOKEN_DEFAULT_TTL=31m"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, env...)
			if err := openAPI.Validate(decode(t, s.description)); err != nil {
				t.Errorf("%#v", err)
			}
			// OpenAPI's schema leaves schemas to JSON Schema
			var described struct {
				OpenAPI    string
				Components struct{ Schemas map[string]any }
			}
			if err := json.Unmarshal(s.description, &described); err != nil {
				t.Fatal(err)
			}
			if described.OpenAPI != "3.1.0" {
				t.Errorf("version %s", described.OpenAPI)
			}
			for name := range described.Components.Schemas {
				s.schema(t, "components", "schemas", name)
			}
			t.Logf("%d bytes", len(s.description))
		})
	}
}

// TestExamplesAreReal: the example request gets a token, and each example of an error is what the service answers, word
// for word.
func TestExamplesAreReal(t *testing.T) {
	s := start(t, "AUTH_API_KEYS_FILE="+keysFile(t), "AUTH_POLICY=request.role == 1", "RATE_LIMIT=0.001", "RATE_LIMIT_BURST=7", "BODY_LIMIT=1kB")
	var description struct {
		Paths map[string]struct {
			Post struct {
				RequestBody struct {
					Content map[string]struct {
						Examples map[string]struct{ Value json.RawMessage }
					}
				}
				Responses map[string]struct {
					Content map[string]struct {
						Examples map[string]struct{ Value json.RawMessage }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(s.description, &description); err != nil {
		t.Fatal(err)
	}
	post := description.Paths["/"].Post
	request := string(post.RequestBody.Content["application/json"].Examples["host"].Value)
	known := func(more ...string) http.Header {
		header := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + apiKey}}
		for i := 0; i < len(more); i += 2 {
			header.Set(more[i], more[i+1])
		}
		return header
	}
	seen := map[string]bool{}
	for _, c := range []struct {
		status, name string
		header       http.Header
		body         string
	}{
		{"400", "role", known(), `{}`},
		{"400", "body", known(), `1`},
		{"401", "Authorization", nil, request},
		{"403", "policy", known(), strings.Replace(request, `"role":1`, `"role":0`, 1)},
		{"413", "body", known(), strings.Repeat(" ", 1001)},
		{"415", "Content-Type", known("Content-Type", "application/json; charset=latin1"), request},
		{"415", "Content-Encoding", known("Content-Encoding", "gzip"), request},
		{"200", "token", known(), request},
		{"429", "requests", known(), request},
	} {
		a := s.send(t, http.MethodPost, "/", c.header, strings.NewReader(c.body))
		s.conforms(t, a)
		seen[c.status] = true
		if c.status == "200" {
			if a.status != 200 {
				t.Errorf("the example request is answered %d %s", a.status, a.body)
			}
			continue
		}
		got := strings.TrimSpace(string(a.body))
		want := string(post.Responses[c.status].Content["application/json"].Examples[c.name].Value)
		if c.status == "429" { // the burst is used up, and the wait is what the limit makes of it
			got, _, _ = strings.Cut(got, ": try again")
			want, _, _ = strings.Cut(want, ": try again")
		}
		if got != want {
			t.Errorf("%s %s\ngot  %s\nwant %s", c.status, c.name, got, want)
		}
	}
	// 408 takes 10 s, 500 takes a mistake of ours
	for _, status := range slices.Sorted(maps.Keys(post.Responses)) {
		if !seen[status] && !slices.Contains([]string{"408", "500", "default"}, status) {
			t.Errorf("%s was not answered", status)
		}
	}
}

// TestWhatIsNotDescribedIsFound: the check that the other tests rely on can fail.
func TestWhatIsNotDescribedIsFound(t *testing.T) {
	s := start(t)
	real := s.post(t, `{"sessionName":"a","role":1}`)
	s.conforms(t, real)
	for name, change := range map[string]func(*answer){
		"another path":              func(a *answer) { a.request.URL.Path = "/elsewhere" },
		"another method":            func(a *answer) { a.request.Method = http.MethodPatch },
		"a status that has errors":  func(a *answer) { a.status = http.StatusBadRequest },
		"no request id":             func(a *answer) { a.header.Del("X-Request-Id") },
		"another type":              func(a *answer) { a.header.Set("Content-Type", "text/html") },
		"a body without its member": func(a *answer) { a.body = []byte(`{"token":"a"}`) },
		"a body that is a list":     func(a *answer) { a.body = []byte(`[]`) },
		"no body":                   func(a *answer) { a.body = []byte(`null`) },
	} {
		t.Run(name, func(t *testing.T) {
			changed := answer{real.request.Clone(t.Context()), real.status, real.header.Clone(), real.body}
			change(&changed)
			if s.mismatch(t, changed) == nil {
				t.Error("not found")
			}
		})
	}
}

// TestOtherAnswersAreDescribed: those of other methods and the pages.
func TestOtherAnswersAreDescribed(t *testing.T) {
	s := start(t, "TOKEN_PATH=/token")
	for _, path := range []string{"/", "/token", "/openapi.json"} {
		a := s.send(t, http.MethodGet, path, nil, nil)
		s.conforms(t, a)
		if a.status != 200 || !json.Valid(a.body) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		a = s.send(t, http.MethodGet, path, http.Header{"If-None-Match": {a.header.Get("ETag")}}, nil)
		s.conforms(t, a)
		if a.status != 304 {
			t.Errorf("%s again: %d", path, a.status)
		}
	}
}
