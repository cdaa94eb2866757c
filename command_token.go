package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"videosdk-auth-endpoint/signer"
)

// token prints a token that it makes from flags or asks an endpoint for. With --decode it prints what is in that token,
// or in one that it is given.
func token(ctx context.Context, args []string) error {
	flags := withUsage(flag.NewFlagSet("token", flag.ContinueOnError), usageOfToken)
	from := flags.String("from", "", "the URL of a running endpoint to ask for the token")
	decode := flags.Bool("decode", false, "print what is in the token, and why Zoom would refuse it")
	bearerFile := flags.String("bearer-file", "", "with --from: a file that holds the API key or the user's token to send")
	properties := requestFlags(flags)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return fmt.Errorf("token: %w", err)
	case flags.NArg() > 1 || flags.NArg() == 1 && !*decode:
		return errors.New("token: give one TOKEN after --decode, and nothing else")
	}
	signs := *from == "" && flags.NArg() == 0
	var jwt string
	var err error
	var c config
	if signs || *decode {
		if c, err = configureSigner(signs); err != nil {
			return err
		}
	}
	switch {
	case signs:
		jwt, err = sign(ctx, c, properties)
	case flags.NArg() == 1:
		jwt, err = given(flags.Arg(0))
	default:
		jwt, err = requestToken(ctx, *from, *bearerFile, properties)
	}
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	if *decode {
		return inspect(jwt, c.credentials)
	}
	fmt.Println(jwt)
	return nil
}

// configureSigner reads what the signer needs, and no other setting. A token can be decoded without credentials.
func configureSigner(needsCredentials bool) (config, error) {
	var c config
	c.read(&c.signer)
	if needsCredentials || c.signer.HasCredentials() {
		c.readCredentials()
	}
	return c, c.wrongForCommand()
}

// given returns the token that comes after the flags, or on standard input.
func given(argument string) (string, error) {
	if argument != "-" {
		return signer.FindToken(argument)
	}
	text, err := io.ReadAll(io.LimitReader(os.Stdin, 1<<20))
	if err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	return signer.FindToken(string(text))
}

// inspect prints what is in a token. Its error says what Zoom would refuse the token for.
func inspect(jwt string, c signer.Credentials) error {
	seen, err := signer.Inspect(jwt, c, time.Now)
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	out, err := json.MarshalIndent(seen, "", "  ")
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	fmt.Println(string(out))
	printWarnings(seen.Warnings)
	if c == (signer.Credentials{}) {
		fmt.Fprintln(os.Stderr, "The signature was not checked: set ZOOM_VIDEO_SDK_KEY and ZOOM_VIDEO_SDK_SECRET to "+
			"those of your app.")
	}
	if len(seen.Refused) > 0 {
		return errors.New("token: Zoom would refuse it:\n  " + strings.Join(seen.Refused, "\n  "))
	}
	return nil
}

// requestFlags adds a flag for each property of a request. The map has those that were set.
func requestFlags(flags *flag.FlagSet) map[string]string {
	properties := map[string]string{}
	for _, p := range signer.Properties() {
		flags.Func(kebab(p.Name), fmt.Sprintf("%s, %s: %s", p.Name, p.Expects(), p.Description), func(text string) error {
			properties[p.Name] = text
			return nil
		})
	}
	return properties
}

func sign(ctx context.Context, c config, properties map[string]string) (string, error) {
	s := signer.New(c.signer, c.credentials, time.Now)
	request := requestOf(properties)
	grant, err := s.Validate(ctx, &request)
	if err != nil {
		return "", fmt.Errorf("validate: %w", err)
	}
	t, err := s.Sign(ctx, grant)
	return t.JWT, err
}

// requestOf returns a request for these properties.
func requestOf(properties map[string]string) signer.Request {
	var request signer.Request
	for name, text := range properties {
		request.Set(name, signer.Value{Kind: signer.KindString, String: text})
	}
	return request
}

// kebab turns sessionName into session-name.
func kebab(name string) string { return strings.ToLower(capitals.ReplaceAllString(name, "-$0")) }

var capitals = regexp.MustCompile("[A-Z]")
