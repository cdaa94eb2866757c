package signer_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"videosdk-auth-endpoint/signer"

	"github.com/golang-jwt/jwt/v5"
)

// refused is what Zoom would refuse the token for.
func refused(token string, c signer.Credentials, clock func() time.Time) error {
	seen, err := signer.Inspect(token, c, clock)
	if err != nil {
		return err
	}
	if len(seen.Refused) > 0 {
		return errors.New(strings.Join(seen.Refused, "; "))
	}
	return nil
}

// absent takes a claim out of a token.
const absent = "absent"

// made signs claims that nobody has checked: those of a good token, but for the changes.
func made(t testing.TB, changes jwt.MapClaims) string {
	t.Helper()
	claims := jwt.MapClaims{"app_key": credentials.Key, "role_type": 1, "tpc": "Cool Cars", "version": 1, "iat": now.Unix() - 30, "exp": now.Unix() + 7170}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == absent })
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(credentials.Secret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// raw makes a token of JSON as it stands, signed.
func raw(t testing.TB, header, claims string) string {
	t.Helper()
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	signature, err := jwt.SigningMethodHS256.Sign(text, []byte(credentials.Secret))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// TestInspect is the table of what a token is refused for and what is only warned of, claim by claim.
func TestInspect(t *testing.T) {
	for _, c := range []struct {
		name    string
		changes jwt.MapClaims
		refused string
		warning string
	}{
		{"good", nil, "", ""},
		{"every claim", jwt.MapClaims{
			"user_identity": strings.Repeat("u", 36), "user_key": strings.Repeat("k", 36), "session_key": "", "geo_regions": "US,DE", "cloud_recording_option": 0, "cloud_recording_election": 1,
			"cloud_recording_transcript_option": 2, "telemetry_tracking_id": strings.Repeat("t", 200), "video_webrtc_mode": 1, "audio_webrtc_mode": 0, "audio_compatible_mode": 1,
		}, "", ""},

		{"no app_key", jwt.MapClaims{"app_key": absent}, "app_key must be your app's Video SDK key, got nothing", ""},
		{"another app's", jwt.MapClaims{"app_key": "other"}, "app_key is not your app's Video SDK key", ""},
		{"app_key in other letters", jwt.MapClaims{"app_key": absent, "App_Key": credentials.Key}, "app_key must be your app's Video SDK key, got nothing", ""},

		{"no role_type", jwt.MapClaims{"role_type": absent}, "role_type must be 0 or 1, got nothing", ""},
		{"a third role", jwt.MapClaims{"role_type": 2}, "role_type must be 0 or 1, got a number out of range", ""},
		{"a role as text", jwt.MapClaims{"role_type": "1"}, "role_type must be 0 or 1, got a string", ""},
		{"half a role", jwt.MapClaims{"role_type": 0.5}, "role_type must be 0 or 1, got a fraction", ""},
		{"a role that is true", jwt.MapClaims{"role_type": true}, "role_type must be 0 or 1, got a boolean", ""},
		{"role in place of role_type", jwt.MapClaims{"role_type": absent, "role": 1}, "role_type must be 0 or 1, got nothing", "role is not a claim that Zoom documents: did you mean role_type?"},

		{"no version", jwt.MapClaims{"version": absent}, "version must be 1, got nothing", ""},
		{"version 2", jwt.MapClaims{"version": 2}, "version must be 1, got another number", ""},
		{"version as text", jwt.MapClaims{"version": "1"}, "version must be 1, got a string", ""},

		{"no tpc", jwt.MapClaims{"tpc": absent}, "tpc must be a string of 1 to 200 characters, got nothing", ""},
		{"an empty tpc", jwt.MapClaims{"tpc": ""}, "tpc must be a string of 1 to 200 characters, got 0", ""},
		{"a tpc of 201", jwt.MapClaims{"tpc": strings.Repeat("a", 201)}, "tpc must be a string of 1 to 200 characters, got 201", ""},
		{"a tpc of 200", jwt.MapClaims{"tpc": strings.Repeat("a", 200)}, "", "tpc has 200 characters: some of Zoom's pages say at most 150"},
		{"a tpc of 150", jwt.MapClaims{"tpc": strings.Repeat("a", 150)}, "", ""},
		{"a number as tpc", jwt.MapClaims{"tpc": 5}, "tpc must be a string of 1 to 200 characters, got a number", ""},
		{"a tpc with an accent", jwt.MapClaims{"tpc": "Caf\u00e9"}, "", "tpc has characters that Zoom does not document"},
		{"a tpc with a slash", jwt.MapClaims{"tpc": "a/b"}, "", "tpc has characters that Zoom does not document"},
		{"a tpc with all that Zoom documents", jwt.MapClaims{"tpc": "Az 09!#$%&()+-:;<=.>?@[]^_{}|~,\\"}, "", ""},
		{"a tpc that is not in NFC", jwt.MapClaims{"tpc": "Cafe\u0301"}, "", "tpc is not in Unicode's normal form NFC"},

		{"an identity of 37", jwt.MapClaims{"user_identity": strings.Repeat("u", 37)}, "user_identity must be a string of at most 36 characters, got 37", ""},
		{"an identity of 50", jwt.MapClaims{"user_identity": strings.Repeat("u", 50)}, "user_identity must be a string of at most 36 characters, got 50", ""},
		{"a key of 37", jwt.MapClaims{"user_key": strings.Repeat("u", 37)}, "user_key must be a string of at most 36 characters, got 37", ""},
		{"a session key of 37", jwt.MapClaims{"session_key": strings.Repeat("u", 37)}, "session_key must be a string of at most 36 characters, got 37", ""},
		{"an identity that is a number", jwt.MapClaims{"user_identity": 42}, "user_identity must be a string of at most 36 characters, got a number", ""},
		{"an identity that is null", jwt.MapClaims{"user_identity": nil}, "user_identity must be a string of at most 36 characters, got null", ""},

		{"a region in lower case", jwt.MapClaims{"geo_regions": "us"}, "geo_regions must be a comma-separated string of AU BR CA CN DE HK IN JP MX NL SG US, got another region", ""},
		{"regions as a list", jwt.MapClaims{"geo_regions": []string{"US"}}, "geo_regions must be a comma-separated string of AU BR CA CN DE HK IN JP MX NL SG US, got an array", ""},
		{"no region", jwt.MapClaims{"geo_regions": ""}, "geo_regions must be a comma-separated string of AU BR CA CN DE HK IN JP MX NL SG US, got no region", ""},
		{"regions with white space", jwt.MapClaims{"geo_regions": "US, DE"}, "", "geo_regions has white space or empty entries in it"},
		{"regions in camel case", jwt.MapClaims{"geoRegions": "US"}, "", "geoRegions is not a claim that Zoom documents: did you mean geo_regions?"},

		{"an option as text", jwt.MapClaims{"cloud_recording_option": "1"}, "cloud_recording_option must be 0 or 1, got a string", ""},
		{"an option of 2", jwt.MapClaims{"cloud_recording_election": 2}, "cloud_recording_election must be 0 or 1, got a number out of range", ""},
		{"a transcript option of 3", jwt.MapClaims{"cloud_recording_transcript_option": 3}, "cloud_recording_transcript_option must be a whole number from 0 to 2, got a number out of range", ""},
		{"a mode as text", jwt.MapClaims{"video_webrtc_mode": "1"}, "video_webrtc_mode must be 0 or 1, got a string", ""},
		{"a mode that is true", jwt.MapClaims{"audio_compatible_mode": true}, "audio_compatible_mode must be 0 or 1, got a boolean", ""},
		{"a tracking id of 201", jwt.MapClaims{"telemetry_tracking_id": strings.Repeat("t", 201)}, "telemetry_tracking_id must be a string of at most 200 characters, got 201", ""},

		{"no iat", jwt.MapClaims{"iat": absent}, "iat must be whole seconds since 1970, got nothing", ""},
		{"no exp", jwt.MapClaims{"exp": absent}, "exp must be whole seconds since 1970, got nothing", ""},
		{"iat as text", jwt.MapClaims{"iat": "1700000000"}, "iat must be whole seconds since 1970, got a string", ""},
		{"exp as text", jwt.MapClaims{"exp": "1700000000"}, "exp must be whole seconds since 1970, got a string", ""},
		{"a fraction of a second", jwt.MapClaims{"iat": float64(now.Unix()-30) + 0.5}, "iat must be whole seconds since 1970, got a fraction", ""},
		{"exp in fractions", jwt.MapClaims{"exp": float64(now.Unix()+7170) + 0.25}, "exp must be whole seconds since 1970, got a fraction", ""},
		{"iat in milliseconds", jwt.MapClaims{"iat": now.UnixMilli()}, "iat must be whole seconds since 1970, got milliseconds", ""},
		{"exp in milliseconds", jwt.MapClaims{"exp": now.UnixMilli() + 7170000}, "exp must be whole seconds since 1970, got milliseconds", ""},
		{"iat in microseconds", jwt.MapClaims{"iat": now.UnixMicro()}, "iat must be whole seconds since 1970, got microseconds", ""},
		{"iat in nanoseconds", jwt.MapClaims{"iat": now.UnixNano()}, "iat must be whole seconds since 1970, got nanoseconds", ""},
		{"exp that is too large for any clock", jwt.MapClaims{"exp": math.MaxFloat64}, "exp must be whole seconds since 1970, got nanoseconds, or a number out of range", ""},
		{"a negative time", jwt.MapClaims{"iat": -1}, "iat must be whole seconds since 1970, got a number out of range", ""},
		{"expired", jwt.MapClaims{"iat": now.Unix() - 7200, "exp": now.Unix() - 60}, "the token expired 1m0s ago", ""},
		{"issued in the future", jwt.MapClaims{"iat": now.Unix() + 60}, "iat lies 1m0s in the future", ""},
		{"too short a life", jwt.MapClaims{"exp": now.Unix() + 60}, "exp is 1m30s after iat, Zoom takes 30m to 48h", ""},
		{"too long a life", jwt.MapClaims{"exp": now.Unix() + 172800}, "exp is 48h0m30s after iat, Zoom takes 30m to 48h", ""},
		{"expires_in in place of exp", jwt.MapClaims{"exp": absent, "expiresIn": 7200}, "exp must be whole seconds since 1970, got nothing", "expiresIn is not a claim that Zoom documents: did you mean exp?"},

		{"claims of others", jwt.MapClaims{"adaptive_ans": 1, "vendor": "x", "jti": "1"}, "", ""},
		{"a long token", jwt.MapClaims{"vendor": strings.Repeat("x", 8000)}, "", "Web SDKs up to 2.3.15 send it in a URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen, err := signer.Inspect(made(t, c.changes), credentials, clock)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("refused for %q, warned of %q", seen.Refused, seen.Warnings)
			for what, list := range map[string]struct {
				got  []string
				want string
			}{"refused": {seen.Refused, c.refused}, "warned": {seen.Warnings, c.warning}} {
				all := strings.Join(list.got, "; ")
				if list.want == "" && all != "" || !strings.Contains(all, list.want) {
					t.Errorf("%s for %q, want %q", what, all, list.want)
				}
			}
		})
	}
}

// TestInspectAsAWhole: what is not about one claim.
func TestInspectAsAWhole(t *testing.T) {
	good := made(t, nil)
	claims := `"app_key":"test-key","role_type":1,"tpc":"a","version":1,"iat":1795435170,"exp":1795442370}`
	const header = `{"alg":"HS256","typ":"JWT"}`
	for _, c := range []struct {
		name, token string
		credentials signer.Credentials
		want        string
	}{
		{"good", good, credentials, ""},
		{"tampered", good[:len(good)-4] + "AAAA", credentials, "the signature is invalid"},
		{"another secret", good, signer.Credentials{Key: "test-key", Secret: "another"}, "the signature is invalid"},
		{"all mistakes at once", made(t, jwt.MapClaims{"app_key": "other", "tpc": absent, "exp": now.Unix()}), credentials, "app_key is not your app's Video SDK key; tpc must be a string of 1 to 200 characters, got nothing; the token expired 0s ago"},
		{"no credentials", made(t, jwt.MapClaims{"app_key": "other"}), signer.Credentials{}, ""},
		{"no credentials, no role", made(t, jwt.MapClaims{"role_type": absent}), signer.Credentials{}, "role_type must be 0 or 1"},
		{"not signed", strings.Split(raw(t, `{"alg":"none"}`, `{`+claims), ".")[0] + ".e30.", credentials, "alg must be HS256, got another"},
		{"no alg", raw(t, `{"typ":"JWT"}`, `{`+claims), credentials, "alg must be HS256, got another"},
		{"another hash", raw(t, `{"alg":"HS512"}`, `{`+claims), credentials, "alg must be HS256, got another"},
		{"text that is not UTF-8", raw(t, header, "{\"user_key\":\"\xff\","+claims), credentials, "user_key must be UTF-8"},
		{"two parts", "a.b", credentials, "this has 2"},
		{"no part", "", credentials, "this has 1"},
		{"no base64", "!.!.!", credentials, "part 1 of the token is not a JSON object in base64url"},
		{"no JSON", "a.b.c", credentials, "part 1 of the token is not a JSON object in base64url"},
		{"a header that is a list", raw(t, `[]`, `{}`), credentials, "part 1 of the token is not a JSON object"},
		{"claims that are null", raw(t, header, `null`), credentials, "part 2 of the token is not a JSON object"},
		{"claims that are a number", raw(t, header, `1`), credentials, "part 2 of the token is not a JSON object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := refused(c.token, c.credentials, clock)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	t.Run("a claim twice", func(t *testing.T) {
		seen, err := signer.Inspect(raw(t, header, `{"role_type":0,`+claims), credentials, clock)
		if err != nil || len(seen.Warnings) != 1 || !strings.Contains(seen.Warnings[0], "a claim is there twice") {
			t.Errorf("%q, %v", seen.Warnings, err)
		}
	})
	t.Run("the order stays", func(t *testing.T) {
		seen, err := signer.Inspect(raw(t, header, `{"z":1,"a":2}`), credentials, clock)
		if err != nil || string(seen.Claims) != `{"z":1,"a":2}` || string(seen.Header) != header {
			t.Errorf("%s %s %v", seen.Header, seen.Claims, err)
		}
	})
}

// TestFindToken: what people have in their clipboard.
func TestFindToken(t *testing.T) {
	token := made(t, nil)
	for name, pasted := range map[string]string{
		"the token":               token,
		"white space around":      "\n\t " + token + " \r\n",
		"quotes":                  `"` + token + `"`,
		"other quotes":            "'" + token + "'",
		"quotes of a word":        "“" + token + "”",
		"a header's value":        "Bearer " + token,
		"a header":                "Authorization: Bearer " + token,
		"a header's value, small": "bearer  " + token,
		"an answer":               `{"signature":"` + token + `"}`,
		"an answer, indented":     "{\n  \"signature\": \"" + token + "\"\n}\n",
		"an answer with more":     `{"signature":"` + token + `","warnings":[{"property":"geo_regions","reason":"is not known"}]}`,
		"an answer to another":    `{"jwt":"` + token + `"}`,
		"an answer and header":    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"signature\":\"" + token + `"}`,
		"a member of an answer":   `"signature": "` + token + `",`,
		"code":                    "const token = `" + token + "`;",
		"a URL":                   "https://example.com/join?token=" + token + "&role=1",
		"lines of a terminal":     token[:80] + "\n" + token[80:160] + "\r\n" + token[160:],
		"the end of a zsh line":   token + "%",
		"a byte order mark":       "\ufeff" + token,
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := signer.FindToken(pasted); err != nil || got != token {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	for pasted, want := range map[string]string{
		"":       "is the shell variable set",
		" \n":    "is the shell variable set",
		`""`:     "is the shell variable set",
		"''":     "is the shell variable set",
		"\ufeff": "is the shell variable set",
		`{"errors":[{"property":"role","reason":"must be 0 or 1, got nothing"}]}`: "a request that failed",
	} {
		if got, err := signer.FindToken(pasted); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %q, %v, want %s", pasted, got, err, want)
		}
	}
	if got, err := signer.FindToken("undefined"); err != nil || got != "undefined" {
		t.Errorf("got %q, %v", got, err)
	}
}

// FuzzInspect: a token comes from anybody. Nothing panics, and what is read is JSON.
func FuzzInspect(f *testing.F) {
	f.Add(sign(f, newSigner(f, defaults), everything()).JWT)
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add(raw(f, `{"alg":"HS256"}`, `{"iat":1e400,"exp":-0,"tpc":"\ud800","geo_regions":[[]],"role_type":{},"version":null}`))
	f.Fuzz(func(t *testing.T, token string) {
		seen, err := signer.Inspect(token, credentials, clock)
		if err == nil && (!json.Valid(seen.Header) || !json.Valid(seen.Claims)) {
			t.Errorf("%q: %s %s", token, seen.Header, seen.Claims)
		}
		// without credentials, there are no more complaints than with them
		unchecked, again := signer.Inspect(token, signer.Credentials{}, clock)
		if (err == nil) != (again == nil) || len(unchecked.Refused) > len(seen.Refused) {
			t.Errorf("%q: refused for %q, and without credentials for %q", token, seen.Refused, unchecked.Refused)
		}
	})
}

// FuzzFindToken: whatever stands around it, a token is found, and what is found can be pasted again.
func FuzzFindToken(f *testing.F) {
	token := made(f, nil)
	for _, around := range []string{"", `{"signature":"`, "Bearer ", "eyJ", "\n", `{"errors":[`, "“"} {
		f.Add(around, "")
		f.Add("", around)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		found, err := signer.FindToken(before + " " + token + "\n" + after)
		if err != nil {
			t.Fatalf("%q, %q: %v", before, after, err)
		}
		if again, err := signer.FindToken(found); err != nil || again != found {
			t.Errorf("%q, %q: found %q, and in that %q, %v", before, after, found, again, err)
		}
	})
}
