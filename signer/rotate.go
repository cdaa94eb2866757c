package signer

import (
	"context"
	"time"
)

// Rotate reads the credential files at each tick, until the context ends, and signs with what they hold once two reads in
// a row agree: files that are written one after the other are so not taken half-way. What can't be used leaves the old
// pair in place. It tells of each change once, with the error where the old pair stays. Without files it returns at once.
func (s *HS256) Rotate(ctx context.Context, ticks <-chan time.Time, tell func(error)) {
	if s.config.KeyFile == "" && s.config.SecretFile == "" {
		return
	}
	type read struct {
		Credentials
		problem string
	}
	take := func() (read, error) {
		c, err := s.config.Credentials()
		if err != nil {
			return read{problem: err.Error()}, err
		}
		return read{Credentials: c}, nil
	}
	used := read{Credentials: s.key.Load().credentials}
	last := used
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		now, err := take()
		agree := now == last
		last = now
		if !agree || now == used {
			continue
		}
		used = now
		if err == nil {
			err = s.use(now.Credentials)
		}
		tell(err)
	}
}
