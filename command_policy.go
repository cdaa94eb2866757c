package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
)

// policy tries the policy on an example. It needs no credentials, so that a pipeline can run it.
func policy(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "test" {
		return policyTest(ctx, args[1:])
	}
	flags := flag.NewFlagSet("policy", flag.ContinueOnError)
	method := flags.String("method", guard.JWT.Name, "how the caller is known: jwt, api_key, proxy or none")
	subject := flags.String("subject", "", "the caller's subject")
	claims := flags.String("claims", "{}", "the claims of the caller's token, as a JSON object")
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
	example := guard.Caller{Method: guard.MethodByName(*method), Subject: *subject}
	var err error
	if example.Claims, err = guard.ParseClaims([]byte(*claims)); err != nil {
		return fmt.Errorf("policy: --claims: %w", err)
	}
	var c config
	mistakes, warnings := read(&c.signer, &c.caller)
	rules, err := guard.NewRules(c.caller)
	if err := wrongConfiguration(append(mistakes, err), warnings); err != nil {
		return err
	}
	printWarnings(warnings)
	s := signer.New(c.signer, signer.Credentials{}, time.Now) // it signs nothing, so it needs no credentials
	if !rules.HasPolicy() {
		return errors.New("policy: there is none; set AUTH_POLICY or AUTH_POLICY_FILE")
	}
	request := requestOf(properties)
	if _, err = rules.Grant(ctx, s, &example, &request); err != nil {
		if invalid, ok := errors.AsType[*signer.ValidationError](err); ok {
			return fmt.Errorf("policy: the request is invalid, whoever makes it: %w", invalid)
		}
		return fmt.Errorf("policy: %w", err)
	}
	fmt.Println("allowed")
	return nil
}
