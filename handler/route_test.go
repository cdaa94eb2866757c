package handler_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"videosdk-auth-endpoint/handler"
	"videosdk-auth-endpoint/telemetry"
)

// discard is a ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// routes are the token route with and without its log line, and what it can be set beside.
func routes(b *testing.B) []struct {
	name    string
	handler http.Handler
} {
	b.Helper()
	constant := echo.New()
	constant.POST("/", func(c echo.Context) error { return c.Blob(http.StatusOK, "application/json", []byte("{}")) })
	c := config(b)
	route := func(log *telemetry.Log) http.Handler {
		return handler.New(c, newGuard(b), newSigner(b), requests(log), http.NotFoundHandler(), log).Public
	}
	return []struct {
		name    string
		handler http.Handler
	}{
		{"net/http", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })},
		{"echo", constant},
		{"token", route(new(telemetry.Log))},
		{"token and log", route(telemetry.NewLog(telemetry.Config{LogFormat: "json"}, io.Discard, nil))},
	}
}

// readme is the README's request.
const readme = `{"sessionName": "Cool Cars", "role": 1, "sessionKey": "session123", "userIdentity": "user123"}`

// BenchmarkRoute is the whole token route, without net/http's work.
func BenchmarkRoute(b *testing.B) {
	for _, variant := range routes(b) {
		b.Run(variant.name, func(b *testing.B) {
			reader := strings.NewReader(readme)
			request := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/", nil)
			request.Header.Set("Content-Type", "application/json")
			request.Body = io.NopCloser(reader)
			b.ReportAllocs()
			for b.Loop() {
				reader.Reset(readme)
				variant.handler.ServeHTTP(discard{http.Header{}}, request)
			}
		})
	}
}

// BenchmarkServe is the same over a keep-alive connection, the client's work included; a profile of it shows what is ours
// and what is net/http's: go tool pprof -top -focus 'conn..serve'.
func BenchmarkServe(b *testing.B) {
	for _, variant := range routes(b) {
		b.Run(variant.name, func(b *testing.B) {
			exchange := client(b, variant.handler)
			b.ReportAllocs()
			for b.Loop() {
				exchange()
			}
		})
	}
}

// client returns a function that sends the README's request over one connection, and reads the answer, without allocating.
func client(t testing.TB, h http.Handler) (exchange func()) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	request := fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(readme), readme)
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
	return func() {
		if _, err := conn.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, buffer); err != nil {
			t.Fatal(err)
		}
	}
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
