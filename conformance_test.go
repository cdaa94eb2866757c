package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"videosdk-auth-endpoint/internal/servicetest"
)

// recording is a request that Zoom's sample was sent, and the sample's answer.
type recording struct {
	Name, Method, Path string
	Headers            map[string]string
	Body               string
	Answer             struct {
		Status   int
		Errors   []string        `json:"errors"`
		Header   json.RawMessage `json:"header"`
		Claims   json.RawMessage `json:"claims"`
		Lifetime int64           `json:"lifetime"`
	}
}

// property is what the request's JSON holds under that name; nil where there is nothing.
func (r *recording) property(name string) any {
	var sent map[string]any
	_ = json.Unmarshal([]byte(r.Body), &sent) // some bodies are malformed
	return sent[name]
}

// differences are the rows of docs/migrating.md that the recordings show: how many do, and what we answer instead.
var differences = []struct {
	name       string
	recordings int
	shows      func(*recording) bool
	change     func(*testing.T, *recording)
}{
	{
		"GET and HEAD say how to ask for a token", 2,
		func(r *recording) bool {
			return r.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead)
		},
		func(_ *testing.T, r *recording) { r.Answer.Status = http.StatusOK },
	},
	{
		"another method on the token path is 405", 1,
		func(r *recording) bool {
			return r.Path == "/" && r.Answer.Status == http.StatusNotFound && r.Method != http.MethodGet && r.Method != http.MethodHead
		},
		func(_ *testing.T, r *recording) { r.Answer.Status = http.StatusMethodNotAllowed },
	},
	{
		"userIdentity may have 36 characters", 8,
		func(r *recording) bool {
			identity, _ := r.property("userIdentity").(string)
			return len(utf16.Encode([]rune(identity))) == 36
		},
		func(t *testing.T, r *recording) {
			t.Helper()
			r.Answer.Errors = slices.DeleteFunc(r.Answer.Errors, func(name string) bool { return name == "userIdentity" })
			if len(r.Answer.Errors) > 0 {
				return
			}
			claims, known := claimsWith36[r.Name]
			if !known {
				t.Fatal("nobody has written down what this token must say")
			}
			r.Answer.Status, r.Answer.Lifetime = http.StatusOK, 7200
			r.Answer.Header, r.Answer.Claims = json.RawMessage(`{"alg":"HS256","typ":"JWT"}`), json.RawMessage(claims)
		},
	},
	{
		"audioCompatibleMode is written under its old name too", 13,
		func(r *recording) bool {
			return r.Answer.Status == http.StatusOK && r.property("audioCompatibleMode") != nil
		},
		func(_ *testing.T, r *recording) {
			value := strings.Trim(fmt.Sprint(r.property("audioCompatibleMode")), `"`)
			r.Answer.Claims = fmt.Appendf(nil, `%s,"audio_compatible_mode":%s}`, strings.TrimSuffix(string(r.Answer.Claims), "}"), value)
		},
	},
}

// claimsWith36 are the claims of tokens that the sample refuses for their userIdentity alone.
var claimsWith36 = map[string]string{
	"userIdentity astral x18": `{"app_key":"test-key","role_type":1,"tpc":"Cool Cars","version":1,"user_identity":"` + strings.Repeat("😀", 18) + `"}`,
	"random 181": `{"app_key":"test-key","role_type":0,"tpc":"Room 181","version":1,"user_identity":"` + strings.Repeat("u", 36) +
		`","session_key":"` + strings.Repeat("k", 36) + `","geo_regions":"CA,NL","cloud_recording_election":0,"video_webrtc_mode":0,"audio_webrtc_mode":1}`,
}

// TestConformance sends each request that Zoom's sample was recorded with and expects its answer, where we do not differ
// on purpose.
func TestConformance(t *testing.T) {
	content, err := os.ReadFile("testdata/conformance.json")
	if err != nil {
		t.Fatal(err)
	}
	var recordings []recording
	if err := json.Unmarshal(content, &recordings); err != nil {
		t.Fatal(err)
	}
	if len(recordings) != 281 {
		t.Errorf("%d recordings, want 281", len(recordings))
	}
	s := start(t, credentials())
	shown, same := make([]int, len(differences)), 0
	for _, r := range recordings {
		t.Run(r.Name, func(t *testing.T) {
			as := true
			for i, d := range differences {
				if d.shows(&r) {
					d.change(t, &r)
					shown[i]++
					as = false
				}
			}
			if as {
				same++
			}
			r.play(t, s)
		})
	}
	t.Logf("%d recordings: %d answered as the sample does", len(recordings), same)
	for i, d := range differences {
		t.Logf("%d: %s", shown[i], d.name)
		if shown[i] != d.recordings {
			t.Errorf("%s: %d recordings show it, want %d", d.name, shown[i], d.recordings)
		}
	}
}

// play sends the request, and compares the answer.
func (r *recording) play(t *testing.T, s *servicetest.Service) {
	t.Helper()
	before := time.Now().Unix()
	a := send(t, r.Method, s.URL+r.Path, r.Headers, r.Body)
	after := time.Now().Unix()
	if a.status != r.Answer.Status {
		t.Fatalf("status %d, want %d: %s", a.status, r.Answer.Status, a.body)
	}
	// the sample forgets it on malformed JSON
	if got := a.header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("Access-Control-Allow-Origin %q, want *", got)
	}
	if a.header.Get("X-Request-Id") == "" {
		t.Error("no X-Request-Id")
	}
	if allow := a.header.Get("Allow"); (a.status == http.StatusMethodNotAllowed) != strings.Contains(allow, "POST") {
		t.Errorf("Allow: %q", allow)
	}
	switch {
	case r.Method != http.MethodPost && a.status == http.StatusOK || r.Method == http.MethodHead:
	case a.status == http.StatusOK:
		r.compareToken(t, a, before, after)
	default:
		got := faults(t, a)
		slices.Sort(got)
		slices.Sort(r.Answer.Errors)
		if r.Answer.Errors != nil && !slices.Equal(got, r.Answer.Errors) {
			t.Errorf("errors for %v, want %v: %s", got, r.Answer.Errors, a.body)
		}
	}
}

// compareToken compares header and claims, which stand in the sample's order; iat and exp follow from the time.
func (r *recording) compareToken(t *testing.T, a answer, before, after int64) {
	t.Helper()
	header, claims := verify(t, a)
	if want := properties(t, r.Answer.Header); !slices.Equal(header, want) {
		t.Errorf("header %v, want %v", header, want)
	}
	if len(claims) < 6 || claims[4].name != "iat" || claims[5].name != "exp" {
		t.Fatalf("claims %v, want iat and exp behind version", claims)
	}
	iat, exp := int64(claims[4].value.(float64)), int64(claims[5].value.(float64))
	if rest, want := slices.Delete(claims, 4, 6), properties(t, r.Answer.Claims); !slices.Equal(rest, want) {
		t.Errorf("claims %v, want %v", rest, want)
	}
	if iat < before-30 || iat > after-30 {
		t.Errorf("iat %d, want 30 s before %d", iat, before)
	}
	if exp-iat != r.Answer.Lifetime {
		t.Errorf("lifetime %d, want %d", exp-iat, r.Answer.Lifetime)
	}
}

// TestDifferences holds the service to the table of where it differs from the sample on purpose.
func TestDifferences(t *testing.T) {
	s := start(t, credentials())
	json := map[string]string{"Content-Type": "application/json"}
	for _, c := range []struct {
		name, method, path string
		header             map[string]string
		body               string
		status             int
		faults             []string
	}{
		{"empty sessionName", "POST", "/", json, `{"sessionName":"","role":1}`, 400, []string{"sessionName"}},
		{"role with letters behind it", "POST", "/", json, `{"sessionName":"a","role":"1abc"}`, 400, []string{"role"}},
		{"role that is a fraction", "POST", "/", json, `{"sessionName":"a","role":"1.9"}`, 400, []string{"role"}},
		{"role in hexadecimal", "POST", "/", json, `{"sessionName":"a","role":"0x1"}`, 400, []string{"role"}},
		{"role with a space", "POST", "/", json, `{"sessionName":"a","role":" 1"}`, 400, []string{"role"}},
		{"fractional expirationSeconds", "POST", "/", json, `{"sessionName":"a","role":1,"expirationSeconds":1800.5}`, 400, []string{"expirationSeconds"}},
		{"telemetryTrackingId that is no string", "POST", "/", json, `{"sessionName":"a","role":1,"telemetryTrackingId":7}`, 400, []string{"telemetryTrackingId"}},
		{"telemetryTrackingId over 200 characters", "POST", "/", json, `{"sessionName":"a","role":1,"telemetryTrackingId":"` + strings.Repeat("t", 201) + `"}`, 400, []string{"telemetryTrackingId"}},
		{"userIdentity that is a UUID", "POST", "/", json, `{"sessionName":"a","role":1,"userIdentity":"0b7c5a52-5b0e-4c7e-9f62-1f1c4a3f8a10"}`, 200, nil},
		{"malformed JSON", "POST", "/", json, `{"sessionName":`, 400, []string{"body"}},
		{"no Content-Type", "POST", "/", nil, `{"sessionName":"a","role":1}`, 200, nil},
		{"text/plain", "POST", "/", map[string]string{"Content-Type": "text/plain;charset=UTF-8"}, `{"sessionName":"a","role":1}`, 200, nil},
		{"what curl -d sends", "POST", "/", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, `{"sessionName":"a","role":1}`, 200, nil},
		{"a vendor's JSON", "POST", "/", map[string]string{"Content-Type": "application/vnd.api+json"}, `{"sessionName":"a","role":1}`, 200, nil},
		{"bytes that are not UTF-8", "POST", "/", json, "{\"sessionName\":\"M\xf6ller\",\"role\":1}", 400, []string{"sessionName"}},
		{"half a surrogate pair", "POST", "/", json, `{"sessionName":"a\ud83d","role":1}`, 200, nil},
		{"a compressed body", "POST", "/", map[string]string{"Content-Encoding": "gzip"}, `{"sessionName":"a","role":1}`, 415, []string{"Content-Encoding"}},
		{"settings under their claims' names", "POST", "/", json, `{"sessionName":"a","role":1,"geo_regions":"","sessionkey":"null"}`, 200, nil},
		{"a string at the top", "POST", "/", json, `"a"`, 400, []string{"body"}},
		{"body over 8 KiB", "POST", "/", json, strings.Repeat(" ", 8<<10) + "{}", 413, []string{"body"}},
		{"body of 8 KiB", "POST", "/", json, fmt.Sprintf("%-*s", 8<<10, `{"sessionName":"a","role":1}`), 200, nil},
		{"another method", "PUT", "/", json, `{}`, 405, []string{"method"}},
		{"another path", "GET", "/elsewhere", nil, ``, 404, []string{"path"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := send(t, c.method, s.URL+c.path, c.header, c.body)
			if a.status != c.status {
				t.Fatalf("status %d, want %d: %s", a.status, c.status, a.body)
			}
			if a.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("a browser can't read this answer")
			}
			if c.faults != nil {
				if got := faults(t, a); !slices.Equal(got, c.faults) {
					t.Errorf("errors for %v, want %v", got, c.faults)
				}
				return
			}
			verify(t, a)
		})
	}
}
