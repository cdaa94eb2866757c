package handler

import (
	"fmt"
	"math"
	"net/netip"
	"time"

	"videosdk-auth-endpoint/handler/caller"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"golang.org/x/time/rate"
)

// maxCallers is how many callers are remembered, about 3 MiB. The one that was seen longest ago is forgotten first, and
// starts with a full burst when it comes again.
const maxCallers = 10_000

// limit refuses callers who ask too often.
func (h *Handler) limit(next echo.HandlerFunc) echo.HandlerFunc {
	if h.config.RateLimit == 0 {
		return next
	}
	return middleware.RateLimiterWithConfig(middleware.RateLimiterConfig{
		Store:               newBuckets(h.config),
		IdentifierExtractor: func(c echo.Context) (string, error) { return limitKey(c.(*exchange)), nil },
		DenyHandler: func(c echo.Context, _ string, err error) error {
			c.(*exchange).refused = err
			return err // Echo answers with it
		},
	})(next)
}

// limitKey names whom the limit counts for: the caller or, where the endpoint is open, the client's address. An IPv6
// client has 2^64 addresses, all in one network, which counts as one.
func limitKey(x *exchange) string {
	if x.caller.Method != caller.None {
		return string(x.caller.Method) + " " + x.caller.Subject
	}
	addr, err := netip.ParseAddr(x.RealIP())
	if err != nil || addr.Is4() || addr.Is4In6() {
		return x.RealIP()
	}
	network, _ := addr.WithZone("").Prefix(64) // 64 fits
	return network.String()
}

// buckets is Echo's RateLimiterStore: a token bucket for each caller, and a bounded number of them, which Echo's own store
// has not.
type buckets struct {
	limit rate.Limit
	burst int
	known *lru.Cache[string, *rate.Limiter]
}

func newBuckets(c Config) *buckets {
	known, _ := lru.New[string, *rate.Limiter](maxCallers) // its one error is a size below 1
	return &buckets{rate.Limit(c.RateLimit), int(c.RateBurst), known}
}

// Allow takes a token from the caller's bucket. Its error, where there is none, is a *rateError.
func (b *buckets) Allow(caller string) (bool, error) {
	bucket, ok := b.known.Get(caller)
	if !ok {
		bucket = rate.NewLimiter(b.limit, b.burst)
		if first, ok, _ := b.known.PeekOrAdd(caller, bucket); ok {
			bucket = first
		}
	}
	reservation := bucket.Reserve()
	if wait := reservation.Delay(); wait > 0 {
		reservation.Cancel()
		return false, &rateError{&refusedForRate, wait}
	}
	return true, nil
}

var refusedForRate = caller.RefusalError{Reason: caller.RateLimited}

// rateError says when the caller may come again.
type rateError struct {
	error
	wait time.Duration
}

func (e *rateError) Unwrap() error { return e.error }

// seconds is the wait in whole seconds, as Retry-After has it.
func (e *rateError) seconds() string { return fmt.Sprintf("%.0f", math.Ceil(e.wait.Seconds())) }
