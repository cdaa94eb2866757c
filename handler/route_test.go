package handler_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
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

// BenchmarkRoute sets the whole token route, without net/http, beside Echo with a constant answer.
func BenchmarkRoute(b *testing.B) {
	constant := echo.New()
	constant.POST("/", func(c echo.Context) error { return c.Blob(http.StatusOK, "application/json", []byte("{}")) })
	c := config(b)
	route := func(log *telemetry.Log) http.Handler {
		return handler.New(c, guard(b, c), newSigner(b), requests(c), http.NotFoundHandler(), log).Public
	}
	for _, variant := range []struct {
		name    string
		handler http.Handler
	}{
		{"echo", constant},
		{"token", route(new(telemetry.Log))},
		{"token and log", route(telemetry.NewLog(telemetry.Config{LogFormat: "json"}, io.Discard, nil))},
	} {
		b.Run(variant.name, func(b *testing.B) {
			body := []byte(`{"sessionName": "Cool Cars", "role": 1, "sessionKey": "session123", "userIdentity": "user123"}`)
			reader := bytes.NewReader(body)
			request := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/", nil)
			request.Header.Set("Content-Type", "application/json")
			request.Body = io.NopCloser(reader)
			b.ReportAllocs()
			for b.Loop() {
				reader.Reset(body)
				variant.handler.ServeHTTP(discard{http.Header{}}, request)
			}
		})
	}
}
