package handler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"videosdk-auth-endpoint/telemetry"
)

// Server serves a Handler on its ports.
type Server struct {
	handler       *Handler
	public, admin *endpoint
}

type endpoint struct {
	listener net.Listener
	server   *http.Server
}

// Listen opens the ports. Connections wait in the kernel's queue until Run.
func (h *Handler) Listen(ctx context.Context) (*Server, error) {
	s := &Server{handler: h}
	var err error
	if s.public, err = h.listen(ctx, "PORT", h.config.Port, h.Public, h.connections); err != nil {
		return nil, err
	}
	if h.Admin != nil {
		// a budget of its own, so that strangers on PORT can't use up the room that probes need
		c := newConnections(newBudget(adminShare), h.requests.ConnectionClosed)
		if s.admin, err = h.listen(ctx, "ADMIN_PORT", *h.config.AdminPort, h.Admin, c); err != nil {
			return nil, errors.Join(err, s.public.listener.Close())
		}
	}
	return s, nil
}

func (h *Handler) listen(
	ctx context.Context, variable string, port uint16, handler http.Handler, c *connections,
) (*endpoint, error) {
	lc := net.ListenConfig{Control: bufferSizes}
	listener, err := lc.Listen(ctx, "tcp", joinPort(h.config.Host, port))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	return h.endpoint(listener, handler, c), nil
}

func (h *Handler) endpoint(listener net.Listener, handler http.Handler, c *connections) *endpoint {
	c.Listener, c.replace = listener, h.replace
	return &endpoint{c, &http.Server{
		Handler:   handler,
		ConnState: c.changed,
		// a token request is small: whoever is slower holds a connection for nothing
		ReadTimeout:  10 * time.Second,
		WriteTimeout: 15 * time.Second,
		IdleTimeout:  h.config.IdleTimeout,
		// net/http reads 4 KiB more than this
		MaxHeaderBytes: headerLimit(h.guard) - 4<<10,
		// OPTIONS * is answered as any other request for a path that is not served
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(debugLines{h.log}, "", 0),
	}}
}

// debugLines takes what net/http says of single connections.
type debugLines struct{ log *telemetry.Log }

func (d debugLines) Write(line []byte) (int, error) {
	d.log.Debug().Msg(string(bytes.TrimSpace(line)))
	return len(line), nil
}

// Addr is the address that tokens are served on.
func (s *Server) Addr() net.Addr { return s.public.listener.Addr() }

// AdminAddr is the address that health and metrics are served on.
func (s *Server) AdminAddr() net.Addr {
	if s.admin == nil {
		return s.Addr()
	}
	return s.admin.listener.Addr()
}

// Run serves until a signal or until the context ends, then drains: for SHUTDOWN_DELAY requests are still taken while
// /readyz answers 503, then those under way have SHUTDOWN_TIMEOUT to end. SIGINT, a developer's Ctrl-C, and the
// context's end skip the delay. A second signal ends everything at once, as quit says. Health and metrics answer to the
// last. An error says that requests were cut off or a port failed.
func (s *Server) Run(ctx context.Context, signals <-chan os.Signal) error {
	failed := make(chan error, 2)
	for _, e := range []*endpoint{s.public, s.admin} {
		if e != nil {
			go func() { failed <- e.server.Serve(e.listener) }()
		}
	}
	why := "the context ended"
	delay := time.Duration(0)
	var first os.Signal
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("serve: %w", err), s.close())
	case <-ctx.Done():
	case first = <-signals:
		why = first.String()
		if first != os.Interrupt {
			delay = s.handler.config.ShutdownDelay
		}
	}
	s.handler.health.draining.Store(true)
	s.handler.log.Info().Str("signal", why).Stringer("delay", delay).
		Stringer("timeout", s.handler.config.ShutdownTimeout).Msg("draining")
	return errors.Join(s.drain(context.WithoutCancel(ctx), delay, quit(first, signals)), s.close())
}

// oneOrder is the time in which the same signal counts once. Tools such as timeout send a signal to the process and to
// its group, so that it comes twice.
const oneOrder = time.Second

// quit returns a channel that closes on a second signal: on a different one at once, on the same one only after
// oneOrder.
func quit(first os.Signal, signals <-chan os.Signal) <-chan struct{} {
	begun, order := time.Now(), make(chan struct{})
	go func() {
		for again := range signals {
			if again != first || time.Since(begun) > oneOrder {
				close(order)
				return
			}
		}
	}()
	return order
}

var errSecondSignal = errors.New("a second signal")

func (s *Server) drain(ctx context.Context, delay time.Duration, quit <-chan struct{}) error {
	select {
	case <-time.After(delay):
	case <-quit:
		return fmt.Errorf("drain: %w", errSecondSignal)
	}
	ctx, cancel := context.WithTimeout(ctx, s.handler.config.ShutdownTimeout)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.public.server.Shutdown(ctx) }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("drain: requests were still under way after SHUTDOWN_TIMEOUT: %w", err)
		}
		return nil
	case <-quit:
		return fmt.Errorf("drain: %w", errSecondSignal)
	}
}

// close ends what is still open.
func (s *Server) close() error {
	err := s.public.server.Close()
	if s.admin != nil {
		err = errors.Join(err, s.admin.server.Close())
	}
	return err
}
