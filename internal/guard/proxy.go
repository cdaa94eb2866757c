package guard

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// proxy knows callers by a header that an identity-aware proxy in front adds.
type proxy struct {
	header  string
	trusted Proxies
}

// maxUser is the longest name of a user, in bytes. No e-mail address is longer.
const maxUser = 320

// authenticate says who makes the request. Its refusal is Missing where the proxy names nobody.
func (p *proxy) authenticate(r *http.Request) (*Caller, *RefusalError) {
	sent := r.Header[http.CanonicalHeaderKey(p.header)]
	switch {
	case len(sent) == 0 || len(sent) == 1 && sent[0] == "":
		return nil, &RefusalError{Reason: Missing}
	case !p.trusted.contain(parseAddr(r.RemoteAddr)):
		return nil, refuse(UntrustedProxy, "%s came from an address that is not in TRUSTED_PROXIES", p.header)
	case len(sent) > 1:
		return nil, refuse(Malformed, "%s came twice: the proxy must overwrite what clients send", p.header)
	case strings.Contains(sent[0], ","):
		// proxies that append to what a client sent, and those that join headers, write a comma between
		return nil, refuse(Malformed, "%s names several users: the proxy must overwrite what clients send", p.header)
	case len(sent[0]) > maxUser || !utf8.ValidString(sent[0]) || strings.ContainsFunc(sent[0], unicode.IsControl):
		return nil, refuse(Malformed, "%s is longer than %d bytes, or is not text", p.header, maxUser)
	}
	return &Caller{Method: Proxy, Subject: sent[0]}, nil
}
