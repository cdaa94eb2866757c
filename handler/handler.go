// Package handler is the HTTP side of the token endpoint, and the only one that knows Echo: routes, decoding, the mapping
// from errors to status codes, CORS, health, and a server that listens and drains.
package handler

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"videosdk-auth-endpoint/signer"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// Handler answers the token route, health and metrics.
type Handler struct {
	// Public serves tokens, and health and metrics too where Admin is nil.
	Public http.Handler
	// Admin serves health and metrics on a port of their own; nil without ADMIN_PORT.
	Admin http.Handler

	config   Config
	signer   signer.Signer
	log      *slog.Logger
	draining atomic.Bool
}

// New returns a handler that answers with the signer's tokens and logs one line per request.
// The configuration must be valid.
func New(c Config, s signer.Signer, metrics http.Handler, log *slog.Logger) *Handler {
	h := &Handler{config: c, signer: s, log: log}
	public := h.router()
	public.POST(c.TokenPath, h.token, middleware.BodyLimit(fmt.Sprintf("%dB", c.BodyLimit)))
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
	e.Use(h.observe, h.crossOrigin, middleware.RecoverWithConfig(middleware.RecoverConfig{
		DisableStackAll:     true,
		DisableErrorHandler: true,
		LogErrorFunc: func(_ echo.Context, err error, stack []byte) error {
			return &panicError{err, stack}
		},
	}))
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
	id    string
	grant *signer.Grant
	token signer.Token
}

// observe is around everything else: it gives the request its id, turns its error into an answer and logs it.
func (h *Handler) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		x := &exchange{Context: c, id: requestID(c.Request())}
		c.Response().Header().Set(echo.HeaderXRequestID, x.id)
		if h.draining.Load() {
			// the client moves to another replica before this one stops listening
			c.Response().Header().Set(echo.HeaderConnection, "close")
		}
		err := next(x)
		if err != nil {
			h.answerError(err, x)
		}
		h.logExchange(x, time.Since(start), err)
		return nil
	}
}

// requestID takes over an id that an ingress or a client gave, if it is one that can stand in a log, or makes one.
func requestID(r *http.Request) string {
	id := r.Header.Get(echo.HeaderXRequestID)
	if id == "" || len(id) > 64 {
		return rand.Text()
	}
	for _, b := range []byte(id) {
		if (b < '0' || b > '9') && (b < 'A' || b > 'Z') && (b < 'a' || b > 'z') && b != '-' && b != '_' && b != '.' {
			return rand.Text()
		}
	}
	return id
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

func (h *Handler) logExchange(x *exchange, took time.Duration, err error) {
	status, level := x.Response().Status, slog.LevelInfo
	switch {
	case status >= 500 && !errors.Is(err, errDraining):
		level = slog.LevelError
	case isAdminPath(x.Path()):
		level = slog.LevelDebug
	}
	ctx := x.Request().Context()
	if !h.log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs,
		slog.String("request_id", x.id),
		slog.String("method", x.Request().Method),
		slog.String("path", x.Request().URL.Path),
		slog.Int("status", status),
		slog.String("outcome", outcome(status)),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.String("client", x.RealIP()),
	)
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	if p, ok := errors.AsType[*panicError](err); ok {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	h.log.LogAttrs(ctx, level, "request", attrs...)
}
