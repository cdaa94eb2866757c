package handler

import (
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
)

// keepAliveMemory is what a connection that waits for its next request takes: two buffers of 4 KiB, a stack of 8 KiB, and
// net/http's own.
const keepAliveMemory = 20 << 10

// connections counts those that are open, so that clients who keep theirs for nothing can't use up the memory.
type connections struct {
	open atomic.Int64
	// most is how many may stay open between two requests: as many as fit into half of GOMEMLIMIT. Without GOMEMLIMIT there
	// is practically no limit.
	most int64
}

func newConnections() *connections {
	return &connections{most: debug.SetMemoryLimit(-1) / 2 / keepAliveMemory}
}

// full says that a connection must end with its answer.
func (c *connections) full() bool { return c.open.Load() > c.most }

// count is the http.Server's ConnState.
func (c *connections) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		c.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		c.open.Add(-1)
	case http.StateActive, http.StateIdle:
	}
}
