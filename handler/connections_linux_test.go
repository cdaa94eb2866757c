package handler_test

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"videosdk-auth-endpoint/handler"
)

// TestKept: the service knows what the kernel keeps, so that whose request has arrived is not waited for, however late it is
// read, and who takes no answers is charged for them.
func TestKept(t *testing.T) {
	listener := listen(t)
	client := dial(t, listener)
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	want := func(what string, unread, untaken int) {
		t.Helper()
		if u, v := handler.Kept(conn); u != unread || v != untaken {
			t.Errorf("%s: %d bytes were not read, %d not taken, want %d and %d", what, u, v, unread, untaken)
		}
	}
	want("nothing was sent", 0, 0)
	if _, err := client.Write([]byte("POST")); err != nil {
		t.Fatal(err)
	}
	want("a request has arrived", 4, 0)
	if n, err := conn.Read(make([]byte, 8)); n != 4 || err != nil {
		t.Errorf("read %d bytes: %v", n, err)
	}
	want("it was read", 0, 0)
	// the client's kernel takes some, and no more
	_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	for err == nil {
		_, err = conn.Write(make([]byte, 1<<10))
	}
	if _, untaken := handler.Kept(conn); untaken < handler.KernelBuffer/2 || untaken > 4*handler.KernelBuffer {
		t.Errorf("%d bytes are not taken, where the kernel has room for %d", untaken, handler.KernelBuffer)
	}
}

// TestUntakenAnswersTakeRoom: a client that takes no answers is closed when the kernel keeps too much for it, and an idle one
// that took its own is kept, although it has waited longer.
func TestUntakenAnswersTakeRoom(t *testing.T) {
	before := debug.SetMemoryLimit((4*open + request) * 5 / 2)
	h, _ := newHandler(t, newSigner(t))
	debug.SetMemoryLimit(before)
	listener := listen(t)
	closeAll := h.Serve(listener)
	defer func() { _ = closeAll() }()

	idle := &peer{dial(t, listener), nil}
	idle.from = bufio.NewReader(idle)
	ask := func() int {
		if _, err := idle.Write([]byte(post)); err != nil {
			return 0
		}
		return idle.status()
	}
	if status := ask(); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}

	greedy := dial(t, listener)
	if err := greedy.SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	_ = greedy.SetWriteDeadline(time.Now().Add(time.Minute))
	requests := []byte(strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n", 100))
	for {
		_, err := greedy.Write(requests)
		if err == nil {
			continue
		}
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
			t.Error("it is kept")
		}
		break
	}
	if status := ask(); status != http.StatusOK {
		t.Errorf("the idle client gets %d", status)
	}
}

// TestBuffersAreBounded: the kernel does not choose how much it keeps for a connection.
func TestBuffersAreBounded(t *testing.T) {
	listener := listen(t)
	dial(t, listener)
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		for name, option := range map[string]int{"SO_RCVBUF": syscall.SO_RCVBUF, "SO_SNDBUF": syscall.SO_SNDBUF} {
			if size, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, option); err != nil || size > 2*handler.KernelBuffer {
				t.Errorf("%s is %d: %v", name, size, err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// listen is a port as the service opens it.
func listen(t *testing.T) net.Listener {
	t.Helper()
	config := net.ListenConfig{Control: handler.BufferSizes}
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func dial(t *testing.T, listener net.Listener) *net.TCPConn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn)
}
