package handler

import (
	"net/http"
	"strings"

	"videosdk-auth-endpoint/internal/guard"
)

// crossOrigin decides which web pages may read answers.
type crossOrigin struct {
	origins Origins
	// cookies says that browsers may have to send them, because a proxy in front signs users in by a cookie.
	cookies bool
	// protection recognizes a browser's request that comes from another site.
	protection http.CrossOriginProtection
}

// Header values that are the same for every request; nothing appends to them.
var (
	allOrigins     = []string{"*"}
	exposedHeaders = []string{"X-Request-Id, Retry-After, WWW-Authenticate"}
)

// errForbiddenOrigin is a preflight of a page that may not read answers.
var errForbiddenOrigin = failed(http.StatusForbidden, "Origin",
	"must be in CORS_ALLOWED_ORIGINS: pages of this origin can't read answers")

// open lets web pages of the allowed origins read every answer, errors included, and reports a preflight. As in the
// sample, * is said to requests without an Origin too, and every OPTIONS is a preflight: a page can then read the 404
// or 405 that it gets for its mistake. Forbidden is the origin of a page whose browser will hide the answer from it.
func (c *crossOrigin) open(r *http.Request, header http.Header) (preflight bool, forbidden string) {
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
		} else if origin != "" && !sameOrigin(r, origin) {
			forbidden = origin
		}
	}
	if origin != "" {
		header["Access-Control-Expose-Headers"] = exposedHeaders
	}
	if r.Method != http.MethodOptions || forbidden != "" {
		return r.Method == http.MethodOptions, forbidden
	}
	header.Set("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")
	header.Set("Access-Control-Max-Age", "600")
	header.Add("Vary", "Access-Control-Request-Headers")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		header.Set("Access-Control-Allow-Headers", asked)
	}
	return true, ""
}

// sameOrigin reports whether the page came from this service, as the playground does. Such a page may always read
// answers.
func sameOrigin(r *http.Request, origin string) bool {
	return r.Header.Get("Sec-Fetch-Site") == "same-origin" || strings.HasSuffix(origin, "://"+r.Host)
}

// errCrossOrigin is a request that a page of another site made its visitor's browser send, with the visitor's cookie.
var errCrossOrigin = &guard.RefusalError{Reason: guard.CrossOrigin}

// check refuses a request that is known by a cookie and comes from a page that CORS_ALLOWED_ORIGINS does not list. Any
// site can have a browser send such a request, and * is not a list: it lets pages read answers, but not act for their
// visitors.
func (c *crossOrigin) check(caller *guard.Caller, r *http.Request) error {
	if !caller.Method.Cookie || !c.origins.all && c.origins.allow(r.Header.Get("Origin")) {
		return nil
	}
	if c.protection.Check(r) != nil {
		return errCrossOrigin
	}
	return nil
}
