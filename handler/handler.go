// Package handler is the HTTP side of the token endpoint, and the only one that knows Echo: routes, decoding, the mapping
// from errors to status codes, CORS, health, and a server that listens and drains.
package handler

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"videosdk-auth-endpoint/signer"
	"videosdk-auth-endpoint/telemetry"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"
)

// Handler answers the token route, health and metrics.
type Handler struct {
	// Public serves tokens, and health and metrics too where Admin is nil.
	Public http.Handler
	// Admin serves health and metrics on a port of their own; nil without ADMIN_PORT.
	Admin http.Handler

	config   Config
	signer   signer.Signer
	requests *telemetry.Requests
	log      *telemetry.Log
	draining atomic.Bool
}

// New returns a handler that answers with the signer's tokens, tells telemetry of every request and logs one line for
// each. The configuration must be valid.
func New(c Config, s signer.Signer, requests *telemetry.Requests, metrics http.Handler, log *telemetry.Log) *Handler {
	h := &Handler{config: c, signer: s, requests: requests, log: log}
	public := h.router()
	public.POST(c.TokenPath, h.token)
	admin := public
	if c.AdminPort != nil {
		admin = h.router()
		h.Admin = admin
	}
	probe := []string{http.MethodGet, http.MethodHead}
	admin.Match(probe, livePath, h.live)
	admin.Match(probe, healthPath, h.live)
	admin.Match(probe, readyPath, h.ready)
	admin.GET(metricsPath, echo.WrapHandler(metrics))
	h.Public = public
	return h
}

func (h *Handler) router() *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = h.answerError
	e.IPExtractor = echo.ExtractIPDirect()
	if h.config.TrustedProxies != nil {
		trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
		for _, network := range h.config.TrustedProxies.networks() {
			trust = append(trust, echo.TrustIPRange(network))
		}
		e.IPExtractor = echo.ExtractIPFromXFFHeader(trust...)
	}
	e.Use(h.observe)
	return e
}

// panicError is a panic on its way to the log; the client sees none of it.
type panicError struct {
	error
	stack []byte
}

// exchange is a request's context, and what its log line is made of.
type exchange struct {
	echo.Context
	admin bool // health or metrics
	id    string
	// issued is what the token says that was sent; nil where none was
	issued *signer.Grant
}

// observe is around everything else: it gives the request its id, answers preflights, turns an error or a panic into an
// answer, and tells telemetry and the log. It is one middleware because Echo makes closures for each, request by request.
func (h *Handler) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		route, ctx := h.route(c), c.Request().Context()
		admin := isAdminPath(route)
		if !admin { // probes and scrapes would drown the traces
			if ctx = h.requests.Start(c.Request(), route); ctx != c.Request().Context() {
				c.SetRequest(c.Request().WithContext(ctx))
			}
		}
		x := &exchange{Context: c, admin: admin, id: requestID(c.Request())}
		header := c.Response().Header()
		header[echo.HeaderXRequestID] = []string{x.id}
		if h.draining.Load() {
			// the client moves to another replica before this one stops listening
			header.Set(echo.HeaderConnection, "close")
		}
		err := h.answer(x, next)
		if err != nil {
			h.answerError(err, x)
		}
		took, client := time.Since(start), c.RealIP()
		h.requests.End(ctx, c.Request(), route, client, c.Response().Status, took)
		h.logExchange(ctx, x, client, took, err)
		return nil
	}
}

// answer runs the route's handler, and makes an error of its panic.
func (h *Handler) answer(x *exchange, next echo.HandlerFunc) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler: // net/http's own way to cut a connection
			panic(p)
		default:
			err = &panicError{fmt.Errorf("panic: %v", p), debug.Stack()}
		}
	}()
	if !x.admin && h.crossOrigin(x) {
		return x.NoContent(http.StatusNoContent)
	}
	return next(x)
}

// route is the path that the request matched; empty where nothing is served.
func (h *Handler) route(c echo.Context) string {
	if path := c.Path(); path == h.config.TokenPath || isAdminPath(path) {
		return path
	}
	return ""
}

// Series lists the requests that a handler of that configuration expects, so that their metrics can exist from the start.
func Series(c Config) []telemetry.Series {
	var all []telemetry.Series
	add := func(method, route string, statuses ...int) {
		for _, status := range statuses {
			all = append(all, telemetry.Series{Method: method, Route: route, Status: status})
		}
	}
	add(http.MethodPost, c.TokenPath, 200, 400, 408, 413, 415, 500)
	add(http.MethodOptions, c.TokenPath, 204)
	add(http.MethodGet, c.TokenPath, 405)
	add(http.MethodGet, livePath, 200)
	add(http.MethodGet, healthPath, 200)
	add(http.MethodGet, readyPath, 200, 503)
	add(http.MethodGet, metricsPath, 200)
	add(http.MethodGet, "", 404)
	add(http.MethodPost, "", 404)
	return all
}

// requestID takes over an id that an ingress or a client gave, if it is one that can stand in a log, or makes one.
func requestID(r *http.Request) string {
	id := r.Header.Get(echo.HeaderXRequestID)
	if id == "" || len(id) > 64 {
		return newID()
	}
	for _, b := range []byte(id) {
		if (b < '0' || b > '9') && (b < 'A' || b > 'Z') && (b < 'a' || b > 'z') && b != '-' && b != '_' && b != '.' {
			return newID()
		}
	}
	return id
}

// newID makes an id that no other request has; it is no secret.
func newID() string {
	var id [16]byte
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64()) //nolint:gosec // it need not be unguessable
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64()) //nolint:gosec // it need not be unguessable
	return hex.EncodeToString(id[:])
}

// outcome names what became of a request, in a closed set.
func outcome(status int) string {
	switch {
	case status < 400:
		return "ok"
	case status == http.StatusBadRequest:
		return "invalid"
	case status < 500:
		return "refused"
	default:
		return "error"
	}
}

// logExchange writes the request's line, which for an issued token is the audit line too.
func (h *Handler) logExchange(ctx context.Context, x *exchange, client string, took time.Duration, err error) {
	status, level := x.Response().Status, zerolog.InfoLevel
	switch {
	case status >= 500 && !errors.Is(err, errDraining):
		level = zerolog.ErrorLevel
	case x.admin:
		level = zerolog.DebugLevel
	}
	e := h.log.WithLevel(level)
	if !e.Enabled() {
		return
	}
	e.Ctx(ctx).Str("request_id", x.id).
		Str("method", clip(x.Request().Method)).
		Str("path", clip(x.Request().URL.Path)).
		Int("status", status).
		Str("outcome", outcome(status)).
		Int64("duration_us", took.Microseconds()).
		Str("client", client)
	if g := x.issued; g != nil {
		e.Str("role", g.Role()).Str("session_name", h.log.Name(g.SessionName())).Int64("lifetime_s", int64(g.Lifetime()/time.Second))
		if identity := g.UserIdentity(); identity != "" {
			e.Str("user_identity", h.log.Name(identity))
		}
		if key := g.UserKey(); key != "" {
			e.Str("user_key", h.log.Name(key))
		}
	}
	if p, ok := errors.AsType[*panicError](err); ok {
		e.Str("stack", string(p.stack))
	}
	e.Err(err).Msg("request")
}

// clip keeps what a client may make as long as it likes from filling the log.
func clip(s string) string {
	const most = 100
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
