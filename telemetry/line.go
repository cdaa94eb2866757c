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
	text(e, "client_address", l.client(r.Client))
	text(e, "origin", clip(r.ForbiddenOrigin, lineClip))
	if c := r.Caller; c == nil || c.Method != guard.None { // an open endpoint asks nobody and decides nothing
		l.caller(e, c)
		text(e, "decision", decision)
	}
	if g := r.Grant; g != nil {
		e.Str("role", g.Role()).
			Str("session_name", l.Name(g.SessionName())).
			Str("canonical_session_name", l.Name(g.CanonicalSessionName())).
			Int64("lifetime_s", int64(g.Lifetime()/time.Second))
		text(e, "user_identity", l.Name(g.UserIdentity()))
		text(e, "user_key", l.Name(g.UserKey()))
		var lost []string
		for _, m := range g.Misnamed() {
			lost = append(lost, m.Meant)
		}
		if lost != nil {
			e.Strs("misnamed", lost)
		}
	}
	text(e, "stack", string(r.Stack))
	e.Err(r.Err).Msg("request")
}

// text leaves out what is empty.
func text(e *zerolog.Event, key, value string) {
	if value != "" {
		e.Str(key, value)
	}
}

func (l *Log) caller(e *zerolog.Event, c *guard.Caller) {
	if c == nil {
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
