package guard

import (
	"fmt"
	"strings"

	"videosdk-auth-endpoint/signer"
)

// identify puts a person's own name into the request. AUTH_IDENTITY_PROPERTY always has it. The other property that
// names a user has it where the request sends that one: otherwise the caller could borrow a name there. An API key's
// backend speaks for its users, so what it sends stays. The error is a *RefusalError.
func (c *Config) identify(caller *Caller, request *signer.Request) (pinned bool, err error) {
	if c.IdentityClaim == "" || !caller.Method.Person {
		return false, nil
	}
	name := caller.Subject
	if c.IdentityClaim != "sub" {
		name = asName(claim(caller.Claims, c.IdentityClaim))
	}
	if name == "" {
		return false, refuse(Identity, "the caller has no claim %s that is text or a whole number", c.IdentityClaim)
	}
	for _, property := range identityProperties {
		if property == c.IdentityProperty || request.Sent(property) {
			request.Set(property, signer.Value{Kind: signer.KindString, String: name})
		}
	}
	return true, nil
}

// claim is the claim of that name. A name such as realm_access.name leads into objects, unless there is a claim that is
// called just so; the names of claims that providers add are often URLs.
func claim(claims map[string]any, name string) any {
	if value, ok := claims[name]; ok {
		return value
	}
	outer, inner, nested := strings.Cut(name, ".")
	if object, ok := claims[outer].(map[string]any); ok && nested {
		return claim(object, inner)
	}
	return nil
}

// asName is the text of a name, or of a number that names somebody; empty for any other value.
func asName(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case int64, uint64:
		return fmt.Sprint(value)
	default:
		return ""
	}
}
