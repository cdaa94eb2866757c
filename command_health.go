package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

func healthcheck(ctx context.Context) error {
	var c config
	c.read(&c.http)
	if err := c.wrong(); err != nil {
		return err
	}
	return checkHealth(ctx, c.http.HealthURL())
}

// checkHealth asks a running service whether it is ready, for at most five seconds.
func checkHealth(ctx context.Context, url string) error {
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
