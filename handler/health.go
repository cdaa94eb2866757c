package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
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

// Why the service is not ready; both are errNotReady.
var (
	errNotReady = errors.New("not ready")
	errDraining = fmt.Errorf("%w: shutting down", errNotReady)
	errNoKeySet = fmt.Errorf("%w: the key set was not fetched yet", errNotReady)
)

var healthy = map[string]string{"status": "ok"}

// live answers while the process serves at all, so that one that hangs is restarted.
func (h *Handler) live(c echo.Context) error {
	return c.JSON(http.StatusOK, healthy)
}

// ready answers 503 until the key set was fetched once, and from the moment of the first signal, so that no clients are
// sent here.
func (h *Handler) ready(c echo.Context) error {
	switch {
	case h.draining.Load():
		return errDraining
	case !h.guard.Ready():
		return errNoKeySet
	}
	return c.JSON(http.StatusOK, healthy)
}

// RequestToken asks a running service for a token, for at most ten seconds. BearerFile, unless it is empty, holds what the
// request is authorized with.
func RequestToken(ctx context.Context, url, bearerFile string, properties map[string]string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	body, err := json.Marshal(properties)
	if err != nil {
		return "", fmt.Errorf("request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("request: %w", err)
	}
	request.Header.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	if bearerFile != "" {
		bearer, err := os.ReadFile(bearerFile)
		if err != nil {
			return "", fmt.Errorf("--bearer-file: %w", err)
		}
		request.Header.Set(echo.HeaderAuthorization, "Bearer "+strings.TrimSpace(string(bearer)))
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("request: %w", err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return "", fmt.Errorf("%s: %w", url, err)
	}
	var token struct{ Signature string }
	if answer.StatusCode != http.StatusOK || json.Unmarshal(content, &token) != nil || token.Signature == "" {
		return "", fmt.Errorf("%s answers %s: %s", url, answer.Status, content)
	}
	return token.Signature, nil
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
