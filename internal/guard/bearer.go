package guard

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"videosdk-auth-endpoint/internal/ascii"
)

// bearer knows callers by the Authorization header. It reads the header once, for all kinds of token that may be in it.
type bearer struct{ kinds []tokenKind }

// tokenKind is one kind of bearer token.
type tokenKind interface {
	method() *Method
	// fits says whether the token has this kind's shape. A token that fits no kind is handed to the last one.
	fits(token string) bool
	find(r *http.Request, token string) (*Caller, *RefusalError)
	ready() bool
	run(ctx context.Context, b Background)
}

func (b *bearer) methods() []*Method {
	all := make([]*Method, len(b.kinds))
	for i, kind := range b.kinds {
		all[i] = kind.method()
	}
	return all
}

func (b *bearer) ready() bool {
	return !slices.ContainsFunc(b.kinds, func(kind tokenKind) bool { return !kind.ready() })
}

func (b *bearer) run(ctx context.Context, with Background) {
	for _, kind := range b.kinds {
		go kind.run(ctx, with)
	}
}

func (b *bearer) authenticate(r *http.Request) (*Caller, *RefusalError) {
	token, refusal := bearerToken(r.Header)
	if refusal != nil {
		return nil, refusal
	}
	kind := b.kinds[len(b.kinds)-1]
	if i := slices.IndexFunc(b.kinds, func(kind tokenKind) bool { return kind.fits(token) }); i >= 0 {
		kind = b.kinds[i]
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
