// Command videosdk-auth-endpoint answers requests for Zoom Video SDK tokens: it checks who wants to join which session
// in which role, and signs.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"videosdk-auth-endpoint/handler"
	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
	"videosdk-auth-endpoint/telemetry"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if err := run(context.Background(), os.Args[1:]); err != nil {
		report(os.Args[1:], err)
		os.Exit(exitStatus(err))
	}
}

// report writes the error that ends the process to standard error. For the service it is a line of JSON if the log is
// JSON, so that the log's collector can read it.
func report(args []string, err error) {
	if len(args) > 0 && args[0] != "serve" || !telemetry.JSON(os.Getenv("LOG_FORMAT"), os.Stdout) {
		fmt.Fprintln(os.Stderr, "videosdk-auth-endpoint:", err)
		return
	}
	log := telemetry.NewLog(telemetry.Config{LogFormat: "json"}, os.Stderr, nil)
	log.Error().Err(err).Msg("videosdk-auth-endpoint ends")
}

func run(ctx context.Context, args []string) error {
	command := "serve"
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	if len(args) > 0 && slices.Contains([]string{"serve", "apikey", "healthcheck", "version"}, command) {
		switch {
		case args[0] == "--help" || args[0] == "-h":
			return help()
		case command != "apikey":
			return fmt.Errorf("%s: takes no arguments, got %q", command, args[0])
		}
	}
	switch command {
	case "serve":
		return serve(ctx)
	case "token":
		return token(ctx, args)
	case "apikey":
		return apikey(args)
	case "policy":
		return decided(policy(ctx, args))
	case "healthcheck":
		return healthcheck(ctx)
	case "version":
		b := build()
		fmt.Println(b.Version, b.Revision)
		return nil
	case "help", "--help", "-h":
		if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
			return run(ctx, []string{args[0], "--help"})
		}
		return help()
	default:
		return fmt.Errorf("no command %q; videosdk-auth-endpoint help lists them", command)
	}
}

// serve runs the service until a signal ends it.
func serve(ctx context.Context) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	// when the reader of the log is gone, lines are dropped and counted, and tokens are still issued
	signal.Ignore(syscall.SIGPIPE)

	c, err := configure()
	if err != nil {
		return err
	}
	o, err := observe(ctx, c)
	if err != nil {
		return err
	}
	tokens := signer.New(c.signer, c.credentials, time.Now)
	observed := telemetry.Observe(tokens, o.metrics, o.tracing)
	requests := telemetry.NewRequests(o.metrics, o.tracing, o.log)
	h := handler.New(c.http, c.guard, observed, requests, telemetry.Handler(o.registry), o.log)
	warn(o.log, c)
	watch(ctx, c, tokens, o)
	go ignore(hangups, o.log)
	server, err := h.Listen(ctx)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	o.log.Info().Stringer("address", server.Addr()).Stringer("admin_address", server.AdminAddr()).
		Str("token_path", c.http.TokenPath).Str("version", build().Version).Msg("listening")
	return o.stop(context.WithoutCancel(ctx), server.Run(ctx, signals))
}

// ignore keeps SIGHUP from ending the service. It comes from a terminal that is closed, from systemctl reload and from
// Nomad.
func ignore(hangups <-chan os.Signal, log *telemetry.Log) {
	for range hangups {
		log.Info().Msgf("SIGHUP does nothing: the files of credentials, API keys and the policy are read every %v anyway; "+
			"restart the service to change the rest", watchInterval)
	}
}

// warn logs what the operator should know: what the configuration leaves open, what in it may be a mistake, and that
// the playground is on.
func warn(log *telemetry.Log, c config) {
	for _, warning := range c.warnings {
		log.Warn().Msg(warning)
	}
	if c.guard.Open() {
		scope := "any token and be host"
		if c.guard.HasPolicy() {
			scope = "any token that the policy allows, under any name"
		}
		log.Warn().Msg("open: everybody who reaches this endpoint can get " + scope +
			"; before it is public, set AUTH_ISSUER, AUTH_API_KEYS_FILE or AUTH_PROXY_HEADER")
	}
	if !c.guard.HasPolicy() && slices.ContainsFunc(c.guard.Methods(), func(m *guard.Method) bool { return m.Person }) {
		log.Warn().Msg("no policy: every user who is signed in can get any token and be host; set AUTH_POLICY")
	}
	for _, warning := range c.guard.Warnings() {
		log.Warn().Msg(warning)
	}
	if c.http.RateLimit > 0 && !c.guard.Open() && len(c.guard.Trusted()) == 0 {
		log.Info().Msg("RATE_LIMIT: refused credentials count against the address that connects. Behind a proxy set " +
			"TRUSTED_PROXIES, or one client's wrong tokens keep all others out.")
	}
	if c.http.Playground {
		log.Info().Msg("playground: GET / serves a page to try requests on; the tokens that it shows are real")
	}
}

// gcPercent trades memory that the service hardly uses (16 MiB of heap before the first collection) for time: its
// garbage is small and dies young. GOGC takes precedence, and GOMEMLIMIT bounds the memory.
const gcPercent = 400
