package guard_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
)

// newSigner returns a signer with the default settings.
func newSigner() *signer.HS256 {
	return signer.New(signer.Config{Backdate: 30 * time.Second, DefaultTTL: 2 * time.Hour, MaxTTL: 48 * time.Hour}, signer.Credentials{Key: "key", Secret: "secret"}, clock)
}

// requestFor is a participant's request with these properties.
func requestFor(t testing.TB, properties map[string]any) signer.Request {
	t.Helper()
	var r signer.Request
	r.Set("role", signer.Value{Kind: signer.KindNumber, Number: 0})
	r.Set("sessionName", signer.Value{Kind: signer.KindString, String: "acme-algebra"})
	for name, value := range properties {
		v := signer.Value{Kind: signer.KindNumber}
		switch value := value.(type) {
		case int:
			v.Number = float64(value)
		case string:
			v = signer.Value{Kind: signer.KindString, String: value}
		}
		if !r.Set(name, v) {
			t.Fatalf("no property %s", name)
		}
	}
	return r
}

// grant is what the signer makes of a request with these properties.
func grant(t testing.TB, properties map[string]any) *signer.Grant {
	t.Helper()
	r := requestFor(t, properties)
	g, err := newSigner().Validate(t.Context(), &r)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func newPolicy(t testing.TB, text string) *guard.Policy {
	t.Helper()
	policy, err := guard.NewPolicy("AUTH_POLICY", text)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

func TestPolicy(t *testing.T) {
	teacher := &guard.Caller{Method: guard.JWT, Subject: "alice", Claims: map[string]any{
		"groups": []any{"staff", "teachers"}, "tenant": "acme", "level": 3.0, "admin": true, "address": map[string]any{"country": "DE"},
		"scope": "profile video:hostile", "email": "Alice@Example.com",
	}}
	pupil := &guard.Caller{Method: guard.JWT, Subject: "bob", Claims: map[string]any{"groups": []any{"pupils"}, "tenant": "globex"}}
	backend := &guard.Caller{Method: guard.APIKey, Subject: "backend"}
	nobody := &guard.Caller{Method: guard.None}
	host := map[string]any{"role": 1}
	for _, test := range []struct {
		name, policy string
		caller       *guard.Caller
		request      map[string]any
		refused      guard.Reason // empty: allowed
	}{
		{"everything", `true`, nobody, host, ""},
		{"nothing", `false`, teacher, nil, guard.PolicyDenied},
		{"only teachers host: a teacher", `request.role == 0 || "teachers" in caller.claims.groups`, teacher, host, ""},
		{"only teachers host: a pupil", `request.role == 0 || "teachers" in caller.claims.groups`, pupil, host, guard.PolicyDenied},
		{"only teachers host: a pupil joins", `request.role == 0 || "teachers" in caller.claims.groups`, pupil, nil, ""},
		{"only teachers host: a key has no groups", `request.role == 0 || "teachers" in caller.claims.groups`, backend, host, guard.PolicyError},
		{"a claim that may be missing", `"teachers" in caller.claims.?groups.orValue([])`, backend, host, guard.PolicyDenied},
		{"a claim that may be missing, tested", `has(caller.claims.groups) && "teachers" in caller.claims.groups`, backend, host, guard.PolicyDenied},
		{"the tenant's sessions", `request.sessionName.startsWith(caller.claims.tenant + "-")`, teacher, nil, ""},
		{"another tenant's sessions", `request.sessionName.startsWith(caller.claims.tenant + "-")`, pupil, nil, guard.PolicyDenied},
		{"themselves", `request.userIdentity == caller.subject`, teacher, map[string]any{"userIdentity": "alice"}, ""},
		{"somebody else", `request.userIdentity == caller.subject`, teacher, map[string]any{"userIdentity": "bob"}, guard.PolicyDenied},
		{"nobody in particular", `request.userIdentity == caller.subject`, teacher, nil, guard.PolicyDenied},
		{"keys may do all", `caller.method == "api_key" || request.role == 0`, backend, host, ""},
		{"the open endpoint makes no hosts", `request.role == 0`, nobody, host, guard.PolicyDenied},
		{"a number of JSON", `caller.claims.level >= 3`, teacher, nil, ""},
		{"a boolean of JSON", `caller.claims.admin`, teacher, nil, ""},
		{"a claim within a claim", `caller.claims.address.country == "DE"`, teacher, nil, ""},
		{"the default lifetime is seen", `request.expirationSeconds <= 7200`, teacher, nil, ""},
		{"a long lifetime is seen", `request.expirationSeconds <= 7200`, teacher, map[string]any{"expirationSeconds": 7201}, guard.PolicyDenied},
		{"what was not sent is not there", `has(request.userKey)`, teacher, nil, guard.PolicyDenied},
		{"what was sent is", `has(request.userKey)`, teacher, map[string]any{"userKey": "k"}, ""},
		{"a number that was not sent is zero", `request.cloudRecordingOption == 0 && !has(request.cloudRecordingOption)`, teacher, nil, ""},
		{"a list", `request.geoRegions.all(r, r in ["DE", "NL"])`, teacher, map[string]any{"geoRegions": "DE, NL"}, ""},
		{"a list with another in it", `request.geoRegions.all(r, r in ["DE", "NL"])`, teacher, map[string]any{"geoRegions": "DE,US"}, guard.PolicyDenied},
		{"the old name sets the new one", `request.audioWebRtcMode == 0`, teacher, map[string]any{"audioCompatibleMode": 1}, guard.PolicyDenied},
		{"each claim has its own value", `request.audioCompatibleMode == 0 && request.audioWebRtcMode == 1`, teacher, map[string]any{"audioWebRtcMode": 1, "audioCompatibleMode": 0}, ""},
		{"the new name does not set the old one", `has(request.audioCompatibleMode)`, teacher, map[string]any{"audioWebRtcMode": 1}, guard.PolicyDenied},
		{"a word of a scope", `"video:host" in caller.claims.scope.split(" ")`, teacher, nil, guard.PolicyDenied},
		{"an address in any case", `caller.claims.email.lowerAscii() == "alice@example.com"`, teacher, nil, ""},
		{"a session's name in Zoom's eyes", `request.canonicalSessionName == "board"`, teacher, map[string]any{"sessionName": "BOARD"}, ""},
		{"a session's name beyond ASCII in Zoom's eyes", `request.canonicalSessionName == "küche"`, teacher, map[string]any{"sessionName": "KÜCHE"}, ""},
		{"the raw name stays as it was sent", `request.sessionName == "board"`, teacher, map[string]any{"sessionName": "BOARD"}, guard.PolicyDenied},
		{"no boolean", `caller.claims.tenant`, teacher, nil, guard.PolicyError},
		{"a claim of another type", `caller.claims.tenant > 3`, teacher, nil, guard.PolicyError},
		{"divided by nothing", `1 / request.role == 1`, teacher, nil, guard.PolicyError},
		{"the request as a whole", `request == request`, teacher, nil, guard.PolicyError},
		{"a caller of its own making", `Caller{subject: "root"} == caller`, teacher, nil, guard.PolicyError},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := newPolicy(t, test.policy).Allow(test.caller, grant(t, test.request))
			if test.refused != "" {
				wantRefusal(t, err, test.refused, "")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPolicyMistakesShowTheirPlace(t *testing.T) {
	for _, test := range []struct{ name, policy, want string }{
		{"a property that there is not", `request.rol == 0`, "at 1:8: undefined field 'rol'"},
		{"a property by its claim's name", `request.role_type == 0`, "at 1:8: undefined field 'role_type'"},
		{"a field of the caller that there is not", `caller.groups == []`, "at 1:7: undefined field 'groups'"},
		{"in the second line", "caller.subject ==\n  request.sesionName", "at 2:10: undefined field 'sesionName'"},
		{"a number compared with text", `request.role == "1"`, "at 1:14: found no matching overload"},
		{"a variable that there is not", `user == "a"`, "at 1:1: undeclared reference to 'user'"},
		{"the syntax", `request.role == `, "at 1:17: Syntax error"},
		{"no condition", `request.role`, "want an expression that is true or false, this one is of type int"},
		{"a pattern that is none", `request.sessionName.matches("(")`, "at 1:29: invalid matches argument"},
		{"a text of the caller's in another one's place", `caller.subject.replace("a", caller.subject) == ""`, "at 1:35: want a text in quotes here"},
		{"a text of the caller's between others", `caller.claims.groups.join(caller.subject) == ""`, "at 1:33: want a text in quotes here"},
		{"too long", strings.Repeat(" ", 65<<10) + "true", "exceeds limit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := guard.NewPolicy("AUTH_POLICY", test.policy)
			if err == nil || !strings.HasPrefix(err.Error(), "AUTH_POLICY: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// TestDocumentedPolicies: the short policies in docs/guard.md compile. The long ones are docs/policies.yaml's, which has
// tests of its own.
func TestDocumentedPolicies(t *testing.T) {
	text, err := os.ReadFile("../../docs/guard.md")
	if err != nil {
		t.Fatal(err)
	}
	policies := regexp.MustCompile(`AUTH_POLICY='([^']*)'`).FindAllSubmatch(text, -1)
	for _, policy := range policies {
		newPolicy(t, string(policy[1]))
	}
	if len(policies) < 4 {
		t.Errorf("%d policies: the test does not find them", len(policies))
	}
}

func TestAttacksOnThePolicy(t *testing.T) {
	ten := `[1,2,3,4,5,6,7,8,9,10]`
	slow := &guard.Caller{Method: guard.JWT, Subject: "mallory", Claims: map[string]any{
		"text": strings.Repeat("a", 12<<10), "list": make([]any, 3000), "pattern": "(a*)*(a*)*(a*)*b",
	}}
	for name, policy := range map[string]string{
		"loops in loops":                ten + ".all(a, " + ten + ".all(b, " + ten + ".all(c, " + ten + ".all(d, " + ten + ".all(e, a+b+c+d+e > 0)))))",
		"a long claim, again and again": ten + ".all(a, " + ten + ".all(b, caller.claims.text.contains(string(a + b) + caller.claims.text)))",
		"a claim's list with itself":    `caller.claims.list.all(a, caller.claims.list.all(b, a == b))`,
		"a claim as a pattern":          ten + `.exists(a, caller.claims.text.matches(caller.claims.pattern))`,
		"text that grows":               `(caller.claims.text + caller.claims.text + caller.claims.text + caller.claims.text).contains(caller.claims.text + "b")`,
	} {
		t.Run("slow: "+name, func(t *testing.T) {
			err := newPolicy(t, policy).Allow(slow, grant(t, nil))
			wantRefusal(t, err, guard.PolicyError, "")
			if !strings.Contains(err.Error(), "AUTH_POLICY costs more than 10000") {
				t.Error(err)
			}
		})
	}
	t.Run("the error names no value of the request", func(t *testing.T) {
		err := newPolicy(t, `caller.claims[request.sessionName] == 1`).Allow(slow, grant(t, map[string]any{"sessionName": "hidden"}))
		wantRefusal(t, err, guard.PolicyError, "")
		if text := err.Error(); strings.Contains(text, "hidden") || !strings.Contains(text, "no such key at line 1, column 14") {
			t.Error(text)
		}
		for _, policy := range []string{
			`timestamp(request.sessionName) < timestamp("2026-01-01T00:00:00Z")`, `duration(request.sessionName) < duration("1h")`,
			`int(request.sessionName) == 1`, `double(request.sessionName) == 1.0`, `bool(request.sessionName)`, `request.sessionName.matches(request.sessionName)`,
			`request.sessionName.substring(100) == ""`, `{"a": 1}[request.sessionName] == 1`, `[1][int(request.sessionName.size())] == 1`, `dyn(request.sessionName) > 1`,
		} {
			err := newPolicy(t, policy).Allow(slow, grant(t, map[string]any{"sessionName": "hidden: (hidden"}))
			if err == nil || strings.Contains(err.Error(), "hidden") {
				t.Errorf("%s: %v", policy, err)
			}
		}
	})
}

// BenchmarkPolicy is the price of the usual policies.
func BenchmarkPolicy(b *testing.B) {
	teacher := &guard.Caller{Method: guard.JWT, Subject: "alice", Claims: map[string]any{"groups": []any{"staff", "teachers"}, "tenant": "acme"}}
	g := grant(b, map[string]any{"role": 1, "userIdentity": "alice"})
	for name, text := range map[string]string{
		"group":        `request.role == 0 || "teachers" in caller.claims.groups`,
		"tenant":       `request.sessionName.startsWith(caller.claims.tenant + "-")`,
		"identity":     `request.userIdentity == caller.subject`,
		"at its limit": `[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, a+b+c+d > 0))))`,
	} {
		b.Run(name, func(b *testing.B) {
			policy := newPolicy(b, text)
			b.ReportAllocs()
			for b.Loop() {
				_ = policy.Allow(teacher, g)
			}
		})
	}
}

// TestNumbersOfClaims: a policy sees whole numbers as what they are, however large.
func TestNumbersOfClaims(t *testing.T) {
	for _, test := range []struct{ claims, policy string }{
		{`{"visit": 999999}`, `"visit-" + string(caller.claims.visit) == "visit-999999"`},
		{`{"visit": 1000000}`, `"visit-" + string(caller.claims.visit) == "visit-1000000"`},
		{`{"visit": 1000000}`, `caller.claims.visit == 1000000 && type(caller.claims.visit) == int`},
		{`{"id": 9007199254740993}`, `caller.claims.id != 9007199254740992 && string(caller.claims.id) == "9007199254740993"`},
		{`{"id": -9223372036854775808}`, `string(caller.claims.id) == "-9223372036854775808"`},
		{`{"id": 18446744073709551615}`, `string(caller.claims.id) == "18446744073709551615"`},
		{`{"level": 3.0, "large": 1e3}`, `caller.claims.level == 3 && string(caller.claims.large) == "1000"`},
		{`{"part": 0.5}`, `caller.claims.part == 0.5 && caller.claims.part < 1`},
		{`{"a": [{"b": 1000000}, [1000001]]}`, `string(caller.claims.a[0].b) == "1000000" && string(caller.claims.a[1][0]) == "1000001"`},
		{`{"huge": 1e400}`, `caller.claims.huge > 1`},
	} {
		claims, err := guard.ParseClaims([]byte(test.claims))
		if err != nil {
			t.Fatal(err)
		}
		if err := newPolicy(t, test.policy).Allow(&guard.Caller{Method: guard.JWT, Claims: claims}, grant(t, nil)); err != nil {
			t.Errorf("%s with %s: %v", test.policy, test.claims, err)
		}
	}
	for _, text := range []string{``, `null`, `[]`, `{} {}`, `{`, `"a"`, `{"a": 1} x`} {
		if claims, err := guard.ParseClaims([]byte(text)); err == nil {
			t.Errorf("%q: %v", text, claims)
		}
	}
}
