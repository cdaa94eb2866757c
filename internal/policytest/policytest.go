// Package policytest tries policies on examples, as a pipeline does before a policy is deployed. Its files are YAML;
// their format is in docs/guard.md.
package policytest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
)

// Suite is one document of a file: a policy and examples of what it allows and what it doesn't.
type Suite struct {
	Name string `yaml:"name"`
	// Policy is the policy to test; empty for the one that the environment sets.
	Policy string `yaml:"policy"`
	Tests  []Test `yaml:"tests"`
}

// Test is one example.
type Test struct {
	Name    string         `yaml:"name"`
	Caller  Caller         `yaml:"caller"`
	Request map[string]any `yaml:"request"`
	// Want is one of the Answers.
	Want string `yaml:"want"`
	// Signed lists properties that the token must have, with their values. It need not list all of them.
	Signed map[string]any `yaml:"signed"`
}

// Caller is who makes the request.
type Caller struct {
	// Method is jwt unless it is set.
	Method  string         `yaml:"method"`
	Subject string         `yaml:"subject"`
	Claims  map[string]any `yaml:"claims"`
}

// The answers that a test can want. Denied is the policy's answer, or that of a caller without a name that can be in a
// token. Failed means that the policy could not be evaluated, which also denies; it is an answer of its own because it
// is seldom meant. Invalid means that the request breaks a rule, whoever makes it.
const (
	Allowed = "allowed"
	Denied  = "denied"
	Failed  = "error"
	Invalid = "invalid"
)

var answers = []string{Allowed, Denied, Failed, Invalid}

// Parse reads a file. Its error says where the mistake is.
func Parse(text []byte) ([]Suite, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	var suites []Suite
	for {
		var s Suite
		if err := d.Decode(&s); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("document %d: %w", len(suites)+1, err)
		}
		if err := s.validate(); err != nil {
			return nil, fmt.Errorf("document %d: %w", len(suites)+1, err)
		}
		suites = append(suites, s)
	}
	if suites == nil {
		return nil, errors.New("there is no test in the file")
	}
	return suites, nil
}

func (s *Suite) validate() error {
	if len(s.Tests) == 0 {
		return errors.New("tests: want at least one")
	}
	for i, test := range s.Tests {
		wrong := func(field, want string) error { return fmt.Errorf("tests[%d] %q: %s: %s", i, test.Name, field, want) }
		switch {
		case test.Name == "":
			return wrong("name", "want one")
		case !slices.Contains(answers, test.Want):
			return wrong("want", "want one of "+strings.Join(answers, ", "))
		case test.Signed != nil && test.Want != Allowed:
			return wrong("signed", "only a request that is allowed is signed")
		case test.Caller.Method != "" && guard.MethodByName(test.Caller.Method) == nil:
			return wrong("caller.method", "want jwt, api_key, proxy or none")
		}
		for _, properties := range []map[string]any{test.Request, test.Signed} {
			for name, value := range properties {
				if _, isDate := value.(time.Time); isDate || asJSON(value) == nil {
					return wrong(name, "want a value that JSON has; a date needs quotes")
				}
				if !slices.ContainsFunc(signer.Properties(), func(p signer.Property) bool { return p.Name == name }) {
					return wrong(name, "no property of a request is called so")
				}
			}
		}
		if _, err := test.caller(); err != nil {
			return wrong("caller", err.Error())
		}
	}
	return nil
}

// Run tries every test, and returns what differs from what is wanted, one text for each test that fails.
func (s *Suite) Run(ctx context.Context, rules *guard.Rules, tokens signer.Signer) []string {
	var failures []string
	for i := range s.Tests {
		if differences := s.Tests[i].run(ctx, rules, tokens); differences != nil {
			failures = append(failures, s.Tests[i].Name+"\n      "+strings.Join(differences, "\n      "))
		}
	}
	return failures
}

func (t *Test) run(ctx context.Context, rules *guard.Rules, tokens signer.Signer) (differences []string) {
	caller, err := t.caller()
	if err != nil {
		return []string{err.Error()}
	}
	var request signer.Request
	for name, value := range t.Request {
		request.Set(name, signer.ValueOf(asJSON(value)))
	}
	grant, err := rules.Grant(ctx, tokens, caller, &request)
	if got, why := answer(err); got != t.Want {
		return []string{"want " + t.Want, "got  " + got + why}
	}
	for i, p := range tokens.Properties() {
		want, asked := t.Signed[p.Name]
		if !asked {
			continue
		}
		got, sent := grant.Value(i)
		if !sent && p.Claim != "" { // the lifetime, which has no claim of its own, is always there
			got = "nothing"
		}
		if !sent && p.Claim != "" || !bytes.Equal(asJSON(got), asJSON(want)) {
			differences = append(differences, fmt.Sprintf("%s: want %v, got %v", p.Name, want, got))
		}
	}
	return differences
}

// asJSON is empty for a value that JSON doesn't have.
func asJSON(value any) []byte {
	text, _ := json.Marshal(value)
	return text
}

// answer puts the error of a grant into one of the answers, and says why.
func answer(err error) (got, why string) {
	refusal, refused := errors.AsType[*guard.RefusalError](err)
	switch {
	case err == nil:
		return Allowed, ""
	case !refused:
		return Invalid, ": " + err.Error()
	case refusal.Reason == guard.PolicyError:
		return Failed, ": " + refusal.Detail
	default:
		return Denied, ": " + refusal.Detail
	}
}

// caller is the caller as the service would know them. Claims are read as JSON, as those of a token are.
func (t *Test) caller() (*guard.Caller, error) {
	var claims map[string]any
	if t.Caller.Claims != nil {
		var err error
		if claims, err = guard.ParseClaims(asJSON(t.Caller.Claims)); err != nil {
			return nil, errors.New("claims: want values that JSON has")
		}
	}
	return guard.NewCaller(guard.MethodByName(cmp.Or(t.Caller.Method, guard.JWT.Name)), t.Caller.Subject, claims)
}
