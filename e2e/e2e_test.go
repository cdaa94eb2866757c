// Package e2e proves the service against the real things around it: Prometheus, the OpenTelemetry Collector.
// Package parts builds them the first time that the tests run.
package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"videosdk-auth-endpoint/e2e/parts"
	"videosdk-auth-endpoint/internal/servicetest"
)

const chart = "../charts/videosdk-auth-endpoint"

// start runs a program until the test ends.
func start(t *testing.T, name string, args ...string) *servicetest.Process {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), parts.Path(t, name), args...)
	cmd.Dir = t.TempDir()
	return servicetest.Run(t, cmd, nil)
}

// startService starts the service under test.
func startService(t *testing.T, env ...string) *servicetest.Service {
	t.Helper()
	return servicetest.Start(t, append([]string{
		"PORT=0", "ADMIN_PORT=0", "SHUTDOWN_DELAY=0s", "ZOOM_VIDEO_SDK_KEY=hidden-key", "ZOOM_VIDEO_SDK_SECRET=hidden-secret",
	}, env...)...)
}

// stop sends the signal and waits for the end.
func stop(t *testing.T, p *servicetest.Process, signal os.Signal) {
	t.Helper()
	p.Signal(t, signal)
	p.Wait(t)
}

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// post sends a body to the token route and returns the status.
func post(ctx context.Context, url, body string, header map[string]string) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// eventually asks until the answer is yes.
func eventually(t *testing.T, what string, ask func() bool) {
	t.Helper()
	servicetest.Eventually(t, 30*time.Second, what, ask)
}

// requests are of every kind: tokens for a host and a participant, broken rules, no JSON, and a misnamed property.
var requests = []string{
	`{"sessionName":"hidden-session","role":1,"userIdentity":"hidden-user"}`,
	`{"sessionName":"hidden-session","role":0}`,
	`{"sessionName":"","role":7,"userIdentity":null,"geoRegions":"EU","expirationSeconds":1}`,
	`{"sessionName":`,
	`{"sessionName":"hidden-session","role":1,"geo_regions":"US"}`,
}

// mixedLoad sends requests of every kind, some with a sampled trace of the client's, until the context ends.
func mixedLoad(ctx context.Context, url string) (failed int) {
	for i := 0; ctx.Err() == nil; i++ {
		for _, body := range requests {
			trace := map[string]string{"traceparent": fmt.Sprintf("00-%032x-%016x-01", i+1, 1)}
			if _, err := post(ctx, url, body, trace); err != nil && ctx.Err() == nil {
				failed++
			}
		}
		_, _ = post(ctx, url+"/elsewhere", "", nil)
	}
	return failed
}
