package main

import (
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
  videosdk-auth-endpoint token         print a token made from flags (token --help), or what is in one (token --decode TOKEN)
  videosdk-auth-endpoint apikey        make an API key and its line for AUTH_API_KEYS_FILE (apikey NAME)
  videosdk-auth-endpoint policy        try the policy on an example (policy --help), or on a file of them (policy test FILE);
                                       exit 0 allowed or passed, 1 denied or failed, 2 not decided
  videosdk-auth-endpoint healthcheck   exit 0 when the service on this machine is ready
  videosdk-auth-endpoint version       print the version
  videosdk-auth-endpoint help          print this

It is set up by these variables, or by a file .env that sets them. An empty variable counts as not set.

`

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
