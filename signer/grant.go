package signer

import (
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
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

// CanonicalSessionName returns the name in lower case. Zoom ignores the case of session names, so two names with the
// same canonical name open the same session: rules about sessions must compare this one.
func CanonicalSessionName(name string) string {
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return cases.Lower(language.Und).String(name)
		}
	}
	return strings.ToLower(name) // allocates nothing where the name is in lower case already
}
