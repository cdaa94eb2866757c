package handler

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// net/http answers a request that it can't read by itself, in plain text, without calling a handler. The method replace
// recognizes such an answer by these bytes, and sends one in JSON in its place.
var (
	plainHeader       = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")
	expectationFailed = []byte("HTTP/1.1 417 ")
)

// replace returns what is sent to the client in place of what net/http wrote by itself; nil where a handler wrote it.
func (h *Handler) replace(n *connection, written []byte) []byte {
	if len(written) < len(expectationFailed) || written[len("HTTP/1.1 ")] < '4' {
		return nil
	}
	_, text, plain := bytes.Cut(written, plainHeader)
	if !plain && !bytes.HasPrefix(written, expectationFailed) {
		return nil
	}
	status, detail := http.StatusRequestTimeout, ""
	if !n.slow {
		status, _ = strconv.Atoi(string(written[len("HTTP/1.1 "):len("HTTP/1.1 400")]))
		_, detail, _ = strings.Cut(string(text), ": ")
	}
	return h.answerUnread(n.RemoteAddr(), h.unreadable(status, detail))
}

// unreadable is the error of a request that net/http can't read, and answers with that status.
func (h *Handler) unreadable(status int, detail string) *faultError {
	switch status {
	case http.StatusRequestTimeout:
		return failed(status, "header", "must arrive in time: it took too long")
	case http.StatusExpectationFailed:
		return failed(status, "Expect", "must be 100-continue, or not be sent")
	case http.StatusRequestHeaderFieldsTooLarge:
		reason := fmt.Sprintf("must be at most %d bytes: send fewer or smaller cookies", headerLimit(h.guard))
		return failed(status, "header", reason)
	case http.StatusNotImplemented:
		return failed(status, "Transfer-Encoding", "must be chunked, or not be sent")
	default:
		return failed(status, "request", strings.TrimSuffix("must be valid HTTP/1.1: "+detail, ": "))
	}
}

// answerUnread answers a request of which only the sender's address is known, and records it like any other.
func (h *Handler) answerUnread(from net.Addr, wrong error) []byte {
	client, _, _ := net.SplitHostPort(from.String())
	request := &http.Request{URL: new(url.URL), Proto: "HTTP/1.1", Header: http.Header{}}
	answer := &http.Response{ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Close: true}
	body := new(bytes.Buffer)
	h.serve(responseWriter{answer, body}, request, &route{answer: func(*exchange) error { return wrong }}, client)
	answer.Body, answer.ContentLength = io.NopCloser(body), int64(body.Len())
	all := new(bytes.Buffer)
	_ = answer.Write(all) // a buffer takes everything
	return all.Bytes()
}

// responseWriter keeps an answer.
type responseWriter struct {
	*http.Response
	body *bytes.Buffer
}

func (w responseWriter) Header() http.Header         { return w.Response.Header }
func (w responseWriter) WriteHeader(status int)      { w.StatusCode = status }
func (w responseWriter) Write(p []byte) (int, error) { return w.body.Write(p) } //nolint:wrapcheck // a buffer's is nil
