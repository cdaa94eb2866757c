package guard

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"videosdk-auth-endpoint/internal/env"
)

// proxy knows callers by a header that an identity-aware proxy in front adds.
type proxy struct {
	header  string
	trusted Proxies
}

func (*proxy) methods() []*Method { return []*Method{Proxy} }

func (*proxy) ready() bool { return true }

func (*proxy) run(context.Context, Background) {}

// maxUser is longer than any address, in bytes.
const maxUser = 320

func (p *proxy) authenticate(r *http.Request) (*Caller, *RefusalError) {
	sent := r.Header[http.CanonicalHeaderKey(p.header)]
	switch {
	case len(sent) == 0 || len(sent) == 1 && sent[0] == "":
		return nil, &RefusalError{Reason: Missing}
	case !p.trusted.contain(r.RemoteAddr):
		return nil, refuse(UntrustedProxy, "%s came from an address that is not in TRUSTED_PROXIES", p.header)
	case len(sent) > 1:
		return nil, refuse(Malformed, "%s came twice: the proxy must overwrite what clients send", p.header)
	case len(sent[0]) > maxUser || !utf8.ValidString(sent[0]) || containsControl(sent[0]):
		return nil, refuse(Malformed, "%s is longer than %d bytes, or is not text", p.header, maxUser)
	}
	return &Caller{Method: Proxy, Subject: sent[0]}, nil
}

func containsControl(s string) bool { return slices.ContainsFunc([]rune(s), unicode.IsControl) }

// Proxies are the networks whose word is believed: on a client's address, and on who the user is.
type Proxies []netip.Prefix

// Decode reads addresses and CIDR ranges with commas between. It is the envconfig.Decoder.
func (p *Proxies) Decode(text string) error {
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimSpace(entry)
		prefix, err := netip.ParsePrefix(entry)
		if err != nil {
			addr, err := netip.ParseAddr(entry)
			if err != nil {
				return env.Mistake("want addresses or CIDR ranges with commas between, such as 10.0.0.0/8,192.0.2.7")
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		*p = append(*p, prefix.Masked())
	}
	return nil
}

// Networks are the same as package net has them.
func (p Proxies) Networks() []*net.IPNet {
	networks := make([]*net.IPNet, len(p))
	for i, prefix := range p {
		networks[i] = &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}
	}
	return networks
}

// contain says whether the other end of a connection, as http.Request.RemoteAddr names it, is one of them.
func (p Proxies) contain(remote string) bool {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap().WithZone("")
	for _, prefix := range p {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}
