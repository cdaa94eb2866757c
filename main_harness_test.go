package main_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"videosdk-auth-endpoint/internal/servicetest"
)

const (
	testKey    = "test-key"
	testSecret = "test-secret-that-is-long-enough"
)

func credentials(more ...string) []string {
	return append([]string{"PORT=0", "ZOOM_VIDEO_SDK_KEY=" + testKey, "ZOOM_VIDEO_SDK_SECRET=" + testSecret}, more...)
}

// start runs the service until the test ends, and returns once it listens.
func start(t *testing.T, env []string) *servicetest.Service {
	t.Helper()
	return servicetest.Start(t, env...)
}

// command is the binary in an empty directory, with nothing but env in its environment.
func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	return servicetest.Command(t, env, args...)
}

// run returns what a command that ends by itself printed, and its exit code.
func run(t *testing.T, cmd *exec.Cmd) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	// the service, whose log is JSON here, ends with one line of JSON
	var line struct {
		Text string `json:"error_message"`
	}
	if json.Unmarshal(errs.Bytes(), &line) == nil {
		return out.String(), "videosdk-auth-endpoint: " + line.Text + "\n", cmd.ProcessState.ExitCode()
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func send(t *testing.T, method, url string, header map[string]string, body string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, content}
}

func post(t *testing.T, url, body string) answer {
	t.Helper()
	return send(t, http.MethodPost, url, map[string]string{"Content-Type": "application/json"}, body)
}

// property is one member of a JSON object, in its place.
type property struct {
	name  string
	value any
}

func properties(t *testing.T, object []byte) []property {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	var list []property
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		list = append(list, property{name.(string), value})
	}
	return list
}

// verify checks the token's signature with golang-jwt and returns its header and claims in their order.
func verify(t *testing.T, a answer) (header, claims []property) {
	t.Helper()
	var body struct {
		Signature string `json:"signature"`
	}
	if err := json.Unmarshal(a.body, &body); err != nil || a.status != http.StatusOK {
		t.Fatalf("no token: %d %s", a.status, a.body)
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuedAt(), jwt.WithExpirationRequired())
	token, err := parser.Parse(body.Signature, func(*jwt.Token) (any, error) { return []byte(testSecret), nil })
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(token.Raw, ".")
	for i, list := range []*[]property{&header, &claims} {
		segment, err := parser.DecodeSegment(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		*list = properties(t, segment)
	}
	return header, claims
}

// faults returns the properties that an error answer names, and fails if it has another shape.
func faults(t *testing.T, a answer) []string {
	t.Helper()
	var body struct {
		Errors []struct{ Property, Reason string }
	}
	if err := json.Unmarshal(a.body, &body); err != nil || len(body.Errors) == 0 {
		t.Fatalf("not the shape of an error: %s", a.body)
	}
	if !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		t.Errorf("Content-Type %q", a.header.Get("Content-Type"))
	}
	var names []string
	for _, e := range body.Errors {
		if e.Property == "" || e.Reason == "" {
			t.Errorf("an error with nothing in it: %s", a.body)
		}
		names = append(names, e.Property)
	}
	return names
}
