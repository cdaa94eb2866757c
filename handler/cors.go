package handler

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// crossOrigin lets web pages of the allowed origins read every answer, errors included, and answers their preflights.
// As in the sample, and unlike in Echo's own middleware, * is said to requests without an Origin too, and every OPTIONS is
// a preflight: a page can then read the 404 or 405 that it gets for its mistake. Health and metrics are no page's business.
func (h *Handler) crossOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	origins := &h.config.Origins
	return func(c echo.Context) error {
		if isAdminPath(c.Path()) {
			return next(c)
		}
		request, header := c.Request(), c.Response().Header()
		origin := request.Header.Get(echo.HeaderOrigin)
		if origins.all {
			header.Set(echo.HeaderAccessControlAllowOrigin, "*")
		} else {
			header.Set(echo.HeaderVary, echo.HeaderOrigin)
			if origins.allow(origin) {
				header.Set(echo.HeaderAccessControlAllowOrigin, origin)
			}
		}
		if origin != "" {
			header.Set(echo.HeaderAccessControlExposeHeaders, echo.HeaderXRequestID)
		}
		if request.Method != http.MethodOptions {
			return next(c)
		}
		header.Set(echo.HeaderAccessControlAllowMethods, "GET,HEAD,PUT,PATCH,POST,DELETE")
		header.Set(echo.HeaderAccessControlMaxAge, "600")
		header.Add(echo.HeaderVary, echo.HeaderAccessControlRequestHeaders)
		if asked := request.Header.Get(echo.HeaderAccessControlRequestHeaders); asked != "" {
			header.Set(echo.HeaderAccessControlAllowHeaders, asked)
		}
		return c.NoContent(http.StatusNoContent)
	}
}
