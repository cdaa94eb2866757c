package handler

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// Header values that are the same for every request; nothing appends to them.
var (
	allOrigins     = []string{"*"}
	exposedHeaders = []string{strings.Join([]string{echo.HeaderXRequestID, echo.HeaderRetryAfter, echo.HeaderWWWAuthenticate}, ", ")}
)

// crossOrigin lets web pages of the allowed origins read every answer, errors included, and reports a preflight. As in
// the sample, and unlike in Echo's own middleware, * is said to requests without an Origin too, and every OPTIONS is a
// preflight: a page can then read the 404 or 405 that it gets for its mistake.
func (h *Handler) crossOrigin(c echo.Context) (preflight bool) {
	origins, request, header := &h.config.Origins, c.Request(), c.Response().Header()
	origin := request.Header.Get(echo.HeaderOrigin)
	if origins.all {
		header[echo.HeaderAccessControlAllowOrigin] = allOrigins
	} else {
		header.Set(echo.HeaderVary, echo.HeaderOrigin)
		if origins.allow(origin) {
			header.Set(echo.HeaderAccessControlAllowOrigin, origin)
			if h.guard.ByCookie() {
				header.Set(echo.HeaderAccessControlAllowCredentials, "true")
			}
		}
	}
	if origin != "" {
		header[echo.HeaderAccessControlExposeHeaders] = exposedHeaders
	}
	if request.Method != http.MethodOptions {
		return false
	}
	header.Set(echo.HeaderAccessControlAllowMethods, "GET,HEAD,PUT,PATCH,POST,DELETE")
	header.Set(echo.HeaderAccessControlMaxAge, "600")
	header.Add(echo.HeaderVary, echo.HeaderAccessControlRequestHeaders)
	if asked := request.Header.Get(echo.HeaderAccessControlRequestHeaders); asked != "" {
		header.Set(echo.HeaderAccessControlAllowHeaders, asked)
	}
	return true
}
