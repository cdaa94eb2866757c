package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// requestToken asks a running service for a token, for at most ten seconds. Unless bearerFile is empty, the request
// carries the credential in that file.
func requestToken(ctx context.Context, url, bearerFile string, properties map[string]string) (string, error) {
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
	request.Header.Set("Content-Type", "application/json")
	if bearerFile != "" {
		bearer, err := os.ReadFile(bearerFile)
		if err != nil {
			return "", fmt.Errorf("--bearer-file: %w", err)
		}
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(bearer)))
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
	if asked := answer.Request; asked.Method != http.MethodPost {
		return "", fmt.Errorf("%s redirects to %s, which turned the POST into a GET: use that address", request.URL.Redacted(), asked.URL.Redacted())
	}
	var token struct{ Signature string }
	if answer.StatusCode != http.StatusOK || json.Unmarshal(content, &token) != nil || token.Signature == "" {
		return "", fmt.Errorf("%s answers %s: %s", url, answer.Status, content)
	}
	return token.Signature, nil
}
