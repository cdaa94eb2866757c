package signer

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Grant is a request that keeps every rule: exactly what its token will say. Only Validate makes one.
type Grant struct {
	lifetime time.Duration
	claims   [propertyCount]claim
	misnamed []Misnamed
}

type claim struct {
	sent   bool
	number int
	text   string
}

// Roles names the values of role_type.
var Roles = []string{"participant", "host"}

// Role is the role that the token gives, one of Roles.
func (g *Grant) Role() string { return Roles[g.claims[role].number] }

// SessionName is the name of the session that the token opens.
func (g *Grant) SessionName() string { return g.claims[sessionName].text }

// CanonicalSessionName is the session's name as Zoom compares it, see the function of that name.
func (g *Grant) CanonicalSessionName() string { return CanonicalSessionName(g.SessionName()) }

// UserIdentity is the user's identity; empty where none was sent.
func (g *Grant) UserIdentity() string { return g.claims[userIdentity].text }

// UserKey is the user's key; empty where none was sent.
func (g *Grant) UserKey() string { return g.claims[userKey].text }

// Value is what the token will say of the property at that place in Properties: an int64, a string or, for Regions, a
// []string. Where nothing was sent it is the zero value, and sent is false, but for expirationSeconds: there it is the
// token's lifetime.
func (g *Grant) Value(property int) (value any, sent bool) {
	c := &g.claims[property]
	switch {
	case property == expirationSeconds:
		return int64(g.lifetime / time.Second), true
	case properties[property].Type == Integer:
		return int64(c.number), c.sent
	case properties[property].Type == Regions:
		return strings.FieldsFunc(c.text, func(r rune) bool { return r == ',' }), c.sent
	default:
		return c.text, c.sent
	}
}

// Lifetime is the time from the token's iat to its exp.
func (g *Grant) Lifetime() time.Duration { return g.lifetime }

// Misnamed are the unknown names in the request that seem to mean a property. The token lacks that property.
func (g *Grant) Misnamed() []Misnamed { return g.misnamed }

// Validate checks every property of the request. Its error is a *ValidationError.
func (s *HS256) Validate(_ context.Context, r *Request) (*Grant, error) {
	g := &Grant{lifetime: s.config.defaultTTL(), misnamed: r.missed()}
	var violations []Violation
	for i := range s.properties {
		p, v := &s.properties[i], &r.values[i]
		if v.Kind == KindAbsent {
			if p.Required {
				violations = append(violations, *p.violation(RuleRequired, r.gotInstead(p)))
			}
			continue
		}
		c, violation := p.check(v)
		if violation != nil {
			violations = append(violations, *violation)
			continue
		}
		g.claims[i] = c
	}
	if violations != nil {
		return nil, &ValidationError{violations, g.misnamed}
	}
	if ttl := g.claims[expirationSeconds]; ttl.sent {
		g.lifetime = time.Duration(ttl.number) * time.Second
	}
	g.resolveAliases()
	return g, nil
}

// resolveAliases sets the properties that were sent under an older name alone.
func (g *Grant) resolveAliases() {
	for i := range properties {
		alias := &g.claims[i]
		if properties[i].AliasOf == "" || !alias.sent {
			continue
		}
		if property := &g.claims[propertyIndex[properties[i].AliasOf]]; !property.sent {
			*property = *alias
		}
	}
}

// claimKinds are the kinds of claims, by the type of their property.
var claimKinds = [...]Kind{String: KindString, Integer: KindNumber, Regions: KindString}

func (p *Property) check(v *Value) (claim, *Violation) {
	if !isUTF8(v) {
		return claim{}, &Violation{p.Name, RuleEncoding, "must be UTF-8, got bytes of another encoding"}
	}
	if p.exact && v.Kind != claimKinds[p.Type] {
		return claim{}, p.violation(RuleType, v.Kind.String())
	}
	switch p.Type {
	case Integer:
		return p.checkInteger(v)
	case Regions:
		return p.checkRegions(v)
	default:
		return p.checkString(v)
	}
}

func (p *Property) violation(rule Rule, got string) *Violation {
	return &Violation{p.Name, rule, "must be " + p.Expects() + ", got " + got}
}

func (p *Property) checkString(v *Value) (claim, *Violation) {
	if v.Kind != KindString {
		return claim{}, p.violation(RuleType, v.Kind.String())
	}
	if n := utf16Len(v.String); n < p.Min || n > p.Max {
		return claim{}, p.violation(RuleLength, strconv.Itoa(n))
	}
	if p.Strict && p.Undocumented(v.String) {
		return claim{}, p.violation(RuleCharacters, "another character")
	}
	return claim{sent: true, text: v.String}, nil
}

func isUTF8(v *Value) bool {
	return utf8.ValidString(v.String) && !slices.ContainsFunc(v.Strings, func(s string) bool { return !utf8.ValidString(s) })
}

// utf16Len counts as JavaScript's length does.
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

func (p *Property) checkInteger(v *Value) (claim, *Violation) {
	switch v.Kind {
	case KindNumber:
		if v.Number != math.Trunc(v.Number) {
			return claim{}, p.violation(RuleType, "a fraction")
		}
		if v.Number < float64(p.Min) || v.Number > float64(p.Max) {
			return claim{}, p.violation(RuleRange, "a number out of range")
		}
		return claim{sent: true, number: int(v.Number)}, nil
	case KindString:
		// the whole string must be the number: a typing mistake ("1abc") must not become a host
		n, err := strconv.Atoi(v.String)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return claim{}, p.violation(RuleType, "a string that is not a whole number")
		}
		if n < p.Min || n > p.Max {
			return claim{}, p.violation(RuleRange, "a number out of range")
		}
		return claim{sent: true, number: n}, nil
	default:
		return claim{}, p.violation(RuleType, v.Kind.String())
	}
}

func (p *Property) checkRegions(v *Value) (claim, *Violation) {
	entries := v.Strings
	switch v.Kind {
	case KindString:
		entries = strings.Split(v.String, ",")
	case KindStrings:
	default:
		return claim{}, p.violation(RuleType, v.Kind.String())
	}
	var kept []string
	for _, entry := range entries {
		entry = strings.Map(dropSpace, entry)
		if entry == "" {
			continue
		}
		if !slices.Contains(regionCodes[:], entry) {
			return claim{}, p.violation(RuleRegion, "another region")
		}
		kept = append(kept, entry)
	}
	if kept == nil {
		return claim{}, p.violation(RuleRegion, "no region")
	}
	return claim{sent: true, text: strings.Join(kept, ",")}, nil
}

// dropSpace drops what \s matches in JavaScript, as the sample does.
func dropSpace(r rune) rune {
	if (unicode.IsSpace(r) && r != '\u0085') || r == '\ufeff' {
		return -1
	}
	return r
}
