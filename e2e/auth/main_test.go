// Package auth_test proves who gets tokens, by the service's binary between a real OpenID provider, zitadel's, where people
// sign in by its form, and a proxy that signs people in.
package auth_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"videosdk-auth-endpoint/internal/servicetest"
)

// The credentials of the service; the secrets that no test may find in its output.
const (
	sdkKey    = "hidden-sdk-key"
	sdkSecret = "hidden-sdk-secret-of-at-least-32-bytes"
)

// service is the service under test.
type service struct{ *servicetest.Service }

// startService starts the service. When the test ends, no secret may stand in its log or its metrics.
func startService(t *testing.T, env ...string) *service {
	t.Helper()
	env = append([]string{
		"PORT=0", "ADMIN_PORT=0", "SHUTDOWN_DELAY=0s", "LOG_LEVEL=debug",
		"ZOOM_VIDEO_SDK_KEY=" + sdkKey, "ZOOM_VIDEO_SDK_SECRET=" + sdkSecret,
	}, env...)
	s := &service{servicetest.Start(t, env...)}
	t.Cleanup(func() {
		metrics := ask(context.WithoutCancel(t.Context()), t, s.Admin+"/metrics")
		s.Kill()
		for what, text := range map[string]string{"log": s.Output(), "metrics": metrics.body} {
			secrets.absent(t, what, text)
		}
	})
	return s
}

// forIssuer are the variables of a service that takes the provider's tokens for the app.
func forIssuer(p *provider, more ...string) []string {
	return append([]string{"AUTH_ISSUER=" + p.issuer, "AUTH_AUDIENCE=" + app}, more...)
}

// startReady starts a service that takes the provider's tokens, and waits for its key set.
func startReady(t *testing.T, p *provider, more ...string) *service {
	t.Helper()
	s := startService(t, forIssuer(p, more...)...)
	eventually(t, "the service is ready", func() bool { return s.status(t, "/readyz") == http.StatusOK })
	return s
}

// audit waits for the line of the request that got this answer.
func (s *service) audit(t *testing.T, a answer) servicetest.Line {
	t.Helper()
	id := a.header.Get("X-Request-Id")
	return s.Line(t, func(l servicetest.Line) bool { return l["request_id"] == id })
}

// metric is the value of a series.
func (s *service) metric(t *testing.T, series string) float64 {
	t.Helper()
	for text := range strings.Lines(ask(t.Context(), t, s.Admin+"/metrics").body) {
		if value, ok := strings.CutPrefix(text, series+" "); ok {
			number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return number
		}
	}
	t.Fatalf("no series %s", series)
	return 0
}

func (s *service) refusals(t *testing.T, reason string) float64 {
	t.Helper()
	return s.metric(t, `videosdk_token_refusals_total{reason="`+reason+`"}`)
}

func (s *service) refreshes(t *testing.T, result string) float64 {
	t.Helper()
	return s.metric(t, `videosdk_jwks_refreshes_total{result="`+result+`"}`)
}

// status is that of health.
func (s *service) status(t *testing.T, path string) int {
	t.Helper()
	return ask(t.Context(), t, s.Admin+path).status
}

const (
	asParticipant = `{"sessionName":"Cool Cars","role":0}`
	asHost        = `{"sessionName":"Cool Cars","role":1}`
)

// post asks for a token, with a bearer token unless it is empty.
func (s *service) post(t *testing.T, bearer, body string) answer {
	t.Helper()
	header := http.Header{}
	if bearer != "" {
		header.Set("Authorization", "Bearer "+bearer)
	}
	return post(t, http.DefaultClient, s.URL, body, header)
}

// answer is an HTTP response.
type answer struct {
	status int
	header http.Header
	body   string
}

func post(t *testing.T, client *http.Client, url, body string, header http.Header) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header.Clone()
	request.Header.Set("Content-Type", "application/json")
	return do(t, client, request)
}

func ask(ctx context.Context, t *testing.T, url string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, http.DefaultClient, request)
}

func do(t *testing.T, client *http.Client, request *http.Request) answer {
	t.Helper()
	response, err := client.Do(request)
	if err != nil {
		t.Error(err) // not Fatal: tests ask from goroutines too
		return answer{}
	}
	return read(t, response)
}

func read(t *testing.T, response *http.Response) answer {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// want checks the status.
func (a answer) want(t *testing.T, status int) {
	t.Helper()
	if a.status != status {
		t.Errorf("got %d %s, want %d", a.status, a.body, status)
	}
}

// wantErrors checks an answer that is no token: its status, and the properties that it names.
func (a answer) wantErrors(t *testing.T, status int, properties ...string) {
	t.Helper()
	a.want(t, status)
	var got struct {
		Errors []struct{ Property, Reason string }
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	var named []string
	for _, e := range got.Errors {
		named = append(named, e.Property)
		if e.Reason == "" {
			t.Errorf("no reason: %s", a.body)
		}
	}
	if !slices.Equal(named, properties) {
		t.Errorf("got errors of %v, want of %v", named, properties)
	}
}

// grant is what Zoom reads in a token.
type grant struct {
	Key      string `json:"app_key"`
	Role     int    `json:"role_type"`
	Session  string `json:"tpc"`
	Identity string `json:"user_identity"`
	UserKey  string `json:"user_key"`
	Issued   int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

// grant checks that the answer is a token as Zoom would, and returns what it grants.
func (a answer) grant(t *testing.T) grant {
	t.Helper()
	var sent struct{ Signature string }
	var g grant
	if err := json.Unmarshal([]byte(a.body), &sent); a.status != http.StatusOK || err != nil {
		t.Fatalf("got %d %s, want a token", a.status, a.body)
	}
	secrets.add(sent.Signature)
	token, err := jwt.ParseSigned(sent.Signature, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		t.Fatal(err)
	}
	if err := token.Claims([]byte(sdkSecret), &g); err != nil {
		t.Fatal(err)
	}
	if now := time.Now().Unix(); g.Key != sdkKey || g.Issued > now || g.Expires <= now {
		t.Errorf("Zoom would refuse %+v", g)
	}
	return g
}

// secrets are all tokens, codes, keys and passwords of this run.
var secrets = vault{all: map[string]bool{sdkKey: true, sdkSecret: true}}

type vault struct {
	mu  sync.Mutex
	all map[string]bool
}

// add takes a secret and, of a token, each part.
func (v *vault) add(secret string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, part := range append(strings.Split(secret, "."), secret) {
		if part != "" { // an unsigned token's signature
			v.all[part] = true
		}
	}
}

// absent checks that a text has none of them.
func (v *vault) absent(t *testing.T, what, text string) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	for secret := range v.all {
		if strings.Contains(text, secret) {
			t.Errorf("%s: has %q in it", what, secret)
		}
	}
}

// eventually asks until the answer is yes.
func eventually(t *testing.T, what string, ask func() bool) {
	t.Helper()
	servicetest.Eventually(t, 30*time.Second, what, ask)
}
