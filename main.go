// Command videosdk-auth-endpoint answers requests for Zoom Video SDK tokens: it checks who wants to join which session
// in which role, and signs.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
	"unicode"

	"videosdk-auth-endpoint/handler"
	"videosdk-auth-endpoint/signer"
	"videosdk-auth-endpoint/telemetry"

	"github.com/joho/godotenv"
	"github.com/kelseyhightower/envconfig"
	"github.com/prometheus/client_golang/prometheus"
)

const usage = `videosdk-auth-endpoint signs Zoom Video SDK tokens over HTTP.

  videosdk-auth-endpoint               serve
  videosdk-auth-endpoint token         print a token made from flags (token --help), or what is in one (token --decode TOKEN)
  videosdk-auth-endpoint healthcheck   exit 0 when the service on this machine is ready
  videosdk-auth-endpoint version       print the version
  videosdk-auth-endpoint help          print this

It is set up by these variables, or by a file .env that sets them. An empty variable counts as not set.

`

// version and revision are stamped by the linker; see the Dockerfile.
var version, revision string

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "videosdk-auth-endpoint:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	command := "serve"
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	switch command {
	case "serve":
		return serve(ctx)
	case "token":
		return token(ctx, args)
	case "healthcheck":
		return healthcheck(ctx)
	case "version":
		b := build()
		fmt.Println(b.Version, b.Revision)
		return nil
	case "help", "--help", "-h":
		return help()
	default:
		return fmt.Errorf("no command %q; videosdk-auth-endpoint help lists them", command)
	}
}

func serve(ctx context.Context) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)

	c, credentials, err := configure()
	if err != nil {
		return err
	}
	lines := telemetry.NewLines(os.Stdout)
	log := telemetry.NewLog(c.telemetry, lines, os.Stdout)
	registry := prometheus.NewRegistry()
	registry.MustRegister(lines)
	metrics := telemetry.NewMetrics(registry, build(), signer.Properties(), handler.Series(c.http))
	tracing, err := telemetry.NewTracing(ctx, c.telemetry, build(), metrics, log)
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	tokens, err := signer.New(c.signer, credentials, time.Now)
	if err != nil {
		return fmt.Errorf("signer: %w", err)
	}
	observed := telemetry.Trace(telemetry.Count(tokens, metrics), tracing)
	h := handler.New(c.http, observed, telemetry.NewRequests(metrics, tracing), telemetry.Handler(registry), log)
	go tokens.Rotate(ctx, time.Tick(rotateInterval), func(err error) {
		metrics.Rotated(err)
		if err != nil {
			log.Error().Err(err).Msg("credentials not changed")
		} else {
			log.Info().Msg("credentials changed")
		}
	})
	server, err := h.Listen(ctx)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	log.Info().Stringer("address", server.Addr()).Stringer("admin_address", server.AdminAddr()).
		Str("token_path", c.http.TokenPath).Str("version", build().Version).Msg("listening")

	err = server.Run(ctx, signals)
	if err = errors.Join(err, within(ctx, flushTimeout, tracing.Flush)); err != nil {
		log.Error().Err(err).Msg("stopped")
		err = fmt.Errorf("stopped: %w", err)
	} else {
		log.Info().Msg("stopped")
	}
	return errors.Join(err, within(ctx, linesTimeout, lines.Close))
}

func within(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f(ctx)
}

// gcPercent trades memory that the service hardly uses (16 MiB of heap before the first collection) for time: its garbage
// is small and dies young. GOGC wins, and GOMEMLIMIT bounds it.
const gcPercent = 400

// rotateInterval and one more pass before new credential files are used.
const rotateInterval = 2 * time.Second

// How long a collector may take for the last spans, and standard output for the last lines. SHUTDOWN_DELAY,
// SHUTDOWN_TIMEOUT and these together stay below the 30 s that Kubernetes gives.
const (
	flushTimeout = 5 * time.Second
	linesTimeout = time.Second
)

// config is what the environment sets, package by package.
type config struct {
	signer    signer.Config
	http      handler.Config
	telemetry telemetry.Config
}

// configure reads the environment and .env, and reports all mistakes in them at once.
func configure() (config, signer.Credentials, error) {
	var c config
	mistakes := []error{loadDotEnv(), load(&c.signer), load(&c.http), load(&c.telemetry)}
	credentials, err := c.signer.Credentials()
	mistakes = append(mistakes, err, c.signer.Validate(), c.http.Validate(), c.telemetry.Validate())
	if err := errors.Join(mistakes...); err != nil {
		return c, credentials, fmt.Errorf("the configuration is wrong:\n  %s", strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	return c, credentials, nil
}

// loadDotEnv adds the variables of .env that are not set already, and forgets those that are empty.
func loadDotEnv() error {
	// godotenv's own message may quote a line, and so a secret
	if err := godotenv.Load(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.New(".env: can't be read; want lines such as PORT=4000, and # in front of comments")
	}
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); value == "" {
			os.Unsetenv(name)
		}
	}
	return nil
}

// wants says what a variable of that type must hold, where the type's own error would quote the value.
var wants = map[string]string{
	"time.Duration": "want a duration such as 30s or 2h",
	"uint16":        "want a port number from 0 to 65535",
	"*uint16":       "want a port number from 0 to 65535",
	"bool":          "want true or false",
	"zerolog.Level": "want debug, info, warn or error",
}

// load fills spec from the environment and names every variable that can't be read, where envconfig stops at the first.
func load(spec any) error {
	var mistakes []error
	for {
		err := envconfig.Process("", spec)
		wrong, ok := errors.AsType[*envconfig.ParseError](err)
		if !ok {
			return errors.Join(append(mistakes, err)...)
		}
		want, ok := wants[wrong.TypeName]
		if !ok {
			want = wrong.Err.Error()
		}
		mistakes = append(mistakes, fmt.Errorf("%s: %s", wrong.KeyName, want))
		// the default takes its place, so that the variables behind it are read too
		os.Unsetenv(wrong.KeyName)
	}
}

func token(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("token", flag.ContinueOnError)
	from := flags.String("from", "", "the URL of a running endpoint that is asked for the token")
	decode := flags.Bool("decode", false, "print the token's header and claims, not the token; with a TOKEN behind the flags (- reads it from standard input) those of that one, and what Zoom would refuse it for")
	var request signer.Request
	properties := map[string]string{}
	for _, p := range signer.Properties() {
		flags.Func(kebab(p.Name), fmt.Sprintf("%s: %s, %s", p.Name, p.Expects(), p.Description), func(text string) error {
			request.Set(p.Name, signer.Value{Kind: signer.KindString, String: text})
			properties[p.Name] = text
			return nil
		})
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return fmt.Errorf("token: %w", err)
	case flags.NArg() > 1 || flags.NArg() == 1 && !*decode:
		return errors.New("token: one TOKEN may stand behind --decode, and nothing else")
	}
	c, credentials, err := configure()
	if err != nil {
		return err
	}
	jwt := flags.Arg(0)
	switch jwt {
	case "":
		if *from != "" {
			if jwt, err = handler.RequestToken(ctx, *from, properties); err != nil {
				return fmt.Errorf("token: %w", err)
			}
		} else if jwt, err = sign(ctx, c.signer, credentials, &request); err != nil {
			return err
		}
	case "-":
		text, err := io.ReadAll(io.LimitReader(os.Stdin, 64<<10))
		if err != nil {
			return fmt.Errorf("token: %w", err)
		}
		jwt = strings.TrimSpace(string(text))
	}
	if !*decode {
		fmt.Println(jwt)
		return nil
	}
	seen, refused := signer.Inspect(jwt, credentials, time.Now)
	out, err := json.MarshalIndent(seen, "", "  ")
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	fmt.Println(string(out))
	if refused != nil {
		return fmt.Errorf("token: Zoom would refuse it: %w", refused)
	}
	return nil
}

func sign(ctx context.Context, c signer.Config, credentials signer.Credentials, r *signer.Request) (string, error) {
	s, err := signer.New(c, credentials, time.Now)
	if err != nil {
		return "", fmt.Errorf("signer: %w", err)
	}
	grant, err := s.Validate(ctx, r)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	t, err := s.Sign(ctx, grant)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return t.JWT, nil
}

// kebab turns sessionName into session-name.
func kebab(name string) string {
	var b strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func healthcheck(ctx context.Context) error {
	var c handler.Config
	if err := errors.Join(loadDotEnv(), load(&c)); err != nil {
		return err
	}
	return handler.CheckHealth(ctx, c.HealthURL())
}

func help() error {
	fmt.Print(usage)
	const row = "{{range .}}{{usage_key .}}\t{{usage_default .}}\t{{usage_description .}}\n{{end}}"
	table := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	for _, spec := range []any{&signer.Config{}, &handler.Config{}, &telemetry.Config{}} {
		if err := envconfig.Usagef("", spec, table, row); err != nil {
			return fmt.Errorf("help: %w", err)
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("help: %w", err)
	}
	return nil
}

// build says what runs: what the linker stamped, or what the Go command knows.
func build() telemetry.Build {
	b := telemetry.Build{Version: version, Revision: revision}
	info, ok := debug.ReadBuildInfo()
	if b.Version == "" && ok {
		b.Version = info.Main.Version
	}
	if b.Revision == "" && ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Revision = s.Value
			}
		}
	}
	return b
}
