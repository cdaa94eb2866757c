package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"videosdk-auth-endpoint/handler"
	"videosdk-auth-endpoint/internal/env"
	"videosdk-auth-endpoint/internal/files"
	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
	"videosdk-auth-endpoint/telemetry"
)

// config is what the environment sets, package by package, and what is in the files that it names.
type config struct {
	signer      signer.Config
	credentials signer.Credentials
	caller      guard.Config
	guard       *guard.Guard
	http        handler.Config
	telemetry   telemetry.Config
	// warnings are about what is not wrong, but may not be what was meant.
	warnings []string
}

// configure reads the environment, .env and the files that they name. Its error lists all mistakes in them at once.
func configure() (config, error) {
	var c config
	mistakes, warnings := read(&c.signer, &c.caller, &c.http, &c.telemetry)
	credentials, doubts, err := readCredentials(&c.signer)
	mistakes = append(mistakes, err)
	c.credentials, c.warnings = credentials, slices.Concat(warnings, doubts)
	c.guard, err = guard.New(c.caller, time.Now)
	return c, wrongConfiguration(append(mistakes, err), c.warnings)
}

// readCredentials returns the app's credentials, and a warning for each that looks like a placeholder. It warns of
// unused entries even if there are no credentials, because a misspelt one may be why.
func readCredentials(c *signer.Config) (signer.Credentials, []string, error) {
	var warnings []string
	if warning := unusedEntries(c); warning != "" {
		warnings = append(warnings, warning)
	}
	credentials, err := c.Credentials()
	if err != nil {
		return credentials, warnings, err
	}
	for _, name := range credentials.Placeholders() {
		warnings = append(warnings, "the Video SDK "+name+" looks like the placeholder of an example; "+
			"Zoom refuses every token until it is your app's own")
	}
	return credentials, warnings, nil
}

// shownEntries is how many unused entries of a Secret a warning names.
const shownEntries = 5

// unusedEntries returns a warning if the mounted Secret of the credentials has entries that no variable names. One may
// be a misspelt credential: an old entry beside it would stay in use. Names in a Secret are not secret.
func unusedEntries(c *signer.Config) string {
	dir := filepath.Dir(c.KeyFile)
	if c.KeyFile == "" || c.SecretFile == "" || filepath.Dir(c.SecretFile) != dir {
		return ""
	}
	var paths, quoted []string
	for _, variable := range os.Environ() {
		_, value, _ := strings.Cut(variable, "=")
		paths = append(paths, value)
	}
	unused := files.Unused(dir, paths)
	for _, name := range unused[:min(len(unused), shownEntries)] {
		quoted = append(quoted, fmt.Sprintf("%.64q", name))
	}
	if more := len(unused) - len(quoted); more > 0 {
		quoted = append(quoted, fmt.Sprintf("and %d more", more))
	}
	if len(quoted) == 0 {
		return ""
	}
	return "the Secret of the Video SDK key and secret has entries that no variable names: " + strings.Join(quoted, ", ") +
		". If one is misspelt, an old entry beside it stays in use; replace the whole Secret"
}

// settings are the part of the configuration that one package knows.
type settings interface {
	// Validate returns every mistake of the settings, joined.
	Validate() error
}

// variables are the names of everything that can be set.
func variables() []string {
	ours := env.Names(&signer.Config{}, &guard.Config{}, &handler.Config{}, &telemetry.Config{})
	return append(ours, telemetry.SDKVariables()...)
}

// read fills the settings from .env and the environment.
func read(parts ...settings) (mistakes []error, warnings []string) {
	warnings, err := env.AddFile(".env")
	mistakes = append(mistakes, err)
	env.DropEmpty()
	warnings = append(warnings, env.Misspelt(os.Environ(), variables())...)
	for _, part := range parts {
		mistakes = append(mistakes, env.Load(part))
	}
	for _, part := range parts {
		mistakes = append(mistakes, part.Validate())
	}
	return mistakes, warnings
}

// wrongConfiguration lists the mistakes, and the warnings, since they may say why there are mistakes.
func wrongConfiguration(mistakes []error, warnings []string) error {
	err := errors.Join(mistakes...)
	if err == nil {
		return nil
	}
	text := "the configuration is wrong:\n  " + strings.ReplaceAll(err.Error(), "\n", "\n  ")
	if len(warnings) > 0 {
		text += "\nthis may be why:\n  " + strings.Join(warnings, "\n  ")
	}
	return errors.New(text)
}

// printWarnings is for commands, which have no log.
func printWarnings(warnings []string) {
	for _, warning := range warnings {
		fmt.Fprintln(os.Stderr, "warning:", warning)
	}
}
