package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode"

	"videosdk-auth-endpoint/signer"
)

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
			if jwt, err = requestToken(ctx, *from, *bearerFile, properties); err != nil {
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
	printWarnings(c.warnings)
	s := signer.New(c.signer, c.credentials, time.Now)
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

// requestToken asks a running service for a token, for at most ten seconds. BearerFile, unless it is empty, holds what the
// request is authorized with.
func requestToken(ctx context.Context, url, bearerFile string, properties map[string]string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	body, err := json.Marshal(properties)
	if err != nil {
		return "", fmt.Errorf("request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	if bearerFile != "" {
		bearer, err := os.ReadFile(bearerFile)
		if err != nil {
			return "", fmt.Errorf("--bearer-file: %w", err)
		}
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(bearer)))
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("request: %w", err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return "", fmt.Errorf("%s: %w", url, err)
	}
	if asked := answer.Request; asked.Method != http.MethodPost {
		return "", fmt.Errorf("%s redirects to %s, which made a GET of the POST: use that address", request.URL.Redacted(), asked.URL.Redacted())
	}
	var token struct{ Signature string }
	if answer.StatusCode != http.StatusOK || json.Unmarshal(content, &token) != nil || token.Signature == "" {
		return "", fmt.Errorf("%s answers %s: %s", url, answer.Status, content)
	}
	return token.Signature, nil
}
