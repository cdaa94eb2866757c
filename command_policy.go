package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
)

// policy tries the policy on an example. It needs no credentials, so that a pipeline can run it.
func policy(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "test" {
		return policyTest(ctx, args[1:])
	}
	flags := withUsage(flag.NewFlagSet("policy", flag.ContinueOnError), usageOfPolicy)
	method := flags.String("method", guard.JWT.Name, "how the caller is known: jwt, api_key, proxy or none")
	subject := flags.String("subject", "",
		"the caller's name: the token's sub, the name of the API key, or the proxy's user")
	claims := flags.String("claims", "",
		"the claims of the caller's token, as a JSON object; its sub and --subject are the same thing")
	properties := requestFlags(flags)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return fmt.Errorf("policy: %w", err)
	case flags.NArg() > 0:
		return fmt.Errorf("policy: want flags, not %q", flags.Arg(0))
	case guard.MethodByName(*method) == nil:
		return errors.New("policy: --method: want jwt, api_key, proxy or none")
	}
	var c config
	c.read(&c.signer, &c.caller)
	rules, err := guard.NewRules(c.caller)
	c.mistakes = append(c.mistakes, err)
	if err := c.wrongForCommand(); err != nil {
		return err
	}
	if !rules.HasPolicy() {
		return errors.New("policy: there is no policy to try; set AUTH_POLICY or AUTH_POLICY_FILE")
	}
	caller, err := exampleCaller(*method, *subject, *claims)
	if err != nil {
		return err
	}
	s := signer.New(c.signer, signer.Credentials{}, time.Now) // it signs nothing, so it needs no credentials
	request := requestOf(properties)
	if _, err = rules.Grant(ctx, s, caller, &request); err != nil {
		return explain(ctx, rules, s, caller, &request, err)
	}
	fmt.Println("allowed")
	return nil
}

func exampleCaller(method, subject, claims string) (*guard.Caller, error) {
	var parsed map[string]any
	if claims != "" {
		var err error
		if parsed, err = guard.ParseClaims([]byte(claims)); err != nil {
			return nil, fmt.Errorf("policy: --claims: %w", err)
		}
	}
	caller, err := guard.NewCaller(guard.MethodByName(method), subject, parsed)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return caller, nil
}

// explain says why the example gets no token, and which parts of the policy are false for it.
func explain(
	ctx context.Context, rules *guard.Rules, s signer.Signer, caller *guard.Caller, request *signer.Request, err error,
) error {
	if invalid, ok := errors.AsType[*signer.ValidationError](err); ok {
		return fmt.Errorf("policy: the request is invalid, whoever makes it: %w", invalid)
	}
	refusal, refused := errors.AsType[*guard.RefusalError](err)
	switch {
	case !refused:
		return fmt.Errorf("policy: %w", err)
	case refusal.Reason != guard.PolicyDenied:
		return errors.New("policy: " + refusal.Detail)
	}
	parts, err := rules.Explain(ctx, s, caller, request)
	if err != nil {
		return fmt.Errorf("%w: %s, but its parts can't be tried alone: %w", errDenied, refusal.Detail, err)
	}
	return fmt.Errorf("%w: %s\n  false at %s", errDenied, refusal.Detail, strings.Join(parts, "\n  false at "))
}

var errDenied = errors.New("policy: denied")

// undecidedError is the error of a policy command that could not find out whether the policy allows the example. Its
// exit status differs from that of a denial, so that a test which expects a denial does not pass on a typing mistake.
type undecidedError struct{ error }

// decided marks every error that is not a denial or a failed test as undecided.
func decided(err error) error {
	if err == nil || errors.Is(err, errDenied) || errors.Is(err, errTestsFailed) {
		return err
	}
	return undecidedError{err}
}

// exitStatus is 2 where a policy command could not decide, and 1 for every other error.
func exitStatus(err error) int {
	if _, undecided := errors.AsType[undecidedError](err); undecided {
		return 2
	}
	return 1
}
