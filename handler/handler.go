// Package handler is the HTTP side of the token endpoint, and the only one that knows Echo: routes, decoding, the mapping
// from errors to status codes, CORS, pages that describe the endpoint, health, and a server that listens and drains.
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

	"videosdk-auth-endpoint/handler/caller"
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
	guard    *caller.Guard
	signer   signer.Signer
	requests *telemetry.Requests
	log      *telemetry.Log
	pages    map[string]page
	draining atomic.Bool
	// connections are open; with more than keepAlive, answers end theirs
	connections atomic.Int64
	keepAlive   int64
}

// New returns a handler that answers the guard's callers with the signer's tokens, tells telemetry of every request and
// logs one line for each. The configuration must be valid.
func New(c Config, guard *caller.Guard, s signer.Signer, requests *telemetry.Requests, metrics http.Handler, log *telemetry.Log) *Handler {
	h := &Handler{config: c, guard: guard, signer: s, requests: requests, log: log, keepAlive: keepAliveLimit()}
	public := h.router()
	// composed here and not by Echo, which would do it again for each request
	public.POST(c.TokenPath, h.authenticate(h.limit(h.token)))
	read := []string{http.MethodGet, http.MethodHead}
	h.newPages()
	for path, page := range h.pages {
		public.Match(read, path, page.serve)
	}
	admin := public
	if c.AdminPort != nil {
		admin = h.router()
		h.Admin = admin
	}
	admin.Match(read, livePath, h.live)
	admin.Match(read, healthPath, h.live)
	admin.Match(read, readyPath, h.ready)
	admin.GET(metricsPath, echo.WrapHandler(metrics))
	h.Public = public
	return h
}

func (h *Handler) router() *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = h.answerError
	e.IPExtractor = echo.ExtractIPDirect()
	if len(h.config.TrustedProxies) > 0 {
		trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
		for _, network := range h.config.TrustedProxies.Networks() {
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
	admin  bool // health or metrics
	id     string
	caller *caller.Caller // nil until it is known
	// refused is an error that a middleware of Echo's own has answered with
	refused error
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
		// the client moves to another replica before this one stops listening; or there is no memory for more who wait
		if h.draining.Load() || h.connections.Load() > h.keepAlive {
			header.Set(echo.HeaderConnection, "close")
		}
		err := h.answer(x, next)
		if err != nil {
			h.answerError(err, x)
		} else {
			err = x.refused
		}
		end := telemetry.Exchange{Route: route, Client: c.RealIP(), Status: c.Response().Status, Took: time.Since(start), Decision: x.decision(err)}
		if x.caller != nil {
			end.Method = string(x.caller.Method)
		}
		h.requests.End(ctx, c.Request(), &end)
		h.logExchange(ctx, x, &end, err)
		return nil
	}
}

// allowed is the decision on a request that got a token.
const allowed = "allowed"

// decision says whether the caller got a token, or why it was refused; empty where a request did not come so far.
func (x *exchange) decision(err error) string {
	if refusal, ok := errors.AsType[*caller.RefusalError](err); ok {
		return string(refusal.Reason)
	}
	if x.issued != nil {
		return allowed
	}
	return ""
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
	path := c.Path()
	if path == h.config.TokenPath || isAdminPath(path) {
		return path
	}
	if _, ok := h.pages[path]; ok {
		return path
	}
	return ""
}

// Labels are the values that the labels of a handler's metrics can have, so that all series exist from the start.
func Labels(c Config) telemetry.Labels {
	labels := telemetry.Labels{Properties: signer.Properties(), Requests: series(c)}
	for _, m := range caller.Methods {
		labels.Methods = append(labels.Methods, string(m))
	}
	for _, r := range caller.Reasons {
		labels.Refusals = append(labels.Refusals, string(r))
	}
	return labels
}

func series(c Config) []telemetry.Series {
	var all []telemetry.Series
	add := func(method, route string, statuses ...int) {
		for _, status := range statuses {
			all = append(all, telemetry.Series{Method: method, Route: route, Status: status})
		}
	}
	add(http.MethodPost, c.TokenPath, 200, 400, 401, 403, 408, 413, 415, 429, 500, 503)
	add(http.MethodOptions, c.TokenPath, 204)
	for _, path := range describedPaths(c) {
		add(http.MethodGet, path, 200, 304)
	}
	if c.Playground {
		for path := range playgroundFiles {
			add(http.MethodGet, path, 200, 304)
		}
	}
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
func (h *Handler) logExchange(ctx context.Context, x *exchange, end *telemetry.Exchange, err error) {
	status, level := end.Status, zerolog.InfoLevel
	switch {
	case status >= 500 && !errors.Is(err, errNotReady):
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
		Int64("duration_us", end.Took.Microseconds()).
		Str("client", end.Client)
	if c := x.caller; c != nil && c.Method != caller.None {
		name := c.Subject
		if c.Method != caller.APIKey { // the others are people
			name = h.log.Name(name)
		}
		e.Str("caller_method", string(c.Method)).Str("caller", clip(name))
	}
	if end.Decision != "" && !h.guard.Open() {
		e.Str("decision", end.Decision)
	}
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
