package handler

import (
	"net"
	"net/http"

	"videosdk-auth-endpoint/internal/guard"
)

// Decode is decode, for the benchmark.
var Decode = decode

// ExplainRefusal is what a client is told of a refusal for that reason.
func ExplainRefusal(reason guard.Reason) (status int, text string) {
	refusal := &guard.RefusalError{Reason: reason}
	status, faults := explain(refusal, guard.Reason.Credential, http.Header{})
	return status, faults[0].Reason
}

// Serve serves tokens on the listener, as Listen and Run do on a port, until it is told to close.
func (h *Handler) Serve(listener net.Listener) (closeAll func() error) {
	e := h.endpoint(listener, h.Public, h.connections)
	go func() { _ = e.server.Serve(e.listener) }()
	return e.server.Close
}

// Kept is how many bytes the kernel keeps for a connection.
var Kept = kept

// BufferSizes is what a port does to its listener.
var BufferSizes = bufferSizes

// KernelBuffer is the length that it asks for.
const KernelBuffer = kernelBuffer
