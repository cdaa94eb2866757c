package handler

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"videosdk-auth-endpoint/internal/env"

	"golang.org/x/net/idna"
)

// Origins are the web origins whose pages may read answers.
type Origins struct {
	all        bool
	exact      []string
	subdomains []subdomains
}

// subdomains are all origins that start with scheme and end with domain, which begins with a dot.
type subdomains struct{ scheme, domain string }

func (o *Origins) allow(origin string) bool {
	return o.all || slices.Contains(o.exact, origin) || slices.ContainsFunc(o.subdomains, func(s subdomains) bool {
		return strings.HasPrefix(origin, s.scheme) && strings.HasSuffix(origin, s.domain) &&
			len(origin) > len(s.scheme)+len(s.domain)
	})
}

// Why an entry of the list is refused.
const (
	errNoOrigin = env.Mistake("want * or origins with commas between, such as https://app.example.com, each with scheme " +
		"and host and nothing behind them")
	errWildcard = env.Mistake("want the * of an origin in front of its domain, as in https://*.example.com")
	errAnyPort  = env.Mistake("a port can't be *: list each origin with its port, such as " +
		"http://localhost:3000,http://localhost:5173")
	errNullOrigin = env.Mistake("a page from a file or in a sandboxed frame has the origin null, which any site can " +
		"have: serve it from http://localhost:3000 and list that, or allow * and authenticate your users")
	errMixed = env.Mistake("want * or a list of origins, not both")
)

// Decode reads origins with commas between. It is the envconfig.Decoder.
func (o *Origins) Decode(text string) error {
	*o = Origins{}
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.ToLower(strings.TrimSpace(entry))
		if entry == "*" {
			o.all = true
			continue
		}
		scheme, host, found := strings.Cut(entry, "://")
		switch {
		case entry == "null" || scheme == "file":
			return errNullOrigin
		case !found || scheme == "ws" || scheme == "wss":
			return errNoOrigin
		case strings.HasSuffix(host, ":*"):
			return errAnyPort
		}
		domain, wildcard := strings.CutPrefix(host, "*.")
		if strings.Contains(domain, "*") {
			return errWildcard
		}
		host, err := asBrowsersWrite(scheme, domain)
		switch {
		case err != nil:
			return err
		case !wildcard:
			o.exact = append(o.exact, scheme+"://"+host)
		case isAddress(host):
			return errWildcard
		default:
			o.subdomains = append(o.subdomains, subdomains{scheme + "://", "." + host})
		}
	}
	if o.all && len(o.exact)+len(o.subdomains) > 0 {
		return errMixed
	}
	return nil
}

// webNames maps names as browsers do: underscores and hyphens anywhere are fine.
var webNames = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false),
	idna.CheckHyphens(false), idna.BidiRule())

// asBrowsersWrite returns a host and its port as they stand in the header Origin: in ASCII, and without the port that
// the scheme has anyway. An origin that is written in another way would never match.
func asBrowsersWrite(scheme, host string) (string, error) {
	parsed, err := url.Parse(scheme + "://" + host)
	if err != nil || parsed.Host == "" || parsed.Host != host {
		return "", errNoOrigin
	}
	name, err := webHost(scheme, parsed.Hostname())
	if err != nil || parsed.Port() == "" {
		return name, err
	}
	port, err := strconv.ParseUint(parsed.Port(), 10, 16)
	switch {
	case err != nil || port == 0:
		return "", errNoOrigin
	case scheme == "https" && port == 443, scheme == "http" && port == 80:
		return name, nil
	}
	return name + ":" + strconv.FormatUint(port, 10), nil
}

// webHost returns the host in its one spelling. Hosts of an app's own scheme (capacitor://localhost) stay as they are.
func webHost(scheme, name string) (string, error) {
	if strings.Contains(name, ":") {
		address, err := netip.ParseAddr(name)
		if err != nil || address.Zone() != "" {
			return "", errNoOrigin
		}
		return "[" + address.String() + "]", nil
	}
	if scheme != "http" && scheme != "https" {
		return name, nil
	}
	ascii, err := webNames.ToASCII(name)
	if err != nil || ascii == "" {
		return "", errNoOrigin
	}
	// a browser reads 127.1 and 0x7f.1 as addresses, and writes them out
	last := ascii[strings.LastIndexByte(ascii, '.')+1:]
	if _, err := strconv.ParseUint(last, 0, 64); err == nil && !isAddress(ascii) {
		return "", errNoOrigin
	}
	return ascii, nil
}

// isAddress reports whether a host, with or without a port, is an IP address.
func isAddress(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}
