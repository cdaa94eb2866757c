package guard

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"videosdk-auth-endpoint/internal/ascii"
)

// tokenKind is one kind of bearer token.
type tokenKind interface {
	method() *Method
	// fits says whether the token has this kind's shape. A token that fits no kind is handed to the last one.
	fits(token string) bool
	find(r *http.Request, token string) (*Caller, *RefusalError)
	// ready is false while the credentials that it compares with were never read.
	ready() bool
	// run keeps those credentials up to date until the context ends.
	run(ctx context.Context, b Background)
}

// byToken knows a caller by the Authorization header. It reads the header once, for all kinds of token in it.
// Its refusal is Missing where there is none.
func byToken(r *http.Request, kinds []tokenKind) (*Caller, *RefusalError) {
	if len(kinds) == 0 {
		return nil, &RefusalError{Reason: Missing}
	}
	token, refusal := bearerToken(r.Header)
	if refusal != nil {
		return nil, refusal
	}
	kind := kinds[len(kinds)-1]
	if i := slices.IndexFunc(kinds, func(kind tokenKind) bool { return kind.fits(token) }); i >= 0 {
		kind = kinds[i]
	}
	return kind.find(r, token)
}

// maxBearer is the longest bearer token, in bytes: twice what the largest tokens of the usual providers have.
const maxBearer = 16 << 10

// bearerToken returns the token of the Authorization header, as RFC 6750 writes it: the word Bearer in any case, one
// space, and letters, digits and -._~+/ with = at the end. No client sends the header twice, and proxies disagree on
// which one counts, so two of them are refused whatever else the request has.
func bearerToken(header http.Header) (string, *RefusalError) {
	sent := header["Authorization"]
	if len(sent) == 0 {
		return "", &RefusalError{Reason: Missing}
	}
	if len(sent) > 1 {
		return "", &RefusalError{Reason: Malformed, Detail: "Authorization came twice", final: true}
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
	if !ascii.Only(core, "-._~+/") {
		return "", refuse(Malformed, "the bearer token has a character in it that none may have")
	}
	return token, nil
}
