package telemetry

import (
	"time"

	"github.com/rs/zerolog"

	"videosdk-auth-endpoint/internal/guard"
)

// request writes the request's line, which for an issued token is the audit line too.
func (l *Log) request(r *Record, decision string) {
	e := l.WithLevel(r.level())
	if !e.Enabled() {
		return
	}
	e.Ctx(r.Request.Context()).Str("request_id", r.ID).
		Str("method", clip(r.Request.Method, lineClip)).
		Str("path", clip(r.Request.URL.Path, lineClip)).
		Int("status_code", r.Status).
		Str("outcome", outcome(r.Status)).
		Int64("duration_us", r.Took.Microseconds())
	if client := l.client(r.Client); client != "" {
		e.Str("client_address", client)
	}
	if r.ForbiddenOrigin != "" {
		e.Str("origin", clip(r.ForbiddenOrigin, lineClip))
	}
	open := false
	if c := r.Caller; c != nil {
		open = c.Method == guard.None
		l.caller(e, c)
	}
	if decision != "" && !open {
		e.Str("decision", decision)
	}
	if g := r.Grant; g != nil {
		e.Str("role", g.Role()).
			Str("session_name", l.Name(g.SessionName())).
			Str("canonical_session_name", l.Name(g.CanonicalSessionName())).
			Int64("lifetime_s", int64(g.Lifetime()/time.Second))
		if identity := g.UserIdentity(); identity != "" {
			e.Str("user_identity", l.Name(identity))
		}
		if key := g.UserKey(); key != "" {
			e.Str("user_key", l.Name(key))
		}
		if misnamed := g.Misnamed(); len(misnamed) > 0 {
			lost := zerolog.Arr()
			for _, m := range misnamed {
				lost.Str(m.Meant)
			}
			e.Array("misnamed", lost)
		}
	}
	if r.Stack != nil {
		e.Str("stack", string(r.Stack))
	}
	e.Err(r.Err).Msg("request")
}

func (l *Log) caller(e *zerolog.Event, c *guard.Caller) {
	if c.Method == guard.None {
		return
	}
	name := c.Subject
	if c.Method.Person {
		name = l.Name(name)
	}
	e.Str("caller_method", c.Method.Name).Str("caller", clip(name, lineClip))
}

// lineClip is how many bytes of a client's text the log keeps.
const lineClip = 100

// clip returns a copy of what it keeps of a long text, so that a short text does not keep the memory of a long one.
func clip(s string, most int) string {
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
