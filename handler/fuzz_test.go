package handler_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"videosdk-auth-endpoint/handler"
	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
	"videosdk-auth-endpoint/telemetry"

	"github.com/golang-jwt/jwt/v5"
	"github.com/kelseyhightower/envconfig"
)

// claimNames are the properties whose claim holds what was sent.
var claimNames = map[string]string{
	"role": "role_type", "sessionName": "tpc", "userIdentity": "user_identity", "userKey": "user_key", "sessionKey": "session_key",
	"cloudRecordingOption": "cloud_recording_option", "cloudRecordingElection": "cloud_recording_election",
	"cloudRecordingTranscriptOption": "cloud_recording_transcript_option", "telemetryTrackingId": "telemetry_tracking_id",
	"videoWebRtcMode": "video_webrtc_mode", "audioWebRtcMode": "audio_webrtc_mode", "audioCompatibleMode": "audio_compatible_mode",
}

// FuzzToken sends any body to the token route: nothing panics, every answer has its shape, and whatever is accepted is
// signed to a token whose claims equal the request, as encoding/json reads it.
func FuzzToken(f *testing.F) {
	for _, seed := range []string{
		validBody,
		`{"sessionName": "Cool Cars", "role": 1, "sessionKey": "session123", "userIdentity": "user123"}`,
		`{"role":"0","sessionName":"\ud83d\ude00\u2028<\"","expirationSeconds":1.8e3,"geoRegions":[" US","DE"],"userKey":"k","audioCompatibleMode":1}`,
		`{"role":0,"role":1,"sessionName":"a","ROLE":7,"geoRegions":"US,,U S","cloudRecordingTranscriptOption":"2","telemetryTrackingId":""}`,
		"\xef\xbb\xbf" + validBody, "{\"sessionName\":\"\xff\",\"role\":1}", `{"sessionName":"\ud800","role":1}`, `[{}]`, `{"x":[[{"y":null}]],"role":-0}`, `nul`, ``,
	} {
		f.Add([]byte(seed))
	}
	h := handler.New(config(f), newGuard(f), newSigner(f), requests(new(telemetry.Log)), http.NotFoundHandler(), new(telemetry.Log))
	f.Fuzz(func(t *testing.T, body []byte) {
		recorder := httptest.NewRecorder()
		h.Public.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body)))
		var answer struct {
			Signature string
			Errors    []struct{ Property, Reason string }
		}
		if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%d %s", recorder.Code, recorder.Body)
		}
		switch recorder.Code {
		case http.StatusOK:
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			if len(answer.Errors) == 0 {
				t.Fatalf("%d %s", recorder.Code, recorder.Body)
			}
			return
		default:
			t.Fatalf("%d %s", recorder.Code, recorder.Body)
		}
		// the same table judges requests and tokens
		if seen, err := signer.Inspect(answer.Signature, credentials, func() time.Time { return now }); err != nil || seen.Refused != nil {
			t.Errorf("accepted, and then refused for %q, %v: %s", seen.Refused, err, body)
		}
		claims := jwt.MapClaims{}
		if _, err := jwt.NewParser(jwt.WithTimeFunc(func() time.Time { return now })).ParseWithClaims(answer.Signature, claims, func(*jwt.Token) (any, error) {
			return []byte(credentials.Secret), nil
		}); err != nil {
			t.Fatal(err)
		}
		sent := known(t, bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
		want := map[string]any{"app_key": credentials.Key, "version": 1.0, "iat": float64(now.Unix() - 30), "exp": float64(now.Unix() - 30 + 7200)}
		for name, claim := range claimNames {
			if value, ok := sent[name]; ok {
				want[claim] = whole(t, claim, value)
			}
		}
		if value, ok := sent["expirationSeconds"]; ok {
			want["exp"] = float64(now.Unix()-30) + whole(t, "", value).(float64)
		}
		if value, ok := sent["audioCompatibleMode"]; ok && sent["audioWebRtcMode"] == nil {
			want["audio_webrtc_mode"] = whole(t, "", value)
		}
		if value, ok := sent["geoRegions"]; ok {
			want["geo_regions"] = regions(t, value)
		}
		for claim, value := range want {
			if claims[claim] != value {
				t.Errorf("%s is %v, want %v, in %s", claim, claims[claim], value, body)
			}
		}
		if len(claims) != len(want) {
			t.Errorf("claims %v, want %v, in %s", claims, want, body)
		}
		for claim, most := range map[string]int{"tpc": 200, "user_identity": 36, "user_key": 36, "session_key": 36, "telemetry_tracking_id": 200} {
			if text, ok := claims[claim].(string); ok && len(utf16.Encode([]rune(text))) > most {
				t.Errorf("%s is longer than %d", claim, most)
			}
		}
	})
}

// FuzzHeaders: whatever the headers say of the body, nothing panics, and the answer is one that the description has.
func FuzzHeaders(f *testing.F) {
	for _, seed := range [][3]string{
		{"application/json; charset=utf8", "identity, IDENTITY", "Root=1-6;Self=1"},
		{"text/plain;charset=\"UTF-8\"", "", ""},
		{"a/b+json, c/d", "gzip", ""},
		{"application/x-www-form-urlencoded", "", "x"},
		{"application/json;;=\"", ",", ""},
		{"multipart/form-data; boundary=\"\\", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], []byte(validBody))
	}
	f.Add("", "", "", []byte("\xff\xfe{\x00"))
	h := handler.New(config(f), newGuard(f), newSigner(f), requests(new(telemetry.Log)), http.NotFoundHandler(), new(telemetry.Log))
	f.Fuzz(func(t *testing.T, media, coding, id string, body []byte) {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body))
		request.Header = http.Header{"Content-Type": {media}, "Content-Encoding": {coding}, "X-Request-Id": {id}}
		recorder := httptest.NewRecorder()
		h.Public.ServeHTTP(recorder, request)
		if !slices.Contains([]int{200, 400, 413, 415}, recorder.Code) || !json.Valid(recorder.Body.Bytes()) {
			t.Errorf("%d %s", recorder.Code, recorder.Body)
		}
		if got := recorder.Header().Get("X-Request-Id"); got == "" || len(got) > 128 || strings.ContainsAny(got, " \"\\\r\n") {
			t.Errorf("X-Request-Id %q", got)
		}
	})
}

// known returns the properties that we know, as encoding/json reads them; the others may hold anything.
func known(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatalf("accepted what encoding/json does not: %v", err)
	}
	sent := map[string]any{}
	for _, p := range signer.Properties() {
		raw, ok := all[p.Name]
		if !ok {
			continue
		}
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			t.Fatalf("accepted what encoding/json does not: %v", err)
		}
		sent[p.Name] = value
	}
	return sent
}

// whole is the value that a claim has for what was sent: text stays, a decimal string becomes a number.
func whole(t *testing.T, claim string, sent any) any {
	t.Helper()
	text, ok := sent.(string)
	if !ok || slices.Contains([]string{"tpc", "user_identity", "user_key", "session_key", "telemetry_tracking_id"}, claim) {
		return sent
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Errorf("accepted %q for a number", text)
	}
	return float64(n)
}

func regions(t *testing.T, sent any) string {
	t.Helper()
	var entries []string
	switch v := sent.(type) {
	case string:
		entries = strings.Split(v, ",")
	case []any:
		for _, entry := range v {
			entries = append(entries, entry.(string))
		}
	}
	var kept []string
	for _, entry := range entries {
		// a region is two capitals; what else stood there was white space
		if entry = strings.Map(func(r rune) rune {
			if r < 'A' || r > 'Z' {
				return -1
			}
			return r
		}, entry); entry != "" {
			kept = append(kept, entry)
		}
	}
	return strings.Join(kept, ",")
}

// FuzzConfig: no text in a variable panics, and no mistake quotes it.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{"*", "https://a.example,https://*.b.example", "10.0.0.0/8,::1", "100KiB", "1e9 TB", "://", "https://*"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, decoder := range []envconfig.Decoder{new(handler.Origins), new(guard.Proxies), new(handler.Size)} {
			if err := decoder.Decode(text); err != nil && len(text) > 12 && strings.Contains(err.Error(), text) {
				t.Errorf("%T quotes %q: %v", decoder, text, err)
			}
		}
	})
}
