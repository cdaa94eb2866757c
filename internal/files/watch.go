package files

import (
	"context"
	"time"
)

// Watch reads at each tick, until the context ends. It hands what it read to use once two reads in a row agree, so that
// files which are written one after the other are not used half-way. Used is what is in use at the start. When
// something can't be read, fail is told once, and what is in use stays.
func Watch[T comparable](
	ctx context.Context, ticks <-chan time.Time, used T, read func() (T, error), use func(T), fail func(error),
) {
	type reading struct {
		value   T
		problem string
	}
	known := reading{value: used}
	last := known
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		now := reading{}
		value, err := read()
		if err != nil {
			now.problem = err.Error()
		} else {
			now.value = value
		}
		agree := now == last
		last = now
		if !agree || now == known {
			continue
		}
		known = now
		if err != nil {
			fail(err)
		} else {
			use(value)
		}
	}
}
