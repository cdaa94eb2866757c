package signer_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"videosdk-auth-endpoint/signer"

	"github.com/golang-jwt/jwt/v5"
)

var (
	now         = time.Date(2026, 11, 23, 12, 0, 0, 999, time.UTC)
	credentials = signer.Credentials{Key: "test-key", Secret: "test-secret"}
	defaults    = signer.Config{Backdate: 30 * time.Second, DefaultTTL: 2 * time.Hour, MaxTTL: 48 * time.Hour}
)

func clock() time.Time { return now }

func newSigner(t testing.TB, c signer.Config) *signer.HS256 {
	t.Helper()
	return signer.New(c, credentials, clock)
}

// request makes a Request of JSON-like values.
func request(properties map[string]any) *signer.Request {
	r := new(signer.Request)
	for name, value := range properties {
		r.Set(name, toValue(value))
	}
	return r
}

func toValue(value any) signer.Value {
	switch v := value.(type) {
	case nil:
		return signer.Value{Kind: signer.KindNull}
	case bool:
		return signer.Value{Kind: signer.KindBoolean}
	case int:
		return signer.Value{Kind: signer.KindNumber, Number: float64(v)}
	case float64:
		return signer.Value{Kind: signer.KindNumber, Number: v}
	case string:
		return signer.Value{Kind: signer.KindString, String: v}
	case []string:
		return signer.Value{Kind: signer.KindStrings, Strings: v}
	case []any:
		return signer.Value{Kind: signer.KindArray}
	default:
		return signer.Value{Kind: signer.KindObject}
	}
}

func sign(t testing.TB, s *signer.HS256, r *signer.Request) signer.Token {
	t.Helper()
	grant, err := s.Validate(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Sign(t.Context(), grant)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// parse verifies the token with golang-jwt at the fixed time.
func parse(t testing.TB, token string) jwt.MapClaims {
	t.Helper()
	claims := jwt.MapClaims{}
	_, err := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithTimeFunc(clock), jwt.WithIssuedAt(), jwt.WithExpirationRequired()).
		ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return []byte(credentials.Secret), nil })
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// one returns a request with the two required properties and one more.
func one(name string, value any) *signer.Request {
	r := request(map[string]any{"sessionName": "a", "role": 1})
	r.Set(name, toValue(value))
	return r
}

// TestClockSteps: a token's times are those of the clock now, whatever it said before.
func TestClockSteps(t *testing.T) {
	at := now
	s := signer.New(defaults, credentials, func() time.Time { return at })
	for _, step := range []time.Duration{0, -time.Hour, -30 * 24 * time.Hour, 48 * time.Hour, -time.Nanosecond} {
		at = at.Add(step)
		token := sign(t, s, one("expirationSeconds", 1800))
		if err := refused(token.JWT, credentials, func() time.Time { return at }); err != nil {
			t.Errorf("after a step of %v: %v", step, err)
		}
		issued := at.Add(-30 * time.Second).Truncate(time.Second)
		if !token.IssuedAt.Equal(issued) || token.ExpiresAt.Sub(token.IssuedAt) != 30*time.Minute {
			t.Errorf("after a step of %v: from %v to %v, want from %v", step, token.IssuedAt, token.ExpiresAt, issued)
		}
	}
}

func TestAccepted(t *testing.T) {
	s := newSigner(t, defaults)
	emoji := strings.Repeat("😀", 100)
	for _, c := range []struct {
		property string
		value    any
		claim    string
		want     any
	}{
		{"role", 0, "role_type", 0.0},
		{"role", "1", "role_type", 1.0},
		{"role", "+1", "role_type", 1.0},
		{"role", "01", "role_type", 1.0},
		{"sessionName", strings.Repeat("a", 200), "tpc", strings.Repeat("a", 200)},
		{"sessionName", strings.Repeat("日", 200), "tpc", strings.Repeat("日", 200)},
		{"sessionName", emoji, "tpc", emoji},
		{"sessionName", "\"quotes\" \\ <b>&amp;</b> \u2028\u2029 \x00\x1f\x7f é日😀", "tpc", "\"quotes\" \\ <b>&amp;</b> \u2028\u2029 \x00\x1f\x7f é日😀"},
		{"expirationSeconds", 1800, "exp", float64(now.Unix() - 30 + 1800)},
		{"expirationSeconds", 1.8e3, "exp", float64(now.Unix() - 30 + 1800)},
		{"expirationSeconds", "172800", "exp", float64(now.Unix() - 30 + 172800)},
		{"userIdentity", "", "user_identity", ""},
		{"userIdentity", strings.Repeat("é", 36), "user_identity", strings.Repeat("é", 36)},
		{"userIdentity", "0b7c5a52-5b0e-4c7e-9f62-1f1c4a3f8a10", "user_identity", "0b7c5a52-5b0e-4c7e-9f62-1f1c4a3f8a10"},
		{"userKey", strings.Repeat("é", 36), "user_key", strings.Repeat("é", 36)},
		{"sessionKey", strings.Repeat("k", 36), "session_key", strings.Repeat("k", 36)},
		{"geoRegions", "US,DE", "geo_regions", "US,DE"},
		{"geoRegions", " US ,\t,DE\n\ufeff\u00a0,", "geo_regions", "US,DE"},
		{"geoRegions", []string{" US", "", "DE "}, "geo_regions", "US,DE"},
		{"geoRegions", "AU,BR,CA,CN,DE,HK,IN,JP,MX,NL,SG,US", "geo_regions", "AU,BR,CA,CN,DE,HK,IN,JP,MX,NL,SG,US"},
		{"cloudRecordingOption", 0, "cloud_recording_option", 0.0},
		{"cloudRecordingElection", "1", "cloud_recording_election", 1.0},
		{"cloudRecordingTranscriptOption", 2, "cloud_recording_transcript_option", 2.0},
		{"telemetryTrackingId", strings.Repeat("t", 200), "telemetry_tracking_id", strings.Repeat("t", 200)},
		{"videoWebRtcMode", 1, "video_webrtc_mode", 1.0},
		{"audioWebRtcMode", 0, "audio_webrtc_mode", 0.0},
		{"audioCompatibleMode", "1", "audio_webrtc_mode", 1.0},
		{"audioCompatibleMode", "1", "audio_compatible_mode", 1.0},
		{"audioWebRtcMode", 1, "audio_compatible_mode", nil},
		{"Role", 7, "role_type", 1.0}, // case counts: this is an unknown property
		{"unknown", nil, "version", 1.0},
	} {
		t.Run(fmt.Sprintf("%s %.20v", c.property, c.value), func(t *testing.T) {
			claims := parse(t, sign(t, s, one(c.property, c.value)).JWT)
			if claims[c.claim] != c.want {
				t.Errorf("%s is %v, want %v", c.claim, claims[c.claim], c.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	s := newSigner(t, defaults)
	for _, c := range []struct {
		property string
		value    any
		rule     signer.Rule
		reason   string
	}{
		{"role", nil, signer.RuleType, "must be 0 or 1, got null"},
		{"role", 2, signer.RuleRange, "must be 0 or 1, got a number out of range"},
		{"role", 0.5, signer.RuleType, "must be 0 or 1, got a fraction"},
		{"role", "", signer.RuleType, "must be 0 or 1, got a string that is not a whole number"},
		{"role", "1abc", signer.RuleType, "must be 0 or 1, got a string that is not a whole number"},
		{"role", "1.9", signer.RuleType, "must be 0 or 1, got a string that is not a whole number"},
		{"role", "0x1", signer.RuleType, "must be 0 or 1, got a string that is not a whole number"},
		{"role", " 1", signer.RuleType, "must be 0 or 1, got a string that is not a whole number"},
		{"role", "99999999999999999999", signer.RuleRange, "must be 0 or 1, got a number out of range"},
		{"role", true, signer.RuleType, "must be 0 or 1, got a boolean"},
		{"role", []string{"1"}, signer.RuleType, "must be 0 or 1, got an array"},
		{"sessionName", "", signer.RuleLength, "must be a string of 1 to 200 characters, got 0"},
		{"sessionName", strings.Repeat("a", 201), signer.RuleLength, "must be a string of 1 to 200 characters, got 201"},
		{"sessionName", strings.Repeat("😀", 100) + "a", signer.RuleLength, "must be a string of 1 to 200 characters, got 201"},
		{"sessionName", 7, signer.RuleType, "must be a string of 1 to 200 characters, got a number"},
		{"sessionName", "\xff", signer.RuleEncoding, "must be UTF-8, got bytes of another encoding"},
		{"geoRegions", []string{"US", "\xff"}, signer.RuleEncoding, "must be UTF-8, got bytes of another encoding"},
		{"expirationSeconds", 1799, signer.RuleRange, "must be a whole number from 1800 to 172800, got a number out of range"},
		{"expirationSeconds", 172801, signer.RuleRange, "must be a whole number from 1800 to 172800, got a number out of range"},
		{"expirationSeconds", 1800.5, signer.RuleType, "must be a whole number from 1800 to 172800, got a fraction"},
		{"expirationSeconds", 1e300, signer.RuleRange, "must be a whole number from 1800 to 172800, got a number out of range"},
		{"userIdentity", strings.Repeat("a", 37), signer.RuleLength, "must be a string of at most 36 characters, got 37"},
		{"userKey", strings.Repeat("a", 37), signer.RuleLength, "must be a string of at most 36 characters, got 37"},
		{"sessionKey", struct{}{}, signer.RuleType, "must be a string of at most 36 characters, got an object"},
		{"geoRegions", "us", signer.RuleRegion, "got another region"},
		{"geoRegions", ",", signer.RuleRegion, "got no region"},
		{"geoRegions", []string{}, signer.RuleRegion, "got no region"},
		{"geoRegions", []string{"US,DE"}, signer.RuleRegion, "got another region"},
		{"geoRegions", []any{"US", 1}, signer.RuleType, "got an array that holds other things than strings"},
		{"geoRegions", 1, signer.RuleType, "got a number"},
		{"cloudRecordingTranscriptOption", 3, signer.RuleRange, "must be a whole number from 0 to 2"},
		{"telemetryTrackingId", 7, signer.RuleType, "must be a string of at most 200 characters, got a number"},
		{"telemetryTrackingId", strings.Repeat("t", 201), signer.RuleLength, "must be a string of at most 200 characters, got 201"},
		{"audioCompatibleMode", nil, signer.RuleType, "must be 0 or 1, got null"},
	} {
		t.Run(fmt.Sprintf("%s %.20v", c.property, c.value), func(t *testing.T) {
			_, err := s.Validate(t.Context(), one(c.property, c.value))
			invalid, ok := errors.AsType[*signer.ValidationError](err)
			if !ok || len(invalid.Violations) != 1 {
				t.Fatalf("got %v, want one violation", err)
			}
			got := invalid.Violations[0]
			if got.Property != c.property || got.Rule != c.rule || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("got %+v, want %s: %s", got, c.rule, c.reason)
			}
			rules := properties[c.property].Rules()
			if !slices.Contains(rules, got.Rule) {
				t.Errorf("%s is not among the property's rules %v", got.Rule, rules)
			}
		})
	}
}

var properties = func() map[string]signer.Property {
	all := map[string]signer.Property{}
	for _, p := range signer.Properties() {
		all[p.Name] = p
	}
	return all
}()

func TestEveryViolationIsNamedOnce(t *testing.T) {
	_, err := newSigner(t, defaults).Validate(t.Context(), request(map[string]any{"userIdentity": 5, "geoRegions": "EU", "role": nil}))
	want := "role must be 0 or 1, got null; sessionName must be a string of 1 to 200 characters, got nothing; " +
		"userIdentity must be a string of at most 36 characters, got a number; " +
		"geoRegions must be a comma-separated string or an array of strings, each one of AU BR CA CN DE HK IN JP MX NL SG US, got another region"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// everything asks for every property.
func everything() *signer.Request {
	return request(map[string]any{
		"sessionName": "Cool <Cars> \u2028 é日😀\"", "role": "1", "expirationSeconds": "3600", "userIdentity": "u", "userKey": "k", "sessionKey": "s",
		"geoRegions": []string{"US", "DE"}, "cloudRecordingOption": 1, "cloudRecordingElection": 0, "cloudRecordingTranscriptOption": 2,
		"telemetryTrackingId": "t", "videoWebRtcMode": 1, "audioWebRtcMode": 0, "audioCompatibleMode": 1,
	})
}

// TestEveryPropertyIsSigned: a property that has a claim is in the token, wherever its row stands in the table.
func TestEveryPropertyIsSigned(t *testing.T) {
	s := newSigner(t, defaults)
	for _, p := range signer.Properties() {
		var value any = strings.Repeat("x", max(p.Min, 1))
		want := value
		switch p.Type {
		case signer.Integer:
			value, want = p.Max, float64(p.Max)
		case signer.Regions:
			value, want = "US", "US"
		case signer.String:
		}
		if p.Name == "" || p.Description == "" || p.Claim == "" && p.Name != "expirationSeconds" {
			t.Errorf("the row %+v is not complete", p)
		}
		claims := parse(t, sign(t, s, one(p.Name, value)).JWT)
		if p.Claim != "" && claims[p.Claim] != want {
			t.Errorf("%s is sent as %v, and the claim %s is %v", p.Name, value, p.Claim, claims[p.Claim])
		}
		if p.AliasOf != "" && claims[properties[p.AliasOf].Claim] != want {
			t.Errorf("%s is sent as %v, and %s is not set: %v", p.Name, value, p.AliasOf, claims)
		}
	}
}

// TestOrder: the claims stand as the sample writes them, and JSON is escaped as JavaScript escapes it.
func TestOrder(t *testing.T) {
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(sign(t, newSigner(t, defaults), everything()).JWT, ".")[1])
	want := fmt.Sprintf(`{"app_key":"test-key","role_type":1,"tpc":"Cool <Cars> %s é日😀\"","version":1,"iat":%d,"exp":%d,"user_identity":"u","user_key":"k","session_key":"s","geo_regions":"US,DE",`+
		`"cloud_recording_option":1,"cloud_recording_election":0,"cloud_recording_transcript_option":2,"telemetry_tracking_id":"t","video_webrtc_mode":1,"audio_webrtc_mode":0,"audio_compatible_mode":1}`,
		"\u2028", now.Unix()-30, now.Unix()-30+3600)
	if err != nil || string(payload) != want {
		t.Errorf("got  %s\nwant %s", payload, want)
	}
}

// rawClaims are claims that golang-jwt writes as they are.
type rawClaims struct {
	jwt.MapClaims
	raw json.RawMessage
}

func (c rawClaims) MarshalJSON() ([]byte, error) { return c.raw, nil }

// TestSameAsGolangJWT: our own signing path makes the very token that golang-jwt makes of the same claims.
func TestSameAsGolangJWT(t *testing.T) {
	token := sign(t, newSigner(t, defaults), request(map[string]any{"sessionName": "Cool Cars", "role": 1, "userIdentity": "user123"})).JWT
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	want, err := jwt.NewWithClaims(jwt.SigningMethodHS256, rawClaims{raw: payload}).SignedString([]byte(credentials.Secret))
	if err != nil || token != want {
		t.Errorf("got %s, want %s (%v)", token, want, err)
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		name   string
		config signer.Config
		iat    time.Time
		ttl    time.Duration
	}{
		{"backdated by 30 s", defaults, now.Truncate(time.Second).Add(-30 * time.Second), 2 * time.Hour},
		{"not backdated", signer.Config{DefaultTTL: time.Hour, MaxTTL: time.Hour}, now.Truncate(time.Second), time.Hour},
		{"no default", signer.Config{MaxTTL: 48 * time.Hour}, now.Truncate(time.Second), 2 * time.Hour},
		{"no default, and a short maximum", signer.Config{MaxTTL: time.Hour}, now.Truncate(time.Second), time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			token := sign(t, newSigner(t, c.config), request(map[string]any{"sessionName": "a", "role": 0}))
			claims := parse(t, token.JWT)
			if !token.IssuedAt.Equal(c.iat) || claims["iat"] != float64(c.iat.Unix()) {
				t.Errorf("iat %v, want %v", token.IssuedAt, c.iat)
			}
			if want := c.iat.Add(c.ttl); !token.ExpiresAt.Equal(want) || claims["exp"] != float64(want.Unix()) {
				t.Errorf("exp %v, want %v", token.ExpiresAt, want)
			}
		})
	}
}

func TestMaxTTL(t *testing.T) {
	s := newSigner(t, signer.Config{DefaultTTL: 30 * time.Minute, MaxTTL: time.Hour})
	sign(t, s, one("expirationSeconds", 3600))
	_, err := s.Validate(t.Context(), one("expirationSeconds", 3601))
	if err == nil || !strings.Contains(err.Error(), "must be a whole number from 1800 to 3600") {
		t.Errorf("got %v", err)
	}
}

func TestGrantTellsWhatIsSigned(t *testing.T) {
	grant, err := newSigner(t, defaults).Validate(t.Context(), everything())
	if err != nil {
		t.Fatal(err)
	}
	if grant.Role() != "host" || grant.SessionName() != "Cool <Cars> \u2028 é日😀\"" || grant.UserIdentity() != "u" || grant.UserKey() != "k" || grant.Lifetime() != time.Hour {
		t.Errorf("grant %+v", grant)
	}
}

func TestOnlyValidatedGrantsAreSigned(t *testing.T) {
	if token, err := newSigner(t, defaults).Sign(t.Context(), new(signer.Grant)); !errors.Is(err, signer.ErrNotValidated) {
		t.Errorf("got %v, %v", token, err)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	printed := fmt.Sprintf("%v %+v %#v %s", credentials, credentials, credentials, credentials.Secret)
	encoded, err := json.Marshal(credentials)
	if err != nil || strings.Contains(printed+string(encoded), "test-secret") {
		t.Errorf("%s %s %v", printed, encoded, err)
	}
}

// TestProperties: what is said of the rules is what this configuration enforces.
func TestProperties(t *testing.T) {
	s := signer.New(signer.Config{DefaultTTL: time.Hour, MaxTTL: 90 * time.Minute}, signer.Credentials{Key: "k", Secret: "s"}, time.Now)
	ours, byDefault := s.Properties(), signer.Properties()
	for i, p := range ours {
		if p.Name != "expirationSeconds" {
			if p != byDefault[i] {
				t.Errorf("%+v, want %+v", p, byDefault[i])
			}
			continue
		}
		if p.Min != 1800 || p.Max != 5400 || !strings.HasSuffix(p.Description, "3600 where it is not sent") {
			t.Errorf("%+v", p)
		}
	}
	ours[0].Name = "changed"
	signer.RegionCodes()[0] = "changed"
	if s.Properties()[0].Name == "changed" || signer.RegionCodes()[0] == "changed" {
		t.Error("a caller can change the rules")
	}
}
