package handler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	livePath    = "/livez"
	readyPath   = "/readyz"
	healthPath  = "/healthz" // the same as livePath, for platforms that ask here
	metricsPath = "/metrics"
)

func isAdminPath(path string) bool {
	return path == livePath || path == readyPath || path == healthPath || path == metricsPath
}

var errDraining = errors.New("shutting down")

var healthy = map[string]string{"status": "ok"}

// live answers while the process serves at all, so that one that hangs is restarted.
func (h *Handler) live(c echo.Context) error {
	return c.JSON(http.StatusOK, healthy)
}

// ready answers 503 from the moment of the first signal, so that no new clients are sent here.
func (h *Handler) ready(c echo.Context) error {
	if h.draining.Load() {
		return errDraining
	}
	return c.JSON(http.StatusOK, healthy)
}

// CheckHealth asks a running service whether it is ready, for at most five seconds.
func CheckHealth(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, 1024))
		return fmt.Errorf("healthcheck: %s answers %s: %s", url, answer.Status, body)
	}
	return nil
}
