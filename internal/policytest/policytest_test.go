package policytest_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/internal/policytest"
	"videosdk-auth-endpoint/signer"
)

func tokens() signer.Signer {
	c := signer.Config{DefaultTTL: time.Hour, MaxTTL: 48 * time.Hour, SessionNames: "any"}
	return signer.New(c, signer.Credentials{Key: "k", Secret: "s"}, time.Now)
}

// run parses a file of one document, and tries it with rules of its policy and these settings.
func run(t *testing.T, text string, c guard.Config) []string {
	t.Helper()
	suites, err := policytest.Parse([]byte(text))
	if err != nil || len(suites) != 1 {
		t.Fatalf("%d documents, %v", len(suites), err)
	}
	c.Policy = suites[0].Policy
	rules, err := guard.NewRules(c)
	if err != nil {
		t.Fatal(err)
	}
	return suites[0].Run(t.Context(), rules, tokens())
}

func document(test string) string {
	return "policy: request.role == 0 || caller.claims.host\ntests:\n- {name: it, " + test + "}\n"
}

// TestAnswers: a test passes when the answer is the one that it wants, and says what differs otherwise.
func TestAnswers(t *testing.T) {
	answers := []string{policytest.Allowed, policytest.Denied, policytest.Failed, policytest.Invalid}
	for _, c := range []struct{ name, test, answer string }{
		{"a participant", `request: {sessionName: a, role: 0}`, policytest.Allowed},
		{"a host", `caller: {claims: {host: true}}, request: {sessionName: a, role: 1}`, policytest.Allowed},
		{"nobody's host", `caller: {claims: {host: false}}, request: {sessionName: a, role: 1}`, policytest.Denied},
		{"a claim that is missing", `request: {sessionName: a, role: 1}`, policytest.Failed},
		{"a request that breaks a rule", `request: {sessionName: a, role: 2}`, policytest.Invalid},
		{"a request without a session", `request: {role: 0}`, policytest.Invalid},
		{"a value of another type", `request: {sessionName: [a], role: 0}`, policytest.Invalid},
		{"null, which is not a value", `request: {sessionName: a, role: 0, userKey: null}`, policytest.Invalid},
		{"a list", `request: {sessionName: a, role: 0, geoRegions: [US, DE]}`, policytest.Allowed},
		{"a number as text", `request: {sessionName: a, role: "0"}`, policytest.Allowed},
		{"another method", `caller: {method: api_key, subject: backend}, request: {sessionName: a, role: 0}`, policytest.Allowed},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, want := range answers {
				failures := run(t, document(c.test+", want: "+want), guard.Config{})
				if passed := failures == nil; passed != (want == c.answer) {
					t.Errorf("wants %s: %v", want, failures)
				} else if !passed && !strings.Contains(failures[0], "want "+want+"\n      got  "+c.answer) {
					t.Errorf("wants %s: %s", want, failures[0])
				}
			}
		})
	}
}

// TestSigned: what the token would say is compared, the caller's own name included.
func TestSigned(t *testing.T) {
	own := guard.Config{IdentityClaim: "sub", IdentityProperty: "userKey"}
	const caller = `caller: {subject: alice}, request: {sessionName: a, role: 0, userIdentity: boss, geoRegions: "US, DE"}, want: allowed, signed: `
	for _, c := range []struct {
		signed string
		want   []string // what differs
	}{
		{`{userKey: alice, userIdentity: alice, role: 0, geoRegions: [US, DE], expirationSeconds: 3600}`, nil},
		{`{sessionKey: "", role: "0"}`, []string{"sessionKey: want , got nothing", "role: want 0, got 0"}},
		{`{userKey: bob, role: 1}`, []string{"userKey: want bob, got alice", "role: want 1, got 0"}},
	} {
		failures := run(t, document(caller+c.signed), own)
		if (failures == nil) != (c.want == nil) {
			t.Errorf("%s: %v", c.signed, failures)
		}
		for _, want := range c.want {
			if !strings.Contains(failures[0], want) {
				t.Errorf("%s: %s lacks %s", c.signed, failures[0], want)
			}
		}
	}
}

// TestSubjectIsSub: the subject of a user and the claim sub are one thing, as they are in the service.
func TestSubjectIsSub(t *testing.T) {
	for _, caller := range []string{`{subject: alice}`, `{claims: {sub: alice}}`} {
		text := "policy: caller.subject == \"alice\" && caller.claims.sub == \"alice\"\ntests:\n- {name: it, caller: " + caller + ", request: {sessionName: a, role: 0}, want: allowed}\n"
		if failures := run(t, text, guard.Config{}); failures != nil {
			t.Errorf("%s: %v", caller, failures)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "there is no test in the file"},
		{"no tests", "policy: 'true'", "document 1: tests: want at least one"},
		{"a field that there is not", "polcy: 'true'", "field polcy not found"},
		{"not YAML", "tests: [", "document 1: yaml"},
		{"no name", document("")[:len(document(""))-len("name: it, }\n")] + "want: allowed}", `tests[0] "": name: want one`},
		{"another answer", document("want: yes please"), `tests[0] "it": want: want one of allowed, denied, error, invalid`},
		{"an answer that is missing", document("request: {role: 0}"), `want: want one of`},
		{"a property that there is not", document("want: denied, request: {sesionName: a}"), "sesionName: no property"},
		{"a signed property that there is not", document("want: allowed, signed: {user_key: a}"), "user_key: no property"},
		{"signed, but denied", document("want: denied, signed: {role: 1}"), "only a request that is allowed is signed"},
		{"another method", document("want: denied, caller: {method: saml}"), "caller.method: want jwt, api_key, proxy or none"},
		{"a claim that JSON does not have", document("want: denied, caller: {claims: {a: .nan}}"), "caller: claims: want values that JSON has"},
		{"a property that JSON does not have", document("want: denied, request: {role: .nan}"), "role: want a value that JSON has"},
		{"a date without quotes", document("want: denied, request: {sessionName: 2026-01-02}"), "sessionName: want a value that JSON has; a date needs quotes"},
		{"in the second document", document("want: denied") + "---\ntests: []", "document 2: tests"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := policytest.Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestDocumentedPolicies: the policies that people copy answer as their examples say, and docs/guard.md shows the same ones.
func TestDocumentedPolicies(t *testing.T) {
	text, err := os.ReadFile("../../docs/policies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	suites, err := policytest.Parse(text)
	if err != nil || len(suites) != 5 {
		t.Fatalf("%d policies, %v", len(suites), err)
	}
	var policies []string
	for _, suite := range suites {
		rules, err := guard.NewRules(guard.Config{Policy: suite.Policy})
		if err != nil {
			t.Fatal(err)
		}
		if failures := suite.Run(t.Context(), rules, tokens()); failures != nil {
			t.Errorf("%s: %v", suite.Name, failures)
		}
		wanted := map[string]bool{}
		for _, test := range suite.Tests {
			wanted[test.Want] = true
		}
		if !wanted[policytest.Allowed] || !wanted[policytest.Denied] {
			t.Errorf("%s: want examples of both, what is allowed and what is denied", suite.Name)
		}
		policies = append(policies, strings.TrimSpace(suite.Policy))
	}
	page, err := os.ReadFile("../../docs/guard.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```cel\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	for _, policy := range shown {
		if !slices.Contains(policies, strings.TrimSpace(policy[1])) {
			t.Errorf("docs/guard.md shows a policy that docs/policies.yaml does not test:\n%s", policy[1])
		}
	}
	if len(shown) < 3 {
		t.Errorf("docs/guard.md shows %d policies: the test does not find them", len(shown))
	}
}

// FuzzParse reads any file: it never panics, and what it takes can be run.
func FuzzParse(f *testing.F) {
	f.Add(document("caller: {subject: a, claims: {host: true, n: 9007199254740993}}, request: {sessionName: a, role: 1}, want: allowed, signed: {role: 1}"))
	f.Add("tests: [{name: a, want: error, request: {geoRegions: [US, 1], userKey: {}, role: 1e400}}]\n---\ntests: [&a {name: b, want: denied}, *a]")
	f.Add("? [a]\n: b\ntests: !!binary aGk=")
	rules, err := guard.NewRules(guard.Config{Policy: "request.role == 0"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		suites, err := policytest.Parse([]byte(text))
		if (err == nil) == (len(suites) == 0) {
			t.Fatalf("%d documents and %v", len(suites), err)
		}
		for _, suite := range suites {
			suite.Run(t.Context(), rules, tokens())
		}
	})
}
