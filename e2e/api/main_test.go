// Package api_test holds the description of the API to what the service's binary does, and the binary to its description.
package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"

	"videosdk-auth-endpoint/internal/servicetest"
)

// service is the running binary, with the description that it gives of itself.
type service struct {
	*servicetest.Service
	description []byte
	document    libopenapi.Document
	validator   validator.Validator
}

func start(t *testing.T, env ...string) *service {
	t.Helper()
	env = append([]string{"PORT=0", "ZOOM_VIDEO_SDK_KEY=key", "ZOOM_VIDEO_SDK_SECRET=a-secret-of-at-least-32-characters", "LOG_FORMAT=json"}, env...)
	s := &service{Service: servicetest.Start(t, env...)}
	s.description = s.send(t, http.MethodGet, "/openapi.json", nil, nil).body
	var err error
	if s.document, err = libopenapi.NewDocument(s.description); err != nil {
		t.Fatal(err)
	}
	var errs []error
	if s.validator, errs = validator.NewValidator(s.document); errs != nil {
		t.Fatal(errs)
	}
	return s
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
	response := &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)), Request: a.request}
	if ok, errs := s.validator.ValidateHttpResponse(a.request, response); !ok {
		for _, err := range errs {
			t.Errorf("%s %s: %d %s: %s: %s", a.request.Method, a.request.URL.Path, a.status, a.body, err.Message, err.Reason)
		}
	}
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
