package guard

import (
	"context"
	"errors"
	"fmt"

	"videosdk-auth-endpoint/signer"
)

// Rules say what a caller may have. They need no credentials and no connection, so that a pipeline can try them.
type Rules struct {
	config Config
	policy *Policy // nil without one
}

// NewRules compiles the policy. Its error points at the mistake.
func NewRules(c Config) (*Rules, error) {
	policy, err := NewPolicy(c)
	if err != nil {
		return nil, err
	}
	return &Rules{c, policy}, nil
}

// HasPolicy says whether there is a policy to ask.
func (r *Rules) HasPolicy() bool { return r.policy != nil }

// Denies says that a caller who is known may be denied a token.
func (r *Rules) Denies() bool { return r.policy != nil || r.config.IdentityClaim != "" }

// IdentityProperty is the property that users' own names go to, whatever they send; empty where requests name users.
func (r *Rules) IdentityProperty() string {
	if r.config.IdentityClaim == "" {
		return ""
	}
	return r.config.IdentityProperty
}

// Grant is the one way from a request to what its token will say: a user's own name takes its place, the signer's rules
// are checked, and the policy is asked about exactly what will be signed. Its error is a *RefusalError or the signer's.
func (r *Rules) Grant(ctx context.Context, s signer.Signer, c *Caller, request *signer.Request) (*signer.Grant, error) {
	identity, value, err := r.config.Identity(c)
	if err != nil {
		return nil, fmt.Errorf("identify: %w", err)
	}
	if identity != "" {
		request.Set(identity, signer.Value{Kind: signer.KindString, String: value})
	}
	grant, err := s.Validate(ctx, request)
	if err != nil {
		if reason, broken := brokenRule(err, identity); broken {
			// nothing that the client could send would help
			return nil, &RefusalError{Reason: Identity, Detail: "it sets " + identity + ", which " + reason}
		}
		return nil, fmt.Errorf("validate: %w", err)
	}
	if r.policy != nil {
		if err := r.policy.Allow(c, grant); err != nil {
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
