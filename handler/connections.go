package handler

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// connections is the listener of a port. Its connections share a budget of memory.
type connections struct {
	net.Listener
	budget *budget
	// closed is told of every connection that is closed to make room.
	closed func()
	// replace returns what is sent in place of an answer of net/http's own; nil where the answer is ours.
	replace func(n *connection, written []byte) []byte
	// full says that a new client has waited long for room, because the others send one request after the other. Each
	// answer then closes its connection, so that all have their turn.
	full atomic.Bool
}

func newConnections(b *budget, closed func()) *connections {
	return &connections{budget: b, closed: closed}
}

// Accept returns the next connection once there is room for it. The kernel keeps those that come in the meantime.
func (c *connections) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // net.Listener's contract
	}
	n, begun := &connection{Conn: conn, listener: c}, time.Now()
	n.account = c.budget.open(n)
	for !c.budget.makeRoom() {
		c.full.Store(time.Since(begun) > 2*patience)
		time.Sleep(5 * time.Millisecond)
	}
	c.full.Store(false)
	return n, nil
}

// changed is the http.Server's ConnState.
func (*connections) changed(conn net.Conn, state http.ConnState) {
	n := conn.(*connection)
	n.active.Store(state == http.StateActive)
	if state == http.StateIdle {
		n.account.answered()
	}
}

// connection charges its account for the memory that it makes the service hold.
type connection struct {
	net.Conn
	account  *account
	listener *connections
	// active says that the header of a request was read, and its answer is not written yet.
	active atomic.Bool
	// slow says that a header took too long.
	slow bool
	// unasked is how many bytes were written since the kernel was asked what it keeps.
	unasked int
}

func (n *connection) Read(p []byte) (int, error) {
	// While a request is being answered, net/http reads a single byte to notice that the client has left.
	if len(p) > 1 {
		n.account.waiting.Store(toSend)
	}
	read, err := n.Conn.Read(p)
	n.account.waiting.Store(toNothing)
	if read > 0 {
		n.account.received(p[:read])
	}
	if err != nil {
		err = n.explain(err)
	}
	return read, err
}

var (
	errSlow = errors.New("the header took too long")
	// errEvicted counts as a timeout where a body is read.
	errEvicted = fmt.Errorf("closed to make room for other clients: %w", os.ErrDeadlineExceeded)
)

// explain says why nothing can be read any more.
func (n *connection) explain(err error) error {
	open, begun := n.account.state()
	switch {
	case !open:
		return &net.OpError{Op: "read", Net: "tcp", Err: errEvicted}
	case begun && !n.active.Load() && errors.Is(err, os.ErrDeadlineExceeded):
		// net/http answers every error but a timeout
		n.slow = true
		return errSlow
	}
	return err
}

func (n *connection) Write(p []byte) (int, error) {
	n.account.waiting.Store(toTake)
	defer n.account.waiting.Store(toNothing)
	if instead := n.listener.replace(n, p); instead != nil {
		_, err := n.Conn.Write(instead)
		return len(p), err
	}
	if n.unasked += len(p); n.unasked > usualAnswers {
		n.unasked = 0
		unread, untaken := n.kept()
		n.account.kept(unread, untaken+len(p))
	}
	return n.Conn.Write(p) //nolint:wrapcheck // net.Conn's contract
}

// CloseWrite is called by net/http when it has answered a request that it did not read to its end. It then gives the
// client half a second to take the answer, for which there may be no room.
func (n *connection) CloseWrite() error {
	n.account.closing()
	if tcp, ok := n.Conn.(*net.TCPConn); ok {
		return tcp.CloseWrite() //nolint:wrapcheck // net.Conn's contract
	}
	return nil
}

func (n *connection) Close() error {
	n.account.close()
	return n.Conn.Close() //nolint:wrapcheck // net.Conn's contract
}

// usualAnswers is how many bytes of answers go out before the kernel is asked again what it keeps.
const usualAnswers = 2 << 10

func (n *connection) kept() (unread, untaken int) { return kept(n.Conn) }

// evict ends a connection at once. The kernel forgets what the client has not taken, and does not keep memory for it.
func (n *connection) evict() {
	n.listener.closed()
	if tcp, ok := n.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = n.Conn.Close()
}
