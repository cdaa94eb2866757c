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

	mistakes []error
	// warnings are about what is not wrong, but may not be what was meant.
	warnings []string
}

// configure reads the environment, .env and the files that they name. Its error lists all mistakes in them at once.
func configure() (config, error) {
	var c config
	c.read(&c.signer, &c.caller, &c.http, &c.telemetry)
	c.readCredentials()
	var err error
	c.guard, err = guard.New(c.caller, time.Now)
	c.mistakes = append(c.mistakes, err)
	return c, c.wrong()
}

// readCredentials reads the app's credentials, and warns of each that looks like a placeholder. It warns of unused
// entries even if there are no credentials, because a misspelt one may be why.
func (c *config) readCredentials() {
	if warning := unusedEntries(&c.signer); warning != "" {
		c.warnings = append(c.warnings, warning)
	}
	var err error
	if c.credentials, err = c.signer.Credentials(); err != nil {
		c.mistakes = append(c.mistakes, err)
		return
	}
	for _, name := range c.credentials.Placeholders() {
		c.warnings = append(c.warnings, "the Video SDK "+name+" looks like the placeholder of an example; "+
			"Zoom refuses every token until it is your app's own")
	}
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
func (c *config) read(parts ...settings) {
	remarks, err := env.AddFile(".env")
	c.mistakes = append(c.mistakes, err)
	env.DropEmpty()
	c.warnings = slices.Concat(c.warnings, remarks, env.Misspelt(os.Environ(), variables()))
	for _, part := range parts {
		c.mistakes = append(c.mistakes, env.Load(part))
	}
	for _, part := range parts {
		c.mistakes = append(c.mistakes, part.Validate())
	}
}

// wrong lists the mistakes, and the warnings, since they may say why there are mistakes.
func (c *config) wrong() error {
	err := errors.Join(c.mistakes...)
	if err == nil {
		return nil
	}
	text := "the configuration is wrong:\n  " + strings.ReplaceAll(err.Error(), "\n", "\n  ")
	if len(c.warnings) > 0 {
		text += "\nthis may be why:\n  " + strings.Join(c.warnings, "\n  ")
	}
	return errors.New(text)
}

// wrongForCommand returns what wrong returns. A command has no log, so if there are no mistakes it prints the warnings.
func (c *config) wrongForCommand() error {
	err := c.wrong()
	if err == nil {
		printWarnings(c.warnings)
	}
	return err
}

func printWarnings(warnings []string) {
	for _, warning := range warnings {
		fmt.Fprintln(os.Stderr, "warning:", warning)
	}
}
