package handler

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"time"

	"videosdk-auth-endpoint/internal/guard"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// maxCallers is how many a limiter remembers, about 3 MiB. The one that was seen longest ago is forgotten first, and
// starts with a full burst when it comes again.
const maxCallers = 10_000

// limiter has a token bucket for each caller, or for each address that failed to authenticate. A nil limiter lets
// everybody through.
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

// allow refuses a caller who asks too often.
func (l *limiter) allow(c *guard.Caller, client string) error {
	if l == nil {
		return nil
	}
	who := address(client) // where the endpoint is open
	if c.Method != guard.None {
		who = c.ID()
	}
	reservation := l.bucket(who).Reserve()
	if wait := reservation.Delay(); wait > 0 {
		reservation.Cancel()
		return tooMany(wait)
	}
	return nil
}

// failed counts a credential that was refused against its client's address. A request without one isn't counted.
func (l *limiter) failed(err error, client string) {
	refused, ok := errors.AsType[*guard.RefusalError](err)
	if l != nil && ok && refused.Reason != guard.Missing && refused.Reason.Credential() != "" {
		l.bucket(address(client)).Allow()
	}
}

// spent refuses the clients of an address from which too many credentials were refused, before another one is verified.
func (l *limiter) spent(client string) error {
	if l == nil {
		return nil
	}
	bucket, ok := l.known.Get(address(client))
	if !ok {
		return nil
	}
	if missing := 1 - bucket.Tokens(); missing > 0 {
		return tooMany(time.Duration(missing / float64(l.limit) * float64(time.Second)))
	}
	return nil
}

func (l *limiter) bucket(who string) *rate.Limiter {
	bucket, ok := l.known.Get(who)
	if !ok {
		bucket = rate.NewLimiter(l.limit, l.burst)
		if first, ok, _ := l.known.PeekOrAdd(who, bucket); ok {
			bucket = first
		}
	}
	return bucket
}

// address names a client. An IPv6 client has 2^64 addresses, all in one network, so the network counts as the client.
func address(client string) string {
	addr, err := netip.ParseAddr(client)
	if err != nil || addr.Is4() || addr.Is4In6() {
		return client
	}
	network, _ := addr.WithZone("").Prefix(64) // 64 fits
	return network.String()
}

var refusedForRate = guard.RefusalError{Reason: guard.RateLimited}

// tooMany is the error of a caller who may come again after that time, rounded up to seconds as Retry-After has it.
func tooMany(wait time.Duration) error {
	seconds := fmt.Sprintf("%.0f", math.Ceil(wait.Seconds()))
	words := fault{"requests", "must be fewer: try again in " + seconds + " s"}
	return &faultError{http.StatusTooManyRequests, words, seconds, &refusedForRate}
}
