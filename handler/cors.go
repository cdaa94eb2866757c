package handler

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"videosdk-auth-endpoint/internal/env"
)

// crossOrigin decides which web pages may read answers.
type crossOrigin struct {
	origins Origins
	// cookies says that browsers may have to send them, because a proxy in front signs users in by a cookie.
	cookies bool
}

// Header values that are the same for every request; nothing appends to them.
var (
	allOrigins     = []string{"*"}
	exposedHeaders = []string{"X-Request-Id, Retry-After, WWW-Authenticate"}
)

// open lets web pages of the allowed origins read every answer, errors included, and reports a preflight. As in the
// sample, * is said to requests without an Origin too, and every OPTIONS is a preflight: a page can then read the 404 or
// 405 that it gets for its mistake.
func (c *crossOrigin) open(r *http.Request, header http.Header) (preflight bool) {
	origin := r.Header.Get("Origin")
	if c.origins.all {
		header["Access-Control-Allow-Origin"] = allOrigins
	} else {
		header.Set("Vary", "Origin")
		if c.origins.allow(origin) {
			header.Set("Access-Control-Allow-Origin", origin)
			if c.cookies {
				header.Set("Access-Control-Allow-Credentials", "true")
			}
		}
	}
	if origin != "" {
		header["Access-Control-Expose-Headers"] = exposedHeaders
	}
	if r.Method != http.MethodOptions {
		return false
	}
	header.Set("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")
	header.Set("Access-Control-Max-Age", "600")
	header.Add("Vary", "Access-Control-Request-Headers")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		header.Set("Access-Control-Allow-Headers", asked)
	}
	return true
}

// Origins are the web origins whose pages may read answers.
type Origins struct {
	all        bool
	exact      []string
	subdomains []subdomains
}

// subdomains are all origins that start with scheme and end with domain, which begins with a dot.
type subdomains struct{ scheme, domain string }

// Decode reads origins with commas between. It is the envconfig.Decoder.
func (o *Origins) Decode(text string) error {
	*o = Origins{}
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.ToLower(strings.TrimSpace(entry))
		if entry == "*" {
			o.all = true
			continue
		}
		origin, err := url.Parse(entry)
		if err != nil || origin.Host == "" || entry != origin.Scheme+"://"+origin.Host {
			return env.Mistake("want * or origins with commas between, such as https://app.example.com, each with scheme and host and nothing behind them")
		}
		scheme, domain, wildcard := strings.Cut(entry, "*")
		switch {
		case !wildcard:
			o.exact = append(o.exact, entry)
		case scheme == origin.Scheme+"://" && strings.HasPrefix(domain, ".") && !strings.Contains(domain, "*"):
			o.subdomains = append(o.subdomains, subdomains{scheme, domain})
		default:
			return env.Mistake("want the * of an origin in front of its domain, as in https://*.example.com")
		}
	}
	if o.all && len(o.exact)+len(o.subdomains) > 0 {
		return env.Mistake("want * or a list of origins, not both")
	}
	return nil
}

func (o *Origins) allow(origin string) bool {
	return o.all || slices.Contains(o.exact, origin) || slices.ContainsFunc(o.subdomains, func(s subdomains) bool {
		return strings.HasPrefix(origin, s.scheme) && strings.HasSuffix(origin, s.domain) && len(origin) > len(s.scheme)+len(s.domain)
	})
}
