package main

import (
	"flag"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/kelseyhightower/envconfig"

	"videosdk-auth-endpoint/handler"
	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
	"videosdk-auth-endpoint/telemetry"
)

const usage = `videosdk-auth-endpoint signs Zoom Video SDK tokens over HTTP.

  videosdk-auth-endpoint               serve
  videosdk-auth-endpoint token         make a token, or print what is in one (help token)
  videosdk-auth-endpoint apikey NAME   make an API key and its line for AUTH_API_KEYS_FILE
  videosdk-auth-endpoint policy        try the policy on one request, or on a file of examples (help policy)
  videosdk-auth-endpoint healthcheck   exit with 0 when the service on this machine is ready
  videosdk-auth-endpoint version       print the version
  videosdk-auth-endpoint help          print this

You set it up by these variables, or by a file .env that sets them. An empty variable counts as not set.

`

// The texts that token --help and policy --help begin with. The flags come after them.
//
//nolint:gosec // they hold no credentials
const (
	usageOfToken = `videosdk-auth-endpoint token FLAGS              make a token for the request of the flags, and print it
videosdk-auth-endpoint token --from URL FLAGS   ask a running endpoint for that token, and print it
videosdk-auth-endpoint token --decode FLAGS     print what is in such a token instead; also with --from
videosdk-auth-endpoint token --decode TOKEN     print what is in TOKEN, or in an answer with one; - is standard input

With --decode it also prints why Zoom would refuse the token. The exit status is then 1.

`
	usageOfPolicy = `videosdk-auth-endpoint policy FLAGS       say whether the policy allows the request of the flags
videosdk-auth-endpoint policy test FILE   run the examples in FILE, whose format is in docs/guard.md

The exit status is 0 if the policy allows the request, or if every example passes. It is 1 if the policy denies the
request, or if an example fails. It is 2 if that can't be decided, for example because of a typing mistake.

`
)

// withUsage has the flags print the text before their list.
func withUsage(flags *flag.FlagSet, text string) *flag.FlagSet {
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), text)
		flags.PrintDefaults()
	}
	return flags
}

func help() error {
	fmt.Print(usage)
	const row = "{{range .}}{{usage_key .}}\t{{usage_default .}}\t{{usage_description .}}\n{{end}}"
	table := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	for _, spec := range []any{&signer.Config{}, &guard.Config{}, &handler.Config{}, &telemetry.Config{}} {
		if err := envconfig.Usagef("", spec, table, row); err != nil {
			return fmt.Errorf("help: %w", err)
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("help: %w", err)
	}
	return nil
}
