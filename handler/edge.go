package handler

import (
	"net/http"

	"videosdk-auth-endpoint/internal/guard"

	"github.com/labstack/echo/v4"
)

// mount has Echo do the three things that it is here for: it finds the route of a request, it says whether a path has
// another method, and it finds the client's address behind trusted proxies. Everything else is ours, and no other file
// knows Echo.
func mount(
	t table, proxies guard.Proxies, serve func(w http.ResponseWriter, r *http.Request, route *route, client string),
) http.Handler {
	e := echo.New()
	e.IPExtractor = proxies.Client
	for _, r := range t.served() {
		for _, method := range r.methods {
			e.Add(method, r.path, func(c echo.Context) error {
				serve(c.Response().Writer, c.Request(), r, c.RealIP())
				return nil
			})
		}
	}
	// what Echo finds no handler for comes here, with the path of the route if it was the method that did not fit
	e.HTTPErrorHandler = func(_ error, c echo.Context) {
		serve(c.Response().Writer, c.Request(), t.unserved(c.Path()), c.RealIP())
	}
	return e
}
