package guard_test

import (
	"slices"
	"testing"

	"videosdk-auth-endpoint/internal/guard"
)

// TestFalseParts: every part that is false is named, by the place where its text begins.
func TestFalseParts(t *testing.T) {
	caller := &guard.Caller{Method: guard.JWT, Subject: "alice", Claims: map[string]any{"groups": []any{"pupils"}}}
	request := grant(t, map[string]any{"geoRegions": "DE"}) // a participant in acme-algebra
	for _, test := range []struct {
		policy string
		want   []string
	}{
		{`request.role == 1`, []string{"line 1, column 1: request.role == 1"}},
		{`false`, []string{"line 1, column 1: false"}},
		{`request.role == 0 && request.role == 1 && caller.subject == "bob"`, []string{"line 1, column 22: request.role == 1", `line 1, column 43: caller.subject == "bob"`}},
		{"// the first line\ntrue\n  && ((request.role == 1))", []string{"line 3, column 8: request.role == 1"}},
		{`true && size(request.geoRegions) > 1`, []string{"line 1, column 9: size(request.geoRegions) > 1"}},
		{`has(caller.claims.tenant) && caller.claims.tenant == "acme"`, []string{"line 1, column 1: has(caller.claims.tenant)"}},
		{`!(request.role == 0) && true`, []string{"line 1, column 1: !(request.role == 0)"}},
		{`"ä" == "ä" && "teachers" in caller.claims.groups`, []string{`line 1, column 15: "teachers" in caller.claims.groups`}},
		{`true && caller.claims.groups.exists(g, g == "teachers")`, []string{`line 1, column 9: caller.claims.groups.exists(g, g == "teachers")`}},
		{`(request.role == 1 || caller.subject == "bob") && true`, []string{`line 1, column 2: request.role == 1 || caller.subject == "bob"`}},
		{`request.role == 1 && caller.claims.missing`, []string{"line 1, column 1: request.role == 1"}},
		{`(request.role == 0 && caller.subject == "bob") && [1].all(x, x == 2)`, []string{`line 1, column 23: caller.subject == "bob"`, "line 1, column 51: [1].all(x, x == 2)"}},
	} {
		policy := newPolicy(t, test.policy)
		if err := policy.Allow(caller, request); err == nil {
			t.Errorf("%s is true", test.policy)
		}
		if parts, err := policy.FalseParts(caller, request); err != nil || !slices.Equal(parts, test.want) {
			t.Errorf("%s: got %q, %v, want %q", test.policy, parts, err, test.want)
		}
	}
}

// TestNewCaller: a user's subject is the claim sub of the token, whichever of the two is named.
func TestNewCaller(t *testing.T) {
	for _, test := range []struct {
		name    string
		method  *guard.Method
		subject string
		claims  map[string]any
		want    string // the subject
		err     string
	}{
		{"a user by subject", guard.JWT, "alice", nil, "alice", ""},
		{"a user by sub", guard.JWT, "", map[string]any{"sub": "alice"}, "alice", ""},
		{"a user by both", guard.JWT, "alice", map[string]any{"sub": "alice"}, "alice", ""},
		{"two users", guard.JWT, "bob", map[string]any{"sub": "alice"}, "", "the subject and the claim sub must be the same, and they differ"},
		{"sub that is a number", guard.JWT, "", map[string]any{"sub": int64(7)}, "", "the claim sub must be text, and not empty"},
		{"empty sub", guard.JWT, "alice", map[string]any{"sub": ""}, "", "the claim sub must be text, and not empty"},
		{"an API key", guard.APIKey, "backend", nil, "backend", ""},
		{"an API key with claims", guard.APIKey, "backend", map[string]any{}, "", "only a caller known by jwt has claims"},
		{"a proxy's user", guard.Proxy, "alice", nil, "alice", ""},
		{"nobody", guard.None, "", nil, "", ""},
		{"nobody with a subject", guard.None, "alice", nil, "", "a caller known by none has no subject"},
	} {
		c, err := guard.NewCaller(test.method, test.subject, test.claims)
		if test.err != "" {
			if err == nil || err.Error() != test.err {
				t.Errorf("%s: got %v", test.name, err)
			}
			continue
		}
		if err != nil || c.Method != test.method || c.Subject != test.want {
			t.Errorf("%s: %+v, %v", test.name, c, err)
			continue
		}
		if sub := c.Claims["sub"]; test.method == guard.JWT && sub != test.want || test.method != guard.JWT && c.Claims != nil {
			t.Errorf("%s: claims %v", test.name, c.Claims)
		}
	}
}
