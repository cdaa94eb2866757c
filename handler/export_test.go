package handler

import (
	"net/http"

	"videosdk-auth-endpoint/internal/guard"
)

// Decode is decode, for the benchmark.
var Decode = decode

// ExplainRefusal is what a client is told of a refusal for that reason.
func ExplainRefusal(reason guard.Reason) (status int, text string) {
	refusal := &guard.RefusalError{Reason: reason}
	status, faults := limits{wanted: "must be sent"}.explain(refusal, http.Header{})
	return status, faults[0].Reason
}
