//go:build !race

package handler_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
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
	route := allocations(t, handler.New(c, guard(t, c), newSigner(t), requests(c), http.NotFoundHandler(), log).Public)
	t.Logf("net/http %d, the token route %d more", base, route-base)
	if ours := route - base; ours > 14 {
		t.Errorf("%d allocations a request beside net/http's %d, want at most 14", ours, base)
	}
}

// TestDecodeAllocations guards what the benchmark counts: a string for each text of the request, and the grant.
func TestDecodeAllocations(t *testing.T) {
	body := []byte(`{"sessionName": "Cool Cars", "role": 1, "sessionKey": "session123", "userIdentity": "user123"}`)
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

// allocations counts those of a request over a keep-alive connection, by a client that makes none.
func allocations(t *testing.T, h http.Handler) int {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const body = `{"sessionName": "Cool Cars", "role": 1, "sessionKey": "session123", "userIdentity": "user123"}`
	request := fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	// all answers have the same length
	first := &counter{from: conn}
	response, err := http.ReadResponse(bufio.NewReader(first), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response.Status, err)
	}
	_ = response.Body.Close()
	buffer := make([]byte, first.n)
	exchange := func() {
		if _, err := conn.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, buffer); err != nil {
			t.Fatal(err)
		}
	}
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

// counter counts what is read.
type counter struct {
	from io.Reader
	n    int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += n
	return n, err
}
