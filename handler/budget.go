package handler

import (
	"bytes"
	"container/list"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// These constants say how many bytes a connection makes the service hold. They were measured with 300 to 2,000
// connections at once, each of which had sent its part and waited: live heap and stacks, divided by the number of
// connections.
const (
	// openCost is an open connection: 18.5 KiB were measured, of which 8 KiB are the stack and 8 KiB net/http's two
	// buffers.
	openCost = 20 << 10
	// requestCost is what a request under way takes beside its bytes: 6 to 8 KiB were measured.
	requestCost = 8 << 10
	// byteCost is for every byte of a request: a buffer that grows to take it is up to twice as long.
	byteCost = 2
	// lineCost is for every line of a header. net/http makes a map of them: 100 bytes for each were measured.
	lineCost = 100
	// shortLine is the length from which a line costs as much. Shorter names are too few to fill a map.
	shortLine = 5
	// shortCost is the most that a connection with a usual request costs, such as one of 4 KiB in 40 lines.
	shortCost = 40 << 10
	// closingCost is a connection that was answered before everything had arrived: what its client goes on sending
	// fills the kernel's buffer, 64 KiB at first, until the connection is closed half a second later.
	closingCost = 84 << 10
)

// patience is how long a connection with a usual request may keep the service waiting, even when others want its place.
const patience = 250 * time.Millisecond

// budget bounds the memory that clients can use up by connecting and sending, whoever they are: the account of every
// connection is charged for what it makes the service hold. When that is more than the limit, the connections that have
// waited longest for their clients are ended first, so that slow clients make room for others. Those with long requests
// make room before those with short ones.
type budget struct {
	limit int64

	mu   sync.Mutex
	used int64
	// short and long hold the accounts by the length of their requests. The one that has waited longest comes first.
	short, long list.List
}

// The connections of each port have these shares of GOMEMLIMIT. The rest is for the service itself and for garbage:
// when connections had half of it, a rush of headers with many lines made garbage faster than it was collected, up to
// 126 MiB of the chart's 128.
const (
	publicShare = 0.4
	adminShare  = 0.06
)

// newBudget is a share of GOMEMLIMIT. Without GOMEMLIMIT there is no limit in practice.
func newBudget(share float64) *budget {
	return &budget{limit: int64(float64(debug.SetMemoryLimit(-1)) * share)}
}

// open returns the account of a new connection.
func (b *budget) open(c chargeable) *account {
	a := &account{budget: b, connection: c, in: &b.short, cost: openCost, since: time.Now()}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used += a.cost
	a.place = b.short.PushBack(a)
	return a
}

// makeRoom ends connections while there is too little room, and reports whether there is enough.
func (b *budget) makeRoom() bool {
	for {
		b.mu.Lock()
		if b.used <= b.limit || b.short.Len()+b.long.Len() < 2 {
			b.mu.Unlock()
			return true
		}
		a := longestWaiting(&b.long)
		if a == nil {
			a = longestWaiting(&b.short)
		}
		if a == nil || a.in == &b.short && time.Since(a.since) < patience {
			b.mu.Unlock()
			return false
		}
		if a.in == &b.short && a.waiting.Load() == toSend && a.connection.hasSent() {
			a.restart() // the machine is so busy that nobody has read it yet
			b.mu.Unlock()
			continue
		}
		a.forget()
		b.mu.Unlock()
		a.connection.evict()
	}
}

// longestWaiting returns the account that has waited longest for its client; nil where none waits.
func longestWaiting(order *list.List) *account {
	for place := order.Front(); place != nil; place = place.Next() {
		if a := place.Value.(*account); a.waiting.Load() != toNothing {
			return a
		}
	}
	return nil
}

// chargeable is what an account needs of its connection.
type chargeable interface {
	// evict ends it at once.
	evict()
	// hasSent says that the client has sent something that was not read yet.
	hasSent() bool
}

// What the service waits for a client to do.
const (
	toNothing = iota
	toSend
	toTake // an answer
)

// account is what one connection is charged.
type account struct {
	budget     *budget
	connection chargeable
	waiting    atomic.Int32

	// budget.mu guards the rest.
	in    *list.List
	place *list.Element // nil when the connection is closed
	cost  int64
	// begun says that a part of a request has arrived.
	begun bool
	// ahead is the cost of the lines that arrived last. They may be the header of the next request.
	ahead int64
	// since is when the request began, or else when the last one was answered. A client can't change it by sending a
	// byte now and then.
	since time.Time
}

// received charges for a part of a request. The lines of a body cost as much as those of a header, because a client may
// send its next header ahead, and nothing here tells the two apart.
func (a *account) received(part []byte) {
	lines := lineCost * int64(min(bytes.Count(part, []byte{'\n'}), len(part)/shortLine))
	a.budget.mu.Lock()
	if !a.begun {
		a.begun = true
		a.restart()
		a.charge(requestCost)
	}
	a.ahead = lines
	a.charge(lines + byteCost*int64(len(part)))
	over := a.budget.used > a.budget.limit
	a.budget.mu.Unlock()
	if over {
		a.budget.makeRoom()
	}
}

// answered says that the connection is idle.
func (a *account) answered() {
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	a.begun = false
	a.charge(openCost + a.ahead - a.cost)
	a.restart()
}

// closing says that the connection is only kept for the client to take its answer.
func (a *account) closing() {
	a.waiting.Store(toTake)
	a.budget.mu.Lock()
	a.charge(closingCost - a.cost)
	a.budget.mu.Unlock()
	a.budget.makeRoom()
}

// state tells whether the connection is open still, and whether a part of a request has arrived.
func (a *account) state() (open, begun bool) {
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	return a.place != nil, a.begun
}

// close may be called again and again.
func (a *account) close() {
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	a.forget()
}

// charge, restart and forget are for callers that hold the lock.
func (a *account) charge(cost int64) {
	if a.place == nil {
		return
	}
	a.cost += cost
	a.budget.used += cost
	in := &a.budget.short
	if a.cost > shortCost {
		in = &a.budget.long
	}
	if in != a.in {
		a.in.Remove(a.place)
		a.in, a.place = in, in.PushBack(a)
	}
}

func (a *account) restart() {
	if a.place != nil {
		a.since = time.Now()
		a.in.MoveToBack(a.place)
	}
}

func (a *account) forget() {
	if a.place != nil {
		a.in.Remove(a.place)
		a.budget.used -= a.cost
		a.place = nil
	}
}
