package guard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"videosdk-auth-endpoint/internal/files"
	"videosdk-auth-endpoint/signer"
)

// Rules say what a caller may have. They need no credentials and no connection, so that a pipeline can try them.
type Rules struct {
	config Config
	text   string                 // of the policy, when it was read first
	policy atomic.Pointer[Policy] // nil without one
}

// NewRules compiles the policy. Its error points at the mistake.
func NewRules(c Config) (*Rules, error) {
	text, err := c.policyText()
	r := &Rules{config: c, text: text}
	if err == nil && text != "" {
		err = r.use(text)
	}
	return r, err
}

func (r *Rules) use(text string) error {
	policy, err := NewPolicy(r.config.policyVariable(), text)
	if err == nil {
		r.policy.Store(policy)
	}
	return err
}

// run reads AUTH_POLICY_FILE at each tick. A policy that can't be read or doesn't compile leaves the last good one in
// use.
func (r *Rules) run(ctx context.Context, b Background) {
	if r.config.PolicyFile != "" {
		use := func(text string) { b.Policy(r.use(text)) }
		files.Watch(ctx, b.Ticks(), r.text, r.config.policyText, use, b.Policy)
	}
}

// HasPolicy says whether there is a policy to ask.
func (r *Rules) HasPolicy() bool { return r.policy.Load() != nil }

// Denies says that a caller who is known may be denied a token.
func (r *Rules) Denies() bool { return r.HasPolicy() || r.config.IdentityClaim != "" }

// Pins says that a person's own name takes the place of what a request sends for that property.
func (r *Rules) Pins(property string) bool {
	return r.config.IdentityClaim != "" && slices.Contains(identityProperties, property)
}

// Grant is the one way from a request to what its token will say: a user's own name takes its place, the signer's rules
// are checked, and the policy is asked about exactly what will be signed. Its error is a *RefusalError or the signer's.
func (r *Rules) Grant(ctx context.Context, s signer.Signer, c *Caller, request *signer.Request) (*signer.Grant, error) {
	pinned, err := r.config.identify(c, request)
	if err != nil {
		return nil, fmt.Errorf("identify: %w", err)
	}
	grant, err := s.Validate(ctx, request)
	if err != nil {
		identity := r.config.IdentityProperty
		if reason, broken := brokenRule(err, identity); pinned && broken {
			// nothing that the client could send would help
			return nil, &RefusalError{Reason: Identity, Detail: "it sets " + identity + ", which " + reason}
		}
		return nil, fmt.Errorf("validate: %w", err)
	}
	if policy := r.policy.Load(); policy != nil {
		if err := policy.Allow(c, grant); err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
	}
	return grant, nil
}

// brokenRule is the reason that a validation error gives for that property.
func brokenRule(err error, property string) (reason string, broken bool) {
	if invalid, ok := errors.AsType[*signer.ValidationError](err); ok {
		for _, v := range invalid.Violations {
			if v.Property == property {
				return v.Reason, true
			}
		}
	}
	return "", false
}
