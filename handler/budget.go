package handler

import (
	"bytes"
	"container/list"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
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
		a, enough := b.next()
		if a == nil {
			return enough
		}
		a.connection.evict()
	}
}

// next is the account that makes room for others; nil where there is enough, or where everybody is to be waited for.
func (b *budget) next() (a *account, enough bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.used > b.limit && b.short.Len()+b.long.Len() > 1 {
		if a = longestWaiting(&b.long); a == nil {
			a = longestWaiting(&b.short)
		}
		if a == nil || a.in == &b.short && time.Since(a.since) < patience {
			return nil, false
		}
		switch unread, untaken := a.connection.kept(); {
		case a.keeps(unread, untaken) < 0: // its client has taken an answer
		case a.in == &b.short && a.waiting.Load() == toSend && unread > 0:
			a.restart() // the machine is so busy that nobody has read it yet
		default:
			a.forget()
			return a, false
		}
	}
	return nil, true
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
	// kept is how many bytes the kernel keeps: of requests that were not read, and of answers that its client has not
	// taken.
	kept() (unread, untaken int)
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
	// inKernel is the cost of what the kernel keeps.
	inKernel int64
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
	a.charge(openCost + a.ahead + a.inKernel - a.cost)
	a.restart()
}

// kept charges for what the kernel keeps.
func (a *account) kept(unread, untaken int) {
	a.budget.mu.Lock()
	a.keeps(unread, untaken)
	over := a.budget.used > a.budget.limit
	a.budget.mu.Unlock()
	if over {
		a.budget.makeRoom()
	}
}

// closing says that the connection is only kept for the client to take its answer.
func (a *account) closing() {
	a.waiting.Store(toTake)
	a.budget.mu.Lock()
	a.charge(closingCost - a.cost)
	a.inKernel = 0 // closingCost has it
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

// charge, keeps, restart and forget are for callers that hold the lock.
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

// keeps returns by how much the charge for what the kernel keeps has changed. When answers fill its buffer, the service
// reads no more, and what the client goes on sending fills the other one.
func (a *account) keeps(unread, untaken int) (change int64) {
	cost := kernelWeight * int64(unread+untaken)
	if untaken > kernelBuffer {
		cost = 2 * bufferCost
	}
	change = cost - a.inKernel
	a.inKernel = cost
	a.charge(change)
	return change
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
