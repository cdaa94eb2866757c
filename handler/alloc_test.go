//go:build !race

package handler_test

import (
	"bytes"
	"io"
	"math"
	"net/http"
	"runtime"
	"testing"

	"videosdk-auth-endpoint/handler"
	"videosdk-auth-endpoint/signer"
	"videosdk-auth-endpoint/telemetry"
)

// TestRouteAllocations guards what a token request allocates, log line and metrics included, beside net/http's own share. The
// counts are the same on every machine.
func TestRouteAllocations(t *testing.T) {
	const answer = `{"signature":"as short as can be"}`
	base := allocations(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
	c := config(t)
	log := telemetry.NewLog(telemetry.Config{LogFormat: "json"}, io.Discard, nil)
	route := allocations(t, handler.New(c, newGuard(t), newSigner(t), requests(log), http.NotFoundHandler(), log).Public)
	t.Logf("net/http %d, the token route %d more", base, route-base)
	if ours := route - base; ours > 14 {
		t.Errorf("%d allocations a request beside net/http's %d, want at most 14", ours, base)
	}
}

// TestDecodeAllocations guards what the benchmark counts: a string for each text of the request, and the grant.
func TestDecodeAllocations(t *testing.T) {
	body := []byte(readme)
	ctx, s, request, buffer := t.Context(), newSigner(t), new(signer.Request), new(bytes.Buffer)
	n := testing.AllocsPerRun(1000, func() {
		*request = signer.Request{}
		buffer.Reset()
		buffer.Write(body)
		_, _ = handler.Decode(buffer, request)
		_, _ = s.Validate(ctx, request)
	})
	if n > 4 {
		t.Errorf("%v allocations, want 4", n)
	}
}

// allocations counts those of a request over a keep-alive connection.
func allocations(t *testing.T, h http.Handler) int {
	t.Helper()
	exchange := client(t, h)
	const runs = 2000
	for range runs { // pools fill
		exchange()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		exchange()
	}
	runtime.ReadMemStats(&after)
	return int(math.Round(float64(after.Mallocs-before.Mallocs) / runs))
}
