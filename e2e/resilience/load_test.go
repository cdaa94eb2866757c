//go:build resilience && linux

package resilience_test

import (
	"flag"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"videosdk-auth-endpoint/internal/servicetest"
)

const (
	// rate is modest, so that what is measured is not a machine at its limit
	rate        = 200 // requests per second
	loadWorkers = 4
	// window is long enough for a p99: 300 requests
	window = 1500 * time.Millisecond
	// pairs of windows are measured at least, and at most
	pairs, mostPairs = 3, 9
	// base keeps the noise of a machine with few cores, on which clients and service take turns, from being a failure: what
	// takes less than this counts as this, so that 3 ms are always fine.
	base = time.Millisecond
	// slower is how much a disturbance may cost
	slower = 3
)

// Latency depends on what else the machine does: a run that decides whether a change lands only prints it.
var bounded = flag.Bool("p99", false, "hold the healthy client's p99 to its bound, on a machine that does nothing else")

// load is a healthy client: it sends requests at a fixed rate over keep-alive connections, however slow the answers are,
// and wants a token each time.
type load struct {
	check func(token string) error
	base  time.Duration // see the constant
	leave chan struct{}
	done  sync.WaitGroup

	mu           sync.Mutex
	sent, failed int
	problem      error
	took         []time.Duration // of the requests of this window
}

// startLoad sends requests until the test ends.
func startLoad(t *testing.T, url string) *load {
	t.Helper()
	return startCheckedLoad(t, url, func(string) error { return nil })
}

// connected waits until every worker has its connection, which the service has goroutines for.
func (l *load) connected(t *testing.T) {
	t.Helper()
	servicetest.Eventually(t, 20*time.Second, "a connection for each healthy client", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.sent >= 10*loadWorkers
	})
}

// startCheckedLoad counts a token that fails the check as a request that failed.
func startCheckedLoad(t *testing.T, url string, check func(token string) error) *load {
	t.Helper()
	l := &load{check: check, base: base, leave: make(chan struct{})}
	const interval = loadWorkers * time.Second / rate
	begun := time.Now()
	for worker := range loadWorkers {
		due := begun.Add(time.Duration(worker) * interval / loadWorkers)
		client := newClient(1) // so that each has a connection, however busy they are
		// one of them is a new client each time
		client.Transport.(*http.Transport).DisableKeepAlives = worker == 0
		l.done.Go(func() {
			defer client.CloseIdleConnections()
			timer := time.NewTimer(0)
			defer timer.Stop()
			for ; ; due = due.Add(interval) {
				// a request whose turn came while the one before was not answered has been waiting since: that is the
				// service's time; a timer that fires late is ours
				from := due
				if wait := time.Until(due); wait > 0 {
					timer.Reset(wait)
					select {
					case <-l.leave:
						return
					case <-timer.C:
					}
					from = time.Now()
				} else {
					select {
					case <-l.leave:
						return
					default:
					}
				}
				token, err := ask(client, url)
				took := time.Since(from)
				if err == nil {
					err = l.check(token)
				}
				l.note(took, err)
			}
		})
	}
	t.Cleanup(l.stop)
	servicetest.Eventually(t, 10*time.Second, "the healthy client has begun", func() bool { return l.count() > rate/4 })
	return l
}

func (l *load) note(took time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent++
	l.took = append(l.took, took)
	if err != nil {
		l.failed++
		l.problem = err
	}
}

func (l *load) stop() {
	l.mu.Lock()
	select {
	case <-l.leave:
	default:
		close(l.leave)
	}
	l.mu.Unlock()
	l.done.Wait()
}

// count is how many requests were sent.
func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent
}

// window returns the p99 of the next requests.
func (l *load) window(t *testing.T) time.Duration {
	t.Helper()
	l.mu.Lock()
	l.took = l.took[:0]
	l.mu.Unlock()
	pass(t, window)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.took) == 0 {
		t.Fatalf("no answer in %v", window)
	}
	slices.Sort(l.took)
	return l.took[(len(l.took)*99+99)/100-1]
}

// compare measures the p99 in pairs of windows, without and with a disturbance, and holds their medians to the bound. What
// is over it is measured in more pairs: noise of the machine goes away with them, what the service does stays.
func (l *load) compare(t *testing.T, without, with func(pair int)) {
	t.Helper()
	var calm, disturbed []time.Duration
	var most time.Duration
	for pair := range mostPairs {
		without(pair)
		calm = append(calm, l.window(t))
		with(pair)
		disturbed = append(disturbed, l.window(t))
		most = slower * max(median(calm), l.base)
		if pair+1 >= pairs && (!*bounded || median(disturbed) <= most) {
			break
		}
	}
	t.Logf("p99 without %v, with %v (medians of %v and %v)", median(calm), median(disturbed), rounded(calm), rounded(disturbed))
	if *bounded && median(disturbed) > most {
		t.Errorf("p99 %v, and %v would be fine", median(disturbed), most)
	}
}

func median(of []time.Duration) time.Duration {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2].Round(time.Microsecond)
}

func rounded(of []time.Duration) []time.Duration {
	rounded := slices.Clone(of)
	for i, d := range rounded {
		rounded[i] = d.Round(time.Microsecond)
	}
	return rounded
}

// noneFailed ends the load and holds it to its promise.
func (l *load) noneFailed(t *testing.T) {
	t.Helper()
	l.stop()
	t.Logf("healthy client: %d requests sent, %d failed", l.sent, l.failed)
	if l.failed > 0 {
		t.Errorf("%d of %d requests of a healthy client failed, the last: %v", l.failed, l.sent, l.problem)
	}
}
