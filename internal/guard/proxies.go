package guard

import (
	"math"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"videosdk-auth-endpoint/internal/env"
)

// Proxies are the networks whose word is believed: on a client's address, and on who the user is.
type Proxies []netip.Prefix

// Decode reads addresses and CIDR ranges with commas between. It is the envconfig.Decoder.
func (p *Proxies) Decode(text string) error {
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimSpace(entry)
		prefix, err := netip.ParsePrefix(entry)
		if err != nil {
			addr, err := netip.ParseAddr(entry)
			if err != nil || addr.Zone() != "" {
				return env.Mistake("want addresses or CIDR ranges with commas between, such as 10.0.0.0/8,192.0.2.7")
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		if bits := prefix.Bits() - 96; prefix.Addr().Is4In6() && bits >= 0 {
			prefix = netip.PrefixFrom(prefix.Addr().Unmap(), bits)
		}
		*p = append(*p, prefix.Masked())
	}
	if p.everybody() {
		return env.Mistake("together these are every address, so that anybody could name any client; " +
			"want your proxies' addresses")
	}
	return nil
}

// everybody says that the networks add up to all addresses of IPv4 or of IPv6.
func (p Proxies) everybody() bool {
	networks := slices.Clone(p)
	slices.SortFunc(networks, func(a, b netip.Prefix) int { return a.Bits() - b.Bits() }) // the larger ones come first
	covered := map[bool]float64{}
	for i, n := range networks {
		if !slices.ContainsFunc(networks[:i], func(larger netip.Prefix) bool { return larger.Contains(n.Addr()) }) {
			covered[n.Addr().Is4()] += math.Ldexp(1, -n.Bits())
		}
	}
	return covered[true] >= 1 || covered[false] >= 1
}

// Client is the address that a request comes from: the other end of its connection or, where that is one of these
// proxies, the last address in X-Forwarded-For that is not. An entry that can't be read ends the search, because what
// stands before it could be anybody's word.
func (p Proxies) Client(r *http.Request) string {
	client, _, _ := net.SplitHostPort(r.RemoteAddr)
	if !p.contain(parseAddr(client)) {
		return client
	}
	for entries := strings.Join(r.Header["X-Forwarded-For"], ","); ; {
		comma := strings.LastIndexByte(entries, ',')
		addr := parseAddr(strings.TrimSpace(entries[comma+1:]))
		if !addr.IsValid() {
			return client
		}
		client = addr.String()
		if comma < 0 || !p.contain(addr) {
			return client
		}
		entries = entries[:comma]
	}
}

// HTTPS says that the request comes from one of these proxies, and came to it by HTTPS as it says.
func (p Proxies) HTTPS(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") && p.contain(parseAddr(r.RemoteAddr))
}

// parseAddr reads an address with or without a port, as the proxies write it: 192.0.2.7, 192.0.2.7:51234, 2001:db8::7,
// [2001:db8::7] or [2001:db8::7]:443. What can't be read is the zero Addr.
func parseAddr(text string) netip.Addr {
	if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return addr.Unmap().WithZone("")
	}
	withPort, _ := netip.ParseAddrPort(text)
	return withPort.Addr().Unmap().WithZone("")
}

func (p Proxies) contain(addr netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(addr) })
}
