package handler_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
)

// TestEchoAdvisories: two advisories name all of Echo v4, which will not be fixed. This is what
// .vex/videosdk-auth-endpoint.openvex.json says about them.
func TestEchoAdvisories(t *testing.T) {
	for _, header := range []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP"} {
		for _, trusted := range []string{"", "TRUSTED_PROXIES=192.0.2.1"} {
			t.Run("GO-2026-6872: "+header+" is not a new client for the rate limiter, "+trusted, func(t *testing.T) {
				variables := []string{"RATE_LIMIT=0.001", "RATE_LIMIT_BURST=1"}
				if trusted != "" {
					variables = append(variables, trusted)
				}
				h, log := newHandler(t, newSigner(t), variables...)
				server := httptest.NewServer(h.Public)
				for i, want := range []int{200, 429, 429} {
					spoofed := http.Header{header: {fmt.Sprintf("203.0.113.%d", i)}}
					if a := send(t, "POST", server.URL, spoofed, strings.NewReader(validBody)); a.status != want {
						t.Errorf("request %d: got %d, want %d", i, a.status, want)
					}
				}
				server.Close()
				if strings.Contains(log.String(), "203.0.113.") || !strings.Contains(log.String(), `"client_address":"127.0.0.1"`) {
					t.Errorf("the log names a client that did not connect: %s", log)
				}
			})
		}
	}
	t.Run("GO-2026-6875: Echo's reverse proxy is not part of the binary", func(t *testing.T) {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "videosdk-auth-endpoint").Output()
		if err != nil {
			t.Fatal(err)
		}
		packages := string(out)
		if !strings.Contains(packages, "\ngithub.com/labstack/echo/v4\n") || strings.Contains(packages, "echo/v4/middleware") {
			t.Errorf("the binary has these packages: %s", packages)
		}
	})
}
