// Package handler is the HTTP side of the token endpoint: routes, decoding, the mapping from errors to status codes,
// CORS, pages that describe the endpoint, health, and a server that listens and drains. Only edge.go knows Echo.
package handler

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
	"videosdk-auth-endpoint/telemetry"
)

// Handler answers the token route, health and metrics.
type Handler struct {
	// Public serves tokens and health, and metrics too where Admin is nil.
	Public http.Handler
	// Admin serves health and metrics on a port of their own; nil without ADMIN_PORT.
	Admin http.Handler

	config      Config
	guard       *guard.Guard
	crossOrigin *crossOrigin
	health      *health
	connections *connections
	requests    *telemetry.Requests
	log         *telemetry.Log
}

// New returns a handler that answers the guard's callers with the signer's tokens, and tells telemetry of every
// request. The configuration must be valid.
func New(
	c Config, g *guard.Guard, s signer.Signer, requests *telemetry.Requests, metrics http.Handler, log *telemetry.Log,
) *Handler {
	h := &Handler{
		config:      c,
		guard:       g,
		crossOrigin: &crossOrigin{origins: c.Origins, cookies: g.ByCookie()},
		health:      &health{hasKeys: g.Ready},
		connections: newConnections(newBudget(publicShare), requests.ConnectionClosed),
		requests:    requests,
		log:         log,
	}
	callers, strangers := newLimiter(c.RateLimit, int(c.RateBurst)), newLimiter(c.RateLimit, int(c.RateBurst))
	post := &tokens{g, h.crossOrigin, callers, strangers, s, int64(c.BodyLimit)}
	description := &page{summary: "This description", mediaType: mediaJSON}
	routes := newTable(c.TokenPath, c.Playground, c.Metrics, answers{
		token: post.answer, live: h.health.live, ready: h.health.ready,
		metrics: func(x *exchange) error { metrics.ServeHTTP(x, x.Request); return nil },
		about:   aboutPage(c.TokenPath), description: description,
	})
	about := api{c.TokenPath, routes, s.Properties(), access{g, c.RateLimit > 0}, int64(c.BodyLimit)}
	description.fill(describe(about).json())
	requests.Expect(routes.series(), func() bool { return h.health.check() == nil })
	if c.AdminPort == nil {
		h.Public = mount(routes, h.guard.Trusted(), h.serve)
	} else {
		public, admin := routes.split()
		h.Public, h.Admin = mount(public, h.guard.Trusted(), h.serve), mount(admin, h.guard.Trusted(), h.serve)
	}
	return h
}

// headerLimit is how large a request's header may be. A user's token, or the cookies of a proxy that signs users in,
// may have 16 kB. Without users 8 KiB are enough: nginx and Apache take no more for a single line.
func headerLimit(g *guard.Guard) int {
	if slices.ContainsFunc(g.Methods(), func(m *guard.Method) bool { return m.Person }) {
		return 24 << 10
	}
	return 8 << 10
}

// serve is the life of every request: it opens its record, answers it by its route or explains the error, and hands the
// record to telemetry.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, route *route, client string) {
	start := time.Now()
	x := &exchange{writer: w, Record: telemetry.Record{
		Request: r, ID: requestID(r), Route: route.path, Admin: route.admin, Client: client,
		HTTPS: h.guard.Trusted().HTTPS(r),
	}}
	h.requests.Begin(&x.Record)
	header := w.Header()
	header["X-Request-Id"] = []string{x.ID}
	header["Cache-Control"], header["X-Content-Type-Options"] = noStore, noSniff
	// while it drains, so that the client moves to another replica; while it is full, so that a waiting client gets the
	// place
	if h.health.draining.Load() || h.connections.full.Load() {
		header.Set("Connection", "close")
	}
	if x.Err = h.answer(x, route); x.Err != nil && x.Status == 0 {
		h.fail(x)
	}
	x.Took = time.Since(start)
	h.requests.End(&x.Record)
}

// answer runs the route, and turns its panic into an error.
func (h *Handler) answer(x *exchange, route *route) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler: // net/http's own way to cut a connection
			panic(p)
		default:
			err, x.Stack = fmt.Errorf("panic: %v", p), debug.Stack()
		}
	}()
	if x.Admin {
		return route.answer(x)
	}
	preflight, forbidden := h.crossOrigin.open(x.Request, x.Header())
	x.ForbiddenOrigin = forbidden
	if !preflight {
		return route.answer(x)
	}
	if forbidden != "" {
		return errForbiddenOrigin
	}
	x.WriteHeader(http.StatusNoContent)
	return nil
}

// fail answers a request whose route returned an error.
func (h *Handler) fail(x *exchange) {
	status, faults := explain(x.Err, h.guard.Explain, x.Header())
	if x.Request.Method == http.MethodHead {
		x.WriteHeader(status)
	} else if err := x.sendJSON(status, problem{faults, warningsOf(x.Err)}); err != nil {
		h.log.Debug().Ctx(x.Request.Context()).Err(err).Msg("answer not written")
	}
}
