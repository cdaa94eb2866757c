package signer

import "strings"

// Rule names the rule that a property broke; the set is closed, so that it can label a metric.
type Rule string

// The rules.
const (
	RuleRequired Rule = "required"
	RuleType     Rule = "type"
	RuleEncoding Rule = "encoding"
	RuleLength   Rule = "length"
	RuleRange    Rule = "range"
	RuleRegion   Rule = "region"
	// RuleCharacters is broken only where TOKEN_SESSION_NAMES asks for the characters that Zoom documents.
	RuleCharacters Rule = "characters"
)

// Violation is one property that breaks a rule.
type Violation struct {
	Property string
	Rule     Rule
	// Reason says what was expected and what came instead. It holds nothing of what the client sent but a name that is
	// nearly the property's.
	Reason string
}

// Misnamed is a name in a request that is not known, and the property that it seems to mean.
type Misnamed struct{ Got, Meant string }

// ValidationError lists every property of a request that breaks a rule, each once.
type ValidationError struct {
	Violations []Violation
	// Misnamed are the names that nobody knows and that look like a property which was not sent.
	Misnamed []Misnamed
}

func (e *ValidationError) Error() string {
	reasons := make([]string, len(e.Violations))
	for i, v := range e.Violations {
		reasons[i] = v.Property + " " + v.Reason
	}
	return strings.Join(reasons, "; ")
}
