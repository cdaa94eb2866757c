package guard

import (
	"net/http"
	"strings"
)

// maxBearer is the longest bearer token, in bytes: twice what the largest tokens of the usual providers have.
const maxBearer = 16 << 10

// bearer returns the token of the Authorization header, as RFC 6750 writes it: the word Bearer in any case, one space, and
// letters, digits and -._~+/ with = at the end.
func bearer(header http.Header) (string, *RefusalError) {
	sent := header["Authorization"]
	if len(sent) == 0 {
		return "", &RefusalError{Reason: Missing}
	}
	if len(sent) > 1 {
		return "", refuse(Malformed, "Authorization came twice")
	}
	scheme, token, _ := strings.Cut(sent[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", refuse(Malformed, "Authorization is not Bearer")
	}
	if len(token) > maxBearer {
		return "", refuse(Malformed, "the bearer token is longer than %d bytes", maxBearer)
	}
	core := strings.TrimRight(token, "=")
	if core == "" {
		return "", refuse(Malformed, "the bearer token is empty")
	}
	for _, b := range []byte(core) {
		if (b < '0' || b > '9') && (b < 'A' || b > 'Z') && (b < 'a' || b > 'z') && !strings.ContainsRune("-._~+/", rune(b)) {
			return "", refuse(Malformed, "the bearer token has a character in it that none may have")
		}
	}
	return token, nil
}

// isJWT tells a JWT, which has two dots, from an API key, which has none.
func isJWT(token string) bool { return strings.Count(token, ".") == 2 }
