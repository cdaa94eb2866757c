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

// Observe counts, times and traces what the signer does; tracing may be nil. No span names a session, a user, or
// anything of a token.
func Observe(next signer.Signer, m *Metrics, t *Tracing) signer.Signer { return observed{next, m, t} }

type observed struct {
	signer.Signer
	m *Metrics
	t *Tracing
}

// The attributes of the signer's spans; semantic conventions have none for them.
const (
	rulesKey    = attribute.Key("videosdk.token.broken_rules")
	roleKey     = attribute.Key("videosdk.token.role")
	lifetimeKey = attribute.Key("videosdk.token.lifetime")
)

// noSpan takes what is said of it, and keeps nothing.
var noSpan = trace.SpanFromContext(context.Background())

// span starts a span below the request's. Where that one is not recorded, the sampler is not asked again.
func (o observed) span(ctx context.Context, name string) (context.Context, trace.Span) {
	if o.t == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, noSpan
	}
	return o.t.tracer.Start(ctx, name) //nolint:spancheck // the caller ends it
}

func (o observed) Validate(ctx context.Context, r *signer.Request) (*signer.Grant, error) {
	ctx, span := o.span(ctx, "token.validate")
	defer span.End()
	start := time.Now()
	grant, err := o.Signer.Validate(ctx, r)
	o.m.validationDuration.Observe(time.Since(start).Seconds())
	if err == nil {
		o.m.validations[resultValid].Inc()
		o.countMisnamed(grant.Misnamed())
		return grant, nil
	}
	o.m.validations[resultInvalid].Inc()
	// a client's mistake is not an error of the server, so the span's status stays unset
	if invalid, ok := errors.AsType[*signer.ValidationError](err); ok {
		o.countMisnamed(invalid.Misnamed)
		var rules []string
		for _, v := range invalid.Violations {
			o.m.validationFailures[signer.Violation{Property: v.Property, Rule: v.Rule}].Inc()
			rules = append(rules, v.Property+"."+string(v.Rule))
		}
		span.SetAttributes(rulesKey.StringSlice(rules))
	}
	return grant, err
}

func (o observed) countMisnamed(names []signer.Misnamed) {
	for _, m := range names {
		o.m.misnamed[m.Meant].Inc()
	}
}

func (o observed) Sign(ctx context.Context, g *signer.Grant) (signer.Token, error) {
	ctx, span := o.span(ctx, "token.sign")
	defer span.End()
	start := time.Now()
	token, err := o.Signer.Sign(ctx, g)
	o.m.signingDuration.Observe(time.Since(start).Seconds())
	o.m.signatures[result(err)].Inc()
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, "token not signed")
		return token, err
	}
	o.m.issued[g.Role()].Inc()
	if span.IsRecording() {
		span.SetAttributes(roleKey.String(g.Role()), lifetimeKey.Int64(int64(g.Lifetime()/time.Second)))
	}
	return token, nil
}
