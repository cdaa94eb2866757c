package handler_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRequestsThatAreNoHTTP are answered in the shape of all others, and are in the log, though no handler sees them.
func TestRequestsThatAreNoHTTP(t *testing.T) {
	for _, c := range []struct {
		name, request string
		status        int
		property      string
		reason        string
	}{
		{"no HTTP at all", "SSH-2.0-OpenSSH_9.7\r\n\r\n", 400, "request", "must be valid HTTP/1.1"},
		{"TLS", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n", 400, "request", "must be valid HTTP/1.1"},
		{"no Host", "POST / HTTP/1.1\r\n\r\n", 400, "request", "must be valid HTTP/1.1: missing required Host header"},
		{"a broken Host", "POST / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "request", "must be valid HTTP/1.1: malformed Host header"},
		{"a broken Content-Length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400, "request", "must be valid HTTP/1.1"},
		{"a header without a colon", "POST / HTTP/1.1\r\nHost: a\r\nbroken\r\n\r\n", 400, "request", "must be valid HTTP/1.1"},
		{"large cookies", "POST / HTTP/1.1\r\nHost: a\r\nCookie: a=" + strings.Repeat("a", 40_000) + "\r\n\r\n", 431, "header", "must be at most 8192 bytes: send fewer or smaller cookies"},
		{"another transfer encoding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "Transfer-Encoding", "must be chunked, or not be sent"},
		{"another version", "POST / HTTP/3.0\r\nHost: a\r\n\r\n", 505, "request", "must be valid HTTP/1.1: unsupported protocol version"},
		{"another expectation", "POST / HTTP/1.1\r\nHost: a\r\nExpect: a miracle\r\nContent-Length: 2\r\n\r\n{}", 417, "Expect", "must be 100-continue, or not be sent"},
		{"a header that does not come", "POST / HTTP/1.1\r\nHost: a\r\nX-Slow:", 408, "header", "must arrive in time: it took too long"},
		{"the second one", post + "POST / HTTP/1.1\r\nHost: a\r\nX-Slow:", 408, "header", "must arrive in time: it took too long"},
		{"a body that does not come", someBody, 408, "body", "must arrive in time: it took too long"},
		{"every path", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, log := newHandler(t, newSigner(t))
				p := make(pipes)
				closeAll := h.Serve(p)
				client := p.dial(t)
				rest, second := strings.CutPrefix(c.request, post)
				if second && client.get() != http.StatusOK {
					t.Fatal("no token")
				}
				client.send(rest)
				response, err := http.ReadResponse(client.from, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				body, err := io.ReadAll(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				if response.StatusCode != c.status {
					t.Errorf("status %d, want %d", response.StatusCode, c.status)
				}
				shaped(t, response, body)
				if want := `{"errors":[{"property":"` + c.property + `","reason":"` + c.reason; c.property != "" && !strings.HasPrefix(string(body), want) {
					t.Errorf("got %s, want %s…", body, want)
				}
				_ = closeAll()
				time.Sleep(time.Second) // net/http waits half a second before it closes
				if line := fmt.Sprintf(`"status_code":%d,`, c.status); strings.Count(log.String(), line) != 1 || !strings.Contains(log.String(), response.Header.Get("X-Request-Id")) {
					t.Errorf("log: %s", log)
				}
			})
		})
	}
}

// shaped checks what every answer has, that of a request that can't be read too.
func shaped(t *testing.T, response *http.Response, body []byte) {
	t.Helper()
	for name, want := range map[string]string{"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if response.Header.Get("X-Request-Id") == "" {
		t.Error("no X-Request-Id")
	}
	var problem struct {
		Errors []struct{ Property, Reason string }
	}
	if response.StatusCode < http.StatusBadRequest {
		return
	}
	if err := json.Unmarshal(body, &problem); err != nil || len(problem.Errors) == 0 || problem.Errors[0].Reason == "" {
		t.Errorf("%d: %s %v", response.StatusCode, body, err)
	}
}

// TestHeadersAsLargeAsTheyMayBe: a user's token, or the cookies of a sign-in proxy, may have 16 kB.
func TestHeadersAsLargeAsTheyMayBe(t *testing.T) {
	users := []string{"AUTH_PROXY_HEADER=X-Forwarded-User", "TRUSTED_PROXIES=192.0.2.0/24"}
	for _, c := range []struct {
		name      string
		variables []string
		size      int
		status    int
	}{
		{"a browser's", nil, 7_000, 200},
		{"too large without users", nil, 16_000, 431},
		{"a user's token", users, 16_000, 401},
		{"too large with users", users, 31_000, 431},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, v := range c.variables {
				name, value, _ := strings.Cut(v, "=")
				t.Setenv(name, value)
			}
			synctest.Test(t, func(t *testing.T) {
				p := network(t, 1<<30, newSigner(t))
				request := strings.Replace(post, "\r\n\r\n", "\r\nAuthorization: Bearer "+strings.Repeat("a", c.size)+"\r\n\r\n", 1)
				if got := p.dial(t).send(request).status(); got != c.status {
					t.Errorf("status %d, want %d", got, c.status)
				}
				time.Sleep(time.Second) // net/http waits half a second before it closes
			})
		})
	}
}

// FuzzRequests sends bytes as they are. Whatever they are, the connection ends, and all answers have the same shape.
func FuzzRequests(f *testing.F) {
	for _, seed := range []string{
		post, someBody, post + post, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD /readyz HTTP/1.0\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "\x16\x03\x01\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	h, _ := newHandler(f, newSigner(f))
	listener, err := new(net.ListenConfig).Listen(f.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	closeAll := h.Serve(listener)
	f.Cleanup(func() { _ = closeAll() })
	f.Fuzz(func(t *testing.T, request []byte) {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = conn.Write(request)
		_ = conn.(*net.TCPConn).CloseWrite()
		all, err := io.ReadAll(conn)
		if err != nil {
			t.Skip(err) // it was reset, as not everything was read
		}
		from := bufio.NewReader(bytes.NewReader(all))
		for _, err := from.Peek(1); err == nil; _, err = from.Peek(1) {
			response, err := http.ReadResponse(from, &http.Request{Method: method(request)})
			if err != nil {
				t.Fatalf("%v: %q", err, all)
			}
			body, err := io.ReadAll(response.Body)
			if _ = response.Body.Close(); err != nil {
				t.Fatalf("%v: %q", err, all)
			}
			if id := response.Header.Get("X-Request-Id"); response.StatusCode != http.StatusContinue && id == "" || response.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%d %v: %q", response.StatusCode, response.Header, body)
			}
			if method(request) == http.MethodHead {
				return // the answers behind it can't be told from bodies
			}
		}
	})
}

// method is that of the first request.
func method(request []byte) string {
	name, _, _ := bytes.Cut(request, []byte{' '})
	return string(name)
}
