package telemetry

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"videosdk-auth-endpoint/signer"
)

// Count counts and times what the signer does.
func Count(next signer.Signer, m *Metrics) signer.Signer { return counted{next, m} }

type counted struct {
	signer.Signer
	m *Metrics
}

func (c counted) Validate(ctx context.Context, r *signer.Request) (*signer.Grant, error) {
	start := time.Now()
	grant, err := c.Signer.Validate(ctx, r)
	c.m.validationDuration.Observe(time.Since(start).Seconds())
	if err == nil {
		c.m.validations[resultValid].Inc()
		c.countMisnamed(grant.Misnamed())
		return grant, nil
	}
	c.m.validations[resultInvalid].Inc()
	if invalid, ok := errors.AsType[*signer.ValidationError](err); ok {
		c.countMisnamed(invalid.Misnamed)
		for _, v := range invalid.Violations {
			c.m.validationFailures[signer.Violation{Property: v.Property, Rule: v.Rule}].Inc()
		}
	}
	return grant, err
}

func (c counted) countMisnamed(names []signer.Misnamed) {
	for _, m := range names {
		c.m.misnamed[m.Meant].Inc()
	}
}

func (c counted) Sign(ctx context.Context, g *signer.Grant) (signer.Token, error) {
	start := time.Now()
	token, err := c.Signer.Sign(ctx, g)
	c.m.signingDuration.Observe(time.Since(start).Seconds())
	if err != nil {
		c.m.signatures[resultError].Inc()
		return token, err
	}
	c.m.signatures[resultOK].Inc()
	c.m.issued[g.Role()].Inc()
	return token, nil
}

// Trace puts a span around what the signer does. No span names a session, a user, or anything of a token.
func Trace(next signer.Signer, t *Tracing) signer.Signer {
	if t == nil {
		return next
	}
	return spanned{next, t.tracer}
}

type spanned struct {
	signer.Signer
	tracer trace.Tracer
}

// The attributes of the signer's spans; semantic conventions have none for them.
const (
	rulesKey    = attribute.Key("videosdk.token.broken_rules")
	roleKey     = attribute.Key("videosdk.token.role")
	lifetimeKey = attribute.Key("videosdk.token.lifetime")
)

// sampled says whether the request's span is recorded. If not, there are no spans below it, and the sampler is not
// asked.
func sampled(ctx context.Context) bool { return trace.SpanFromContext(ctx).IsRecording() }

func (s spanned) Validate(ctx context.Context, r *signer.Request) (*signer.Grant, error) {
	if !sampled(ctx) {
		return s.Signer.Validate(ctx, r)
	}
	ctx, span := s.tracer.Start(ctx, "token.validate")
	defer span.End()
	grant, err := s.Signer.Validate(ctx, r)
	// a client's mistake is not an error of the server, so the span's status stays unset
	if invalid, ok := errors.AsType[*signer.ValidationError](err); ok {
		rules := make([]string, len(invalid.Violations))
		for i, v := range invalid.Violations {
			rules[i] = v.Property + "." + string(v.Rule)
		}
		span.SetAttributes(rulesKey.StringSlice(rules))
	}
	return grant, err
}

func (s spanned) Sign(ctx context.Context, g *signer.Grant) (signer.Token, error) {
	if !sampled(ctx) {
		return s.Signer.Sign(ctx, g)
	}
	ctx, span := s.tracer.Start(ctx, "token.sign")
	defer span.End()
	token, err := s.Signer.Sign(ctx, g)
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, "token not signed")
		return token, err
	}
	span.SetAttributes(roleKey.String(g.Role()), lifetimeKey.Int64(int64(g.Lifetime()/time.Second)))
	return token, nil
}
