package signer

import (
	"context"
	"time"
)

// Rotate watches the credential files, until the context ends, and signs with what they hold. It tells of each change
// once, with the error where the old pair stays. Without files it returns at once.
func (s *HS256) Rotate(ctx context.Context, ticks <-chan time.Time, tell func(error)) {
	if s.config.KeyFile == "" && s.config.SecretFile == "" {
		return
	}
	Watch(ctx, ticks, s.key.Load().credentials, s.config.Credentials, func(c Credentials) { tell(s.use(c)) }, tell)
}

// Watch reads at each tick, until the context ends, and hands what it read to use once two reads in a row agree: files
// that are written one after the other are so not taken half-way. Used is what is in use at the start. What can't be read
// is told of once, and changes nothing.
func Watch[T comparable](ctx context.Context, ticks <-chan time.Time, used T, read func() (T, error), use func(T), tell func(error)) {
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
			tell(err)
		} else {
			use(value)
		}
	}
}
