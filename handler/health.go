package handler

import (
	"net/http"
	"sync/atomic"
)

// Why the service is not ready.
var (
	errDraining = failed(http.StatusServiceUnavailable, "server", "is shutting down")
	errNoKeySet = failed(http.StatusServiceUnavailable, "server", "has no key set to verify tokens with yet: see its log")
)

// health is the one place that knows whether the service takes requests.
type health struct {
	draining atomic.Bool
	hasKeys  func() bool
}

// check returns why clients should not be sent here, or nil.
func (h *health) check() error {
	switch {
	case h.draining.Load():
		return errDraining
	case !h.hasKeys():
		return errNoKeySet
	}
	return nil
}

// ready answers 503 until the key set was fetched once, and again from the first signal on.
func (h *health) ready(x *exchange) error {
	if err := h.check(); err != nil {
		return err
	}
	return h.live(x)
}

// live answers while the process serves at all, so that one that hangs is restarted.
func (*health) live(x *exchange) error {
	return x.sendJSON(http.StatusOK, map[string]string{"status": "ok"})
}
