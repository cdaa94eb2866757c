package handler

import (
	"net/http"
	"net/http/httptest"

	"videosdk-auth-endpoint/handler/caller"

	"github.com/labstack/echo/v4"
)

// Decode is decode, for the benchmark.
var Decode = decode

// ExplainRefusal is what a client is told of a refusal for that reason.
func ExplainRefusal(reason caller.Reason) (status int, text string) {
	refusal := &caller.RefusalError{Reason: reason}
	c := echo.New().NewContext(httptest.NewRequest(http.MethodPost, "/", nil), httptest.NewRecorder())
	status, faults := new(Handler).explain(refusal, c)
	return status, faults[0].Reason
}
