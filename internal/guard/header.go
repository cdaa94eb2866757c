package guard

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// algorithms are the asymmetric ones. With a symmetric one, whoever has the public key could sign.
var algorithms = slices.Concat(rsaAlgorithms, []string{"ES256", "ES384", "ES512"}, edDSA)

// maxHeader is the longest header of a token, in bytes. The usual ones have about a hundred.
const maxHeader = 2 << 10

// readHeader reads what a token says of its key and refuses what no key could verify. Nothing of it is verified yet,
// and golang-jwt reads it again.
func readHeader(token string) (keyName, *RefusalError) {
	encoded, rest, _ := strings.Cut(token, ".")
	if strings.Count(rest, ".") != 1 {
		parts := strings.Count(token, ".") + 1
		return keyName{}, refuse(Malformed, "the bearer token has %d parts; a JWT has 3, with dots between", parts)
	}
	if base64.RawURLEncoding.DecodedLen(len(encoded)) > maxHeader {
		return keyName{}, refuse(Malformed, "the token's header is longer than %d bytes", maxHeader)
	}
	var header struct {
		Algorithm any            `json:"alg"`
		KeyID     any            `json:"kid"`
		Type      any            `json:"typ"`
		Critical  jsontext.Value `json:"crit"`
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || json.Unmarshal(text, &header) != nil {
		return keyName{}, refuse(Malformed, "the token's header is not a JSON object in base64url")
	}
	alg, _ := header.Algorithm.(string)
	id, _ := header.KeyID.(string)
	typ, _ := header.Type.(string)
	switch {
	case header.Critical != nil:
		// RFC 7515: whoever does not know an extension that crit names must refuse
		return keyName{}, refuse(Malformed, "the token has critical extensions")
	case !slices.Contains(algorithms, alg):
		return keyName{}, refuse(Algorithm, "the token's alg is %s; want one of %s",
			named(header.Algorithm), strings.Join(algorithms, " "))
	case !isBearerType(typ):
		return keyName{}, refuse(TokenKind, "the token's typ is %s; want JWT, at+jwt or none", named(header.Type))
	case id == "":
		// without kid every key would be tried, whatever it is for
		return keyName{}, refuse(NoKeyID, "the token's kid is %s; want the id of a key of the provider", named(header.KeyID))
	}
	return keyName{id, alg}, nil
}

// isBearerType says whether a token of that type may let its bearer in. Providers sign tokens for other purposes with
// the same keys, such as logout+jwt. Of the types that end in +jwt, only that of access tokens (RFC 9068) lets a bearer
// in.
func isBearerType(typ string) bool {
	typ = strings.TrimPrefix(strings.ToLower(typ), "application/")
	return typ == "at+jwt" || !strings.HasSuffix(typ, "+jwt")
}

// named quotes a text of a header, cut short because nothing of it is verified. It describes what is not text.
func named(value any) string {
	if text, ok := value.(string); ok && text != "" {
		return fmt.Sprintf("%.32q", text)
	}
	return describe(value)
}
