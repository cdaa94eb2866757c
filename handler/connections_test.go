package handler_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"videosdk-auth-endpoint/signer"
)

// pipes is a network in memory, so that a test with synctest has the time for itself.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error { close(p); return nil }

func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// network serves a handler whose connections may take that many bytes together.
func network(t *testing.T, room int64, s signer.Signer, variables ...string) pipes {
	t.Helper()
	before := debug.SetMemoryLimit(room * 5 / 2)
	h, _ := newHandler(t, s, variables...)
	debug.SetMemoryLimit(before)
	p := make(pipes)
	closeAll := h.Serve(p)
	t.Cleanup(func() { _ = closeAll() })
	return p
}

// peer is the client's end of a connection.
type peer struct {
	net.Conn
	from *bufio.Reader
}

func (p pipes) dial(t *testing.T) *peer {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { _ = near.Close() })
	go func() { p <- far }()
	synctest.Wait()
	return &peer{near, bufio.NewReader(near)}
}

// send returns when the service has taken the bytes and waits, or works.
func (p *peer) send(text string) *peer {
	go func() { _, _ = io.WriteString(p, text) }()
	synctest.Wait()
	return p
}

const (
	someBody = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"
	openAPI  = "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"
	post     = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 28\r\n\r\n" + validBody
)

// get asks for a token and returns the answer's status, or 0 where the connection was closed.
func (p *peer) get() int {
	return p.send(post).status()
}

func (p *peer) status() int {
	response, err := http.ReadResponse(p.from, nil)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0
	}
	return response.StatusCode
}

// closed says that the service has ended the connection.
func (p *peer) closed(t *testing.T) bool {
	t.Helper()
	synctest.Wait()
	_ = p.SetReadDeadline(time.Now())
	_, err := p.from.Peek(1)
	_ = p.SetReadDeadline(time.Time{})
	switch {
	case errors.Is(err, io.EOF):
		return true
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false
	default:
		t.Fatalf("got %v", err)
		return false
	}
}

// How many bytes connections are charged for, more or less.
const (
	kib     = int64(1 << 10)
	open    = 21 * kib
	request = 9 * kib
)

// TestIdleConnectionsAreKept for longer than a load balancer keeps them, which then never sends a request into a closed one.
func TestIdleConnectionsAreKept(t *testing.T) {
	for _, c := range []struct {
		variable string
		kept     time.Duration
	}{
		{"", 619 * time.Second},
		{"IDLE_TIMEOUT=1h", 3599 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			var variables []string
			if c.variable != "" {
				variables = append(variables, c.variable)
			}
			client := network(t, 1<<30, newSigner(t), variables...).dial(t)
			for range 3 {
				if status := client.get(); status != http.StatusOK {
					t.Fatalf("%s: status %d", c.variable, status)
				}
				time.Sleep(c.kept)
			}
			if time.Sleep(2 * time.Second); !client.closed(t) {
				t.Errorf("%s: it is kept for ever", c.variable)
			}
		})
	}
}

// TestRoomIsMade: when there is room for no more, whoever has kept the service waiting longest is closed.
func TestRoomIsMade(t *testing.T) {
	for _, c := range []struct {
		name string
		room int64
		// first is what the clients send that may be closed, one after the other
		first  []string
		closed []bool
	}{
		{"idle connections", 2*open + request, []string{post, post}, []bool{true, false}},
		{"there is room", 3*open + 2*request, []string{post, someBody}, []bool{false, false}},
		{"connections without a request", 2*open + request, []string{"", ""}, []bool{true, false}},
		{"a slow header", 2*open + request, []string{"POST / HTTP/1.1\r\nHo", post}, []bool{true, false}},
		{"a slow body", 2*open + request, []string{someBody, post}, []bool{true, false}},
		{"a slow body makes no room for itself", 2*open + 2*request, []string{post, someBody}, []bool{true, false}},
		{"a request under way takes more room", 3*open + request/2, []string{post, someBody}, []bool{true, false}},
		{"a large header takes more room", 3*open + 2*request, []string{post, "GET / HTTP/1.1\r\nX: " + strings.Repeat("a", 5000)}, []bool{true, false}},
		{"a long header before a short one", 3*open + 2*request, []string{post, "GET / HTTP/1.1\r\nX: " + strings.Repeat("a", 7900)}, []bool{false, true}},
		{"a header of many short lines before a short one", 2*open + request + 50*kib, []string{post, "GET / HTTP/1.1\r\n" + lines(400)}, []bool{false, true}},
		{"an answer that was taken takes no room", 2*open + request, []string{openAPI}, []bool{false}},
		{"the next request's header, sent ahead", 2*open + request + 45*kib, []string{post, post + "GET / HTTP/1.1\r\n" + lines(400)}, []bool{false, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := network(t, c.room, newSigner(t))
				var clients []*peer
				for _, text := range c.first {
					client := p.dial(t).send(text)
					if (strings.HasPrefix(text, post) || text == openAPI) && client.status() != http.StatusOK {
						t.Fatal("no answer")
					}
					clients = append(clients, client)
					time.Sleep(time.Second)
				}
				if status := p.dial(t).get(); status != http.StatusOK {
					t.Errorf("the newcomer gets %d", status)
				}
				for i, client := range clients {
					if closed := client.closed(t); closed != c.closed[i] {
						t.Errorf("client %d is closed: %t", i+1, closed)
					}
				}
			})
		})
	}
}

// lines is that many lines of a header.
func lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%c%c:\r\n", 'a'+i%26, 'a'+i/26)
	}
	return b.String()
}

// TestDrippingWinsNoTime: a byte now and then does not make a connection one that has waited less.
func TestDrippingWinsNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := network(t, 2*open+request, newSigner(t))
		slow := p.dial(t).send("POST / HTTP/1.1\r\nX: ")
		time.Sleep(time.Second)
		healthy := p.dial(t)
		if status := healthy.get(); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		for range 5 {
			time.Sleep(time.Second)
			slow.send("a")
		}
		if status := p.dial(t).get(); status != http.StatusOK {
			t.Errorf("the newcomer gets %d", status)
		}
		if !slow.closed(t) || healthy.closed(t) {
			t.Errorf("closed: slow %t, healthy %t", slow.closed(t), healthy.closed(t))
		}
	})
}

// TestNewcomersWait for those who came just before, and may only seem slow since the machine is busy.
func TestNewcomersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := network(t, open+request, newSigner(t))
		first := p.dial(t)
		time.Sleep(100 * time.Millisecond)
		begun := time.Now()
		if status := p.dial(t).get(); status != http.StatusOK {
			t.Errorf("the newcomer gets %d", status)
		}
		if waited := time.Since(begun); waited < 150*time.Millisecond || waited > 160*time.Millisecond {
			t.Errorf("the newcomer waited %v, want what is left of 250 ms", waited)
		}
		if !first.closed(t) {
			t.Error("the first has still room")
		}
	})
}

// TestWorkIsNotCut: a client who waits for the service, and not the other way round, is answered.
func TestWorkIsNotCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		real := newSigner(t)
		p := network(t, open+request, fakeSigner{real.Validate, func(ctx context.Context, g *signer.Grant) (signer.Token, error) {
			time.Sleep(5 * time.Second)
			return real.Sign(ctx, g)
		}})
		first := p.dial(t).send(post)
		time.Sleep(time.Second)
		second := p.dial(t).send(post)
		if a := first.status(); a != http.StatusOK {
			t.Errorf("the first gets %d", a)
		}
		begun := time.Now()
		if a := second.status(); a != http.StatusOK {
			t.Errorf("the second gets %d", a)
		}
		if waited := time.Since(begun); waited < 5*time.Second {
			t.Errorf("the second was answered %v after the first, without room for both", waited)
		}
	})
}

// TestAnswersEndConnectionsWhileOthersWait: clients who never pause take turns.
func TestAnswersEndConnectionsWhileOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := network(t, open+request, newSigner(t))
		busy := p.dial(t)
		if status := busy.get(); status != http.StatusOK || busy.closed(t) {
			t.Fatalf("status %d, closed %t", status, busy.closed(t))
		}
		other, begun := p.dial(t).send(post), time.Now()
		for !busy.closed(t) {
			time.Sleep(50 * time.Millisecond) // so short a pause keeps a connection
			if status := busy.get(); status != http.StatusOK {
				t.Fatalf("status %d after %v", status, time.Since(begun))
			}
		}
		if took := time.Since(begun); took < 500*time.Millisecond || took > 600*time.Millisecond {
			t.Errorf("the connection is closed after %v", took)
		}
		if status := other.status(); status != http.StatusOK {
			t.Errorf("the other gets %d", status)
		}
	})
}

// TestEvictedBodyIsLogged: the log says why a request got no answer.
func TestEvictedBodyIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := debug.SetMemoryLimit((open + request) * 5 / 2)
		h, log := newHandler(t, newSigner(t))
		debug.SetMemoryLimit(before)
		p := make(pipes)
		closeAll := h.Serve(p)
		defer func() { _ = closeAll() }()
		p.dial(t).send(someBody)
		time.Sleep(time.Second)
		if status := p.dial(t).get(); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
		synctest.Wait()
		if text := log.String(); !strings.Contains(text, `"status_code":408`) || !strings.Contains(text, "closed to make room for other clients") {
			t.Error(text)
		}
	})
}
