package handler

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"

	"videosdk-auth-endpoint/internal/ascii"
	"videosdk-auth-endpoint/telemetry"
)

// exchange is one request and its answer. The steps of a route read the request from it, leave what they find out in
// its record, and answer through it. It is the http.ResponseWriter of the metrics page too.
type exchange struct {
	telemetry.Record
	// writer is net/http's own, so that http.MaxBytesReader can tell it to close the connection.
	writer http.ResponseWriter
}

// Header is the answer's header.
func (x *exchange) Header() http.Header { return x.writer.Header() }

// WriteHeader sends the status, once.
func (x *exchange) WriteHeader(status int) {
	if x.Status == 0 {
		x.Status = status
		x.writer.WriteHeader(status)
	}
}

func (x *exchange) Write(body []byte) (int, error) {
	x.WriteHeader(http.StatusOK)
	return x.writer.Write(body) //nolint:wrapcheck // io.Writer's contract
}

// send answers with a body that is ready. Its error says that the client has gone.
func (x *exchange) send(status int, mediaType string, body []byte) error {
	x.Header().Set("Content-Type", mediaType)
	x.WriteHeader(status)
	if _, err := x.writer.Write(body); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// sendJSON answers with the value's JSON.
func (x *exchange) sendJSON(status int, value any) error {
	body := new(bytes.Buffer)
	if err := json.NewEncoder(body).Encode(value); err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return x.send(status, mediaJSON, body.Bytes())
}

const mediaJSON = "application/json"

// buffers holds bodies, read and written. One that grew large is left to the garbage collector.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// requestID takes over an id that an ingress or a client gave, if it is one that can stand in a log, or makes one. AWS
// writes Root=1-67891233-abcdef;Parent=…;Sampled=1, ASP.NET 0HLFQK4VQ1V8G:00000001, others use base64.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if id == "" || len(id) > 128 || !ascii.Only(id, "-_.=:;+/") {
		return newID()
	}
	return id
}

// newID makes an id that no other request has; it is not a secret.
func newID() string {
	var id [16]byte
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64()) //nolint:gosec // it need not be unguessable
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64()) //nolint:gosec // it need not be unguessable
	return hex.EncodeToString(id[:])
}
