package handler

import (
	"fmt"
	"math"
	"net/netip"
	"time"

	"videosdk-auth-endpoint/internal/guard"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// maxCallers is how many callers are remembered, about 3 MiB. The one that was seen longest ago is forgotten first, and
// starts with a full burst when it comes again.
const maxCallers = 10_000

// limiter has a token bucket for each caller. A nil limiter lets everybody through.
type limiter struct {
	limit rate.Limit
	burst int
	known *lru.Cache[string, *rate.Limiter]
}

// newLimiter returns nil where there is no limit.
func newLimiter(perSecond float64, burst int) *limiter {
	if perSecond == 0 {
		return nil
	}
	known, _ := lru.New[string, *rate.Limiter](maxCallers) // its one error is a size below 1
	return &limiter{rate.Limit(perSecond), burst, known}
}

// allow refuses a caller who asks too often. Its error is a *rateError.
func (l *limiter) allow(c *guard.Caller, client string) error {
	if l == nil {
		return nil
	}
	who := limitKey(c, client)
	bucket, ok := l.known.Get(who)
	if !ok {
		bucket = rate.NewLimiter(l.limit, l.burst)
		if first, ok, _ := l.known.PeekOrAdd(who, bucket); ok {
			bucket = first
		}
	}
	reservation := bucket.Reserve()
	if wait := reservation.Delay(); wait > 0 {
		reservation.Cancel()
		return &rateError{&refusedForRate, wait}
	}
	return nil
}

// limitKey names whom the limit counts for: the caller or, where the endpoint is open, the client's address. An IPv6
// client has 2^64 addresses, all in one network, which counts as one.
func limitKey(c *guard.Caller, client string) string {
	if c.Method != guard.None {
		return c.Method.Name + " " + c.Subject
	}
	addr, err := netip.ParseAddr(client)
	if err != nil || addr.Is4() || addr.Is4In6() {
		return client
	}
	network, _ := addr.WithZone("").Prefix(64) // 64 fits
	return network.String()
}

var refusedForRate = guard.RefusalError{Reason: guard.RateLimited}

// rateError says when the caller may come again.
type rateError struct {
	error
	wait time.Duration
}

func (e *rateError) Unwrap() error { return e.error }

// seconds is the wait in whole seconds, as Retry-After has it.
func (e *rateError) seconds() string { return fmt.Sprintf("%.0f", math.Ceil(e.wait.Seconds())) }
