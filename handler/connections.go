package handler

import (
	"container/list"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// patience is how long a connection may keep the service waiting, even when others want its place. A request that has
// arrived may be read so late when more clients than have room ask at once, without a pause.
const patience = 250 * time.Millisecond

// connections is the listener of a port. It bounds the memory that clients can use up by connecting and sending, whoever
// they are: every connection is charged for what it makes the service hold. When that is more than the limit, the
// connections that have waited longest for their clients are closed first, so that slow clients make room for others.
type connections struct {
	net.Listener
	limit int64
	// closed is told of every connection that is closed to make room.
	closed func()
	// replace returns what is sent in place of an answer of net/http's own; nil where the answer is ours.
	replace func(n *connection, written []byte) []byte
	// full says that a client waits for room. Each answer then closes its connection.
	full atomic.Bool

	mu   sync.Mutex
	used int64
	// order has all open connections, the one first that has waited longest.
	order list.List
}

// newConnections bounds connections to a part of GOMEMLIMIT, as the rest is for garbage. Without GOMEMLIMIT there is no
// limit in practice.
func newConnections(part int64, closed func()) *connections {
	return &connections{limit: debug.SetMemoryLimit(-1) / part, closed: closed}
}

// Accept returns the next connection once there is room for it. The kernel keeps those that come in the meantime.
func (c *connections) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // net.Listener's contract
	}
	n := &connection{Conn: conn, all: c, cost: openCost, since: time.Now()}
	c.mu.Lock()
	c.used += n.cost
	n.place = c.order.PushBack(n)
	c.mu.Unlock()
	for !c.makeRoom(patience) {
		c.full.Store(true)
		time.Sleep(5 * time.Millisecond)
	}
	c.full.Store(false)
	return n, nil
}

// makeRoom closes connections that have waited so long for their clients, while there is too little room.
func (c *connections) makeRoom(waited time.Duration) (room bool) {
	for {
		c.mu.Lock()
		if c.used <= c.limit || c.order.Len() < 2 {
			c.mu.Unlock()
			return true
		}
		n := c.longestWaiting()
		if n == nil || time.Since(n.since) < waited {
			c.mu.Unlock()
			return false
		}
		n.forget()
		c.mu.Unlock()
		n.evict()
		c.closed()
	}
}

// longestWaiting returns nil where the service works on every connection. The caller holds the lock.
func (c *connections) longestWaiting() *connection {
	for place := c.order.Front(); place != nil; place = place.Next() {
		if n := place.Value.(*connection); n.waiting.Load() {
			return n
		}
	}
	return nil
}

// changed is the http.Server's ConnState.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	n := conn.(*connection)
	n.active.Store(state == http.StateActive)
	if state == http.StateIdle {
		c.mu.Lock()
		defer c.mu.Unlock()
		n.charge(openCost + n.ahead - n.cost)
		n.begun = false
		n.restart()
	}
}

// connection is one that is charged for what it makes the service hold.
type connection struct {
	net.Conn
	all *connections
	// waiting says that the service waits for the client, to send or to take an answer.
	waiting, evicted atomic.Bool
	// active says that the header of a request was read, and its answer is not written yet.
	active atomic.Bool
	// slow says that a header took too long.
	slow bool

	// all.mu guards the rest.
	place *list.Element // nil when it is closed
	cost  int64
	// begun says that a part of a request has arrived.
	begun bool
	// ahead is what the lines cost that arrived last. They may be the header of the next request.
	ahead int64
	// since is when the request began, or else when the last one was answered. That a client sends a byte now and then does
	// not change it.
	since time.Time
}

func (n *connection) Read(p []byte) (int, error) {
	// By reading a single byte, net/http watches out for the end of a client whose request is being answered.
	n.waiting.Store(len(p) > 1)
	read, err := n.Conn.Read(p)
	n.waiting.Store(false)
	if read > 0 {
		n.received(p[:read])
	}
	if err != nil {
		err = n.explain(err)
	}
	return read, err
}

// explain says why nothing can be read any more.
func (n *connection) explain(err error) error {
	n.all.mu.Lock()
	defer n.all.mu.Unlock()
	switch {
	case n.evicted.Load():
		return &net.OpError{Op: "read", Net: "tcp", Err: errEvicted}
	case n.begun && !n.active.Load() && errors.Is(err, os.ErrDeadlineExceeded):
		// net/http answers no timeout, but every other error
		n.slow = true
		return errSlow
	}
	return err
}

var errSlow = errors.New("the header took too long")

// errEvicted is a timeout to those who read.
var errEvicted = fmt.Errorf("closed to make room for other clients: %w", os.ErrDeadlineExceeded)

// received charges the connection for a part of a request. A short request waits for no room, as it will be answered soon.
func (n *connection) received(part []byte) {
	cost, lines := costOf(part)
	waited := time.Duration(0)
	n.all.mu.Lock()
	n.ahead = lines
	if !n.begun {
		n.begun = true
		n.restart()
		cost, waited = cost+requestCost, patience
	}
	n.charge(cost)
	over := n.all.used > n.all.limit
	n.all.mu.Unlock()
	if over {
		n.all.makeRoom(waited)
	}
}

func (n *connection) Write(p []byte) (int, error) {
	n.waiting.Store(true)
	defer n.waiting.Store(false)
	if instead := n.all.replace(n, p); instead != nil {
		_, err := n.Conn.Write(instead)
		return len(p), err
	}
	return n.Conn.Write(p) //nolint:wrapcheck // net.Conn's contract
}

// CloseWrite is called by net/http when it has answered a request that it did not read to its end.
func (n *connection) CloseWrite() error {
	n.waiting.Store(true)
	n.all.mu.Lock()
	n.charge(closingCost - n.cost)
	n.all.mu.Unlock()
	n.all.makeRoom(0)
	if half, ok := n.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close may be called again and again.
func (n *connection) Close() error {
	n.all.mu.Lock()
	n.forget()
	n.all.mu.Unlock()
	return n.Conn.Close() //nolint:wrapcheck // net.Conn's contract
}

// evict ends a connection at once. The kernel forgets what the client has not taken, and does not keep memory for it.
func (n *connection) evict() {
	n.evicted.Store(true)
	if tcp, ok := n.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = n.Conn.Close()
}

// charge, restart and forget are for callers that hold the lock.
func (n *connection) charge(cost int64) {
	if n.place != nil {
		n.cost += cost
		n.all.used += cost
	}
}

func (n *connection) restart() {
	if n.place != nil {
		n.since = time.Now()
		n.all.order.MoveToBack(n.place)
	}
}

func (n *connection) forget() {
	if n.place != nil {
		n.all.order.Remove(n.place)
		n.all.used -= n.cost
		n.place = nil
	}
}
