package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"videosdk-auth-endpoint/internal/files"
)

// requestToken asks a running service for a token, for at most ten seconds. Unless bearerFile is empty, the request
// carries the credential in that file.
func requestToken(ctx context.Context, from, bearerFile string, properties map[string]string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	body, err := json.Marshal(properties)
	if err != nil {
		return "", fmt.Errorf("request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, from, bytes.NewReader(body))
	if err != nil {
		return "", errors.New("--from: want a URL such as http://localhost:4000")
	}
	request.Header.Set("Content-Type", "application/json")
	if bearerFile != "" {
		bearer, err := files.Read(bearerFile)
		if err != nil {
			return "", fmt.Errorf("--bearer-file: %w", err)
		}
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(bearer))
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err
		}
		return "", fmt.Errorf("%s: %w", shown(request.URL), err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return "", fmt.Errorf("%s: %w", shown(request.URL), err)
	}
	if asked := answer.Request; asked.Method != http.MethodPost {
		return "", fmt.Errorf("%s redirects to %s, which turned the POST into a GET: use that address",
			shown(request.URL), shown(asked.URL))
	}
	var token struct{ Signature string }
	if answer.StatusCode != http.StatusOK || json.Unmarshal(content, &token) != nil || token.Signature == "" {
		return "", fmt.Errorf("%s answers %s: %s", shown(request.URL), answer.Status, content)
	}
	return token.Signature, nil
}

// shown is a URL without user and query, which may hold secrets.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
