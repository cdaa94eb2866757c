package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"videosdk-auth-endpoint/internal/files"
	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/internal/policytest"
	"videosdk-auth-endpoint/signer"
)

// errTestsFailed ends the command when a policy answers otherwise than its tests want.
var errTestsFailed = errors.New("policy test: at least one test failed")

// policyTest runs the tests of a file, and prints what differs. It needs no credentials, so that a pipeline can run it.
func policyTest(ctx context.Context, args []string) error {
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		return errors.New("policy test: want one FILE, such as: policy test policies.yaml")
	}
	text, err := files.Read(args[0])
	if err != nil {
		return fmt.Errorf("policy test: %s: %w", args[0], err)
	}
	suites, err := policytest.Parse([]byte(text))
	if err != nil {
		return fmt.Errorf("policy test: %s: %w", args[0], err)
	}
	var c config
	c.read(&c.signer, &c.caller)
	if err := c.wrongForCommand(); err != nil {
		return err
	}
	tokens := signer.New(c.signer, signer.Credentials{}, time.Now) // it signs nothing, so it needs no credentials
	passed, failed := 0, 0
	for i, suite := range suites {
		caller := c.caller
		if suite.Policy != "" {
			caller.Policy, caller.PolicyFile = suite.Policy, ""
		}
		rules, err := guard.NewRules(caller)
		if err != nil {
			return fmt.Errorf("policy test: document %d %q: %w", i+1, suite.Name, err)
		}
		if !rules.HasPolicy() {
			return fmt.Errorf("policy test: document %d %q has no policy; add one, or set AUTH_POLICY or AUTH_POLICY_FILE",
				i+1, suite.Name)
		}
		failures := suite.Run(ctx, rules, tokens)
		for _, failure := range failures {
			fmt.Fprintf(os.Stdout, "FAIL  %s: %s\n", suite.Name, failure)
		}
		passed, failed = passed+len(suite.Tests)-len(failures), failed+len(failures)
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		return errTestsFailed
	}
	return nil
}
