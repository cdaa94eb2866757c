// Package api_test holds the description of the API to what the service's binary does, and the binary to its description.
package api_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"videosdk-auth-endpoint/internal/servicetest"
)

// service is the running binary, with the description that it gives of itself.
type service struct {
	*servicetest.Service
	description []byte
	schemas     *jsonschema.Compiler // knows the description as openapi.json
}

func start(t *testing.T, env ...string) *service {
	t.Helper()
	env = append([]string{"PORT=0", "ZOOM_VIDEO_SDK_KEY=key", "ZOOM_VIDEO_SDK_SECRET=a-secret-of-at-least-32-characters", "LOG_FORMAT=json"}, env...)
	s := &service{Service: servicetest.Start(t, env...), schemas: jsonschema.NewCompiler()}
	s.description = s.send(t, http.MethodGet, "/openapi.json", nil, nil).body
	s.schemas.DefaultDraft(jsonschema.Draft2020) // that of OpenAPI 3.1
	s.schemas.UseRegexpEngine(compile)
	if err := s.schemas.AddResource("openapi.json", decode(t, s.description)); err != nil {
		t.Fatal(err)
	}
	return s
}

// decode keeps the digits of numbers, as JSON Schema wants them.
func decode(t *testing.T, text []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

// schema compiles the schema in a place of the description.
func (s *service) schema(t *testing.T, place ...string) *jsonschema.Schema {
	t.Helper()
	for i, key := range place {
		place[i] = url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(key))
	}
	compiled, err := s.schemas.Compile("openapi.json#/" + strings.Join(place, "/"))
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

type answer struct {
	request *http.Request
	status  int
	header  http.Header
	body    []byte
}

func (s *service) send(t *testing.T, method, path string, header http.Header, body io.Reader) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header.Clone()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{request, response.StatusCode, response.Header, content}
}

func (s *service) post(t *testing.T, body string) answer {
	t.Helper()
	return s.send(t, http.MethodPost, "/", http.Header{"Content-Type": {"application/json"}}, strings.NewReader(body))
}

// conforms fails the test if the answer is another one than the description has for its request.
func (s *service) conforms(t *testing.T, a answer) {
	t.Helper()
	if err := s.mismatch(t, a); err != nil {
		t.Errorf("%s %s: %d %s: %v", a.request.Method, a.request.URL.Path, a.status, a.body, err)
	}
}

func (s *service) mismatch(t *testing.T, a answer) error {
	t.Helper()
	var description struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Headers map[string]any
				Content map[string]struct{ Schema any }
			}
		}
	}
	if err := json.Unmarshal(s.description, &description); err != nil {
		t.Fatal(err)
	}
	path, method, status := cmp.Or(a.request.URL.Path, "/"), strings.ToLower(a.request.Method), strconv.Itoa(a.status)
	responses := description.Paths[path][method].Responses
	if _, ok := responses[status]; !ok {
		status = "default"
	}
	response, ok := responses[status]
	if !ok {
		return errors.New("the status is not described")
	}
	for name := range response.Headers {
		if a.header.Get(name) == "" {
			return fmt.Errorf("it has no %s", name)
		}
	}
	kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	content, ok := response.Content[kind]
	switch {
	case len(response.Content) == 0 && len(a.body) == 0:
		return nil
	case !ok:
		return fmt.Errorf("the type %q is not described", kind)
	case content.Schema == nil: // the page itself
		return nil
	}
	return s.schema(t, "paths", path, method, "responses", status, "content", kind, "schema").Validate(decode(t, a.body))
}

// faults are the properties that an error answer names.
func (a answer) faults(t *testing.T) []string {
	t.Helper()
	var body struct{ Errors []struct{ Property string } }
	if err := json.Unmarshal(a.body, &body); err != nil {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var names []string
	for _, e := range body.Errors {
		names = append(names, e.Property)
	}
	return names
}
