package guard

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// fetchTimeout bounds one fetch of a key set, discovery included.
	fetchTimeout = 10 * time.Second
	// After a fetch that failed the next one comes after firstRetry, then after twice that, up to lastRetry.
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
	// coolDown is the least time between the beginnings of two fetches for unknown keys.
	coolDown = 10 * time.Second
)

// keySet is the key set of one issuer. It keeps itself up to date.
type keySet struct {
	keySource

	keys  atomic.Pointer[keys] // the last good ones; nil until they were fetched once
	asked chan struct{}        // tells run that wanted has become true

	mu       sync.Mutex
	wanted   bool // a token has named a key that is not in the set, and no fetch has begun since
	fetching bool
	fetches  int       // that have ended
	answered time.Time // when the last fetch that was wanted began
	fetched  time.Time // when the last fetch that succeeded ended
}

// run fetches the key set again and again, until the context ends: once an interval, sooner after an error, and when a
// token names a key that is not in it.
func (s *keySet) run(ctx context.Context, client *http.Client, interval time.Duration, tell func(KeySetFetch)) {
	told := map[SkippedKey]bool{}
	for retry := firstRetry; ; {
		s.begin()
		fetch := s.refresh(ctx, client)
		if fetch.Err == nil || fetch.Skipped != nil { // else there was no key set, and what was told holds
			told = tellOnce(fetch.Skipped, told)
		}
		s.end(fetch.Err == nil)
		tell(fetch)
		pause := interval
		if fetch.Err == nil {
			retry = firstRetry
		} else {
			pause, retry = min(retry, interval), min(2*retry, lastRetry)
		}
		if !s.wait(ctx, pause) {
			return
		}
	}
}

func (s *keySet) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetching = true
	if s.wanted { // whoever asked gets this fetch
		s.wanted, s.answered = false, time.Now()
		select {
		case <-s.asked:
		default: // run has looked already
		}
	}
}

func (s *keySet) end(good bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetching = false
	s.fetches++
	if good {
		s.fetched = time.Now()
	}
}

// ask has the key set fetched again: at once or, during a cool-down, at its end. It returns the number of ended fetches
// that is worth waiting for: one more where a fetch is under way or begins at once, else as many as have ended already.
func (s *keySet) ask() (until int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fetching {
		return s.fetches + 1
	}
	s.wanted = true
	select {
	case s.asked <- struct{}{}:
	default: // run has not looked yet
	}
	if time.Since(s.answered) < coolDown {
		return s.fetches
	}
	return s.fetches + 1
}

// age says how many fetches have ended, and when the last one that succeeded did; zero where none has.
func (s *keySet) age() (fetches int, fetched time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetches, s.fetched
}

// refresh fetches the key set, with a time of its own that no request shortens. After an error the last good keys stay.
func (s *keySet) refresh(ctx context.Context, client *http.Client) KeySetFetch {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	fetch := KeySetFetch{Source: s.String(), First: s.keys.Load() == nil}
	text, err := s.fetch(ctx, client)
	if err != nil {
		fetch.Err = err
		return fetch
	}
	good, skipped, err := parseKeySet(text)
	fetch.Skipped = skipped
	if err != nil {
		fetch.Err = fmt.Errorf("%s: %w", s, err)
		return fetch
	}
	s.keys.Store(&good)
	return fetch
}

// wait lets the pause pass. Once a key is asked for, it waits no longer than the rest of the cool-down.
func (s *keySet) wait(ctx context.Context, pause time.Duration) (goOn bool) {
	next := time.Now().Add(pause)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for asked := s.asked; ; {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-asked:
			asked = nil // once is enough
			timer.Reset(min(time.Until(next), time.Until(s.answered.Add(coolDown))))
		}
	}
}

// tellOnce marks the keys that were skipped before too, and returns those of now.
func tellOnce(skipped []SkippedKey, before map[SkippedKey]bool) map[SkippedKey]bool {
	now := map[SkippedKey]bool{}
	for i, key := range skipped {
		skipped[i].Known, now[key] = before[key], true
	}
	return now
}
