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
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
	"unicode"

	"videosdk-auth-endpoint/handler"
	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
	"videosdk-auth-endpoint/telemetry"

	"github.com/joho/godotenv"
	"github.com/kelseyhightower/envconfig"
	"github.com/prometheus/client_golang/prometheus"
)

const usage = `videosdk-auth-endpoint signs Zoom Video SDK tokens over HTTP.

  videosdk-auth-endpoint               serve
  videosdk-auth-endpoint token         print a token made from flags (token --help), or what is in one (token --decode TOKEN)
  videosdk-auth-endpoint apikey        make an API key and its line for AUTH_API_KEYS_FILE (apikey NAME)
  videosdk-auth-endpoint policy        try the policy on an example, exit 0 when it allows it (policy --help)
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
	case "apikey":
		return apikey(args)
	case "policy":
		return policy(ctx, args)
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
	// whoever read the log may have gone: lines are then dropped and counted, and tokens go on
	signal.Ignore(syscall.SIGPIPE)

	c, err := configure()
	if err != nil {
		return err
	}
	lines := telemetry.NewLines(os.Stdout)
	log := telemetry.NewLog(c.telemetry, lines, os.Stdout)
	registry := prometheus.NewRegistry()
	registry.MustRegister(lines)
	metrics := telemetry.NewMetrics(registry, build())
	tracing, err := telemetry.NewTracing(ctx, c.telemetry, build(), metrics, log)
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	tokens, err := signer.New(c.signer, c.credentials, time.Now)
	if err != nil {
		return fmt.Errorf("signer: %w", err)
	}
	metrics.Open(c.guard.Open())
	warn(log, c.caller, c.guard)
	if c.http.Playground {
		log.Info().Msg("playground: GET / serves a page to try requests on; the tokens that it shows are real")
	}
	observed := telemetry.Trace(telemetry.Count(tokens, metrics), tracing)
	h := handler.New(c.http, c.guard, observed, telemetry.NewRequests(metrics, tracing, log), telemetry.Handler(registry), log)
	go tokens.Rotate(ctx, time.Tick(rotateInterval), tell(log, "credentials", metrics.Rotated))
	c.guard.Run(ctx, guard.Background{
		Transport: telemetry.Transport(http.DefaultTransport, tracing),
		Ticks:     time.Tick(rotateInterval),
		KeySet:    tell(log, "key set", metrics.KeySetFetched),
		APIKeys:   tell(log, "API keys", metrics.APIKeysRead),
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

// tell returns what counts and logs a change of what is read again and again, or that it could not be read.
func tell(log *telemetry.Log, what string, count func(error)) func(error) {
	return func(err error) {
		count(err)
		if err != nil {
			log.Error().Err(err).Msg(what + " not read, those from before stay")
		} else {
			log.Info().Msg(what + " read")
		}
	}
}

// warn says what a guard that is not complete leaves open.
func warn(log *telemetry.Log, c guard.Config, g *guard.Guard) {
	if g.Open() {
		log.Warn().Msg("open: everybody who reaches this endpoint gets tokens, a host's too; set AUTH_ISSUER, AUTH_API_KEYS_FILE or AUTH_PROXY_HEADER")
	}
	if !g.HasPolicy() && slices.ContainsFunc(g.Methods(), func(m *guard.Method) bool { return m.Person }) {
		log.Warn().Msg("no policy: every user who is signed in gets any token, a host's too; set AUTH_POLICY")
	}
	for _, variable := range c.PlainHTTP() {
		log.Warn().Msg(variable + " is no https URL: whoever is on the way to it can replace the keys")
	}
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

// config is what the environment sets, package by package, and what it takes files to know.
type config struct {
	signer      signer.Config
	credentials signer.Credentials
	caller      guard.Config
	guard       *guard.Guard
	http        handler.Config
	telemetry   telemetry.Config
}

// configure reads the environment and .env, and reports all mistakes in them at once.
func configure() (config, error) {
	var c config
	mistakes := []error{loadDotEnv(), load(&c.signer), load(&c.caller), load(&c.http), load(&c.telemetry)}
	add := func(err error) { mistakes = append(mistakes, err) }
	var err error
	c.credentials, err = c.signer.Credentials()
	add(err)
	add(c.signer.Validate())
	c.guard, err = guard.New(c.caller, c.http.TrustedProxies, time.Now)
	add(err)
	add(c.http.Validate())
	add(c.telemetry.Validate())
	return c, wrongConfiguration(mistakes...)
}

func wrongConfiguration(mistakes ...error) error {
	if err := errors.Join(mistakes...); err != nil {
		return fmt.Errorf("the configuration is wrong:\n  %s", strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	return nil
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
	"uint32":        "want a whole number of 0 or more",
	"float64":       "want a number such as 5 or 0.5",
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
	bearerFile := flags.String("bearer-file", "", "with --from, a file that holds an API key or a user's token, which the request is sent with")
	properties := requestFlags(flags)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return fmt.Errorf("token: %w", err)
	case flags.NArg() > 1 || flags.NArg() == 1 && !*decode:
		return errors.New("token: one TOKEN may stand behind --decode, and nothing else")
	}
	c, err := configure()
	if err != nil {
		return err
	}
	jwt := flags.Arg(0)
	switch jwt {
	case "":
		if *from != "" {
			if jwt, err = handler.RequestToken(ctx, *from, *bearerFile, properties); err != nil {
				return fmt.Errorf("token: %w", err)
			}
		} else if jwt, err = sign(ctx, c, properties); err != nil {
			return fmt.Errorf("token: %w", err)
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
	seen, refused := signer.Inspect(jwt, c.credentials, time.Now)
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

// requestFlags adds a flag for each property of a request. The map has those that were set.
func requestFlags(flags *flag.FlagSet) map[string]string {
	properties := map[string]string{}
	for _, p := range signer.Properties() {
		flags.Func(kebab(p.Name), fmt.Sprintf("%s: %s, %s", p.Name, p.Expects(), p.Description), func(text string) error {
			properties[p.Name] = text
			return nil
		})
	}
	return properties
}

func sign(ctx context.Context, c config, properties map[string]string) (string, error) {
	s, err := signer.New(c.signer, c.credentials, time.Now)
	if err != nil {
		return "", err
	}
	request := requestOf(properties)
	grant, err := s.Validate(ctx, &request)
	if err != nil {
		return "", fmt.Errorf("validate: %w", err)
	}
	t, err := s.Sign(ctx, grant)
	return t.JWT, err
}

// requestOf is the request that asks for these properties.
func requestOf(properties map[string]string) signer.Request {
	var request signer.Request
	for name, text := range properties {
		request.Set(name, signer.Value{Kind: signer.KindString, String: text})
	}
	return request
}

func apikey(args []string) error {
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		return errors.New("apikey: want a NAME for the key's owner, such as: apikey backend")
	}
	key, line, err := guard.NewAPIKey(args[0])
	if err != nil {
		return fmt.Errorf("apikey: %w", err)
	}
	fmt.Fprintln(os.Stderr, "The key, which is shown this once; its owner sends it as Authorization: Bearer KEY")
	fmt.Println(key)
	fmt.Fprintln(os.Stderr, "The line for AUTH_API_KEYS_FILE:")
	fmt.Println(line)
	return nil
}

// policy tries the policy on an example. It needs no credentials, so that a pipeline can run it.
func policy(ctx context.Context, args []string) error {
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
	if err := json.Unmarshal([]byte(*claims), &example.Claims); err != nil {
		return errors.New("policy: --claims: want a JSON object")
	}
	var c config
	mistakes := []error{loadDotEnv(), load(&c.signer), load(&c.caller)}
	rules, err := guard.NewRules(c.caller)
	credentials := signer.Credentials{} // it signs nothing
	s, signerErr := signer.New(c.signer, credentials, time.Now)
	if err := wrongConfiguration(append(mistakes, err, signerErr)...); err != nil {
		return err
	}
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
