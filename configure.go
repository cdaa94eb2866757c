package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"videosdk-auth-endpoint/handler"
	"videosdk-auth-endpoint/internal/env"
	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
	"videosdk-auth-endpoint/telemetry"

	"github.com/joho/godotenv"
)

// config is what the environment sets, package by package, and what is in the files that it names.
type config struct {
	signer      signer.Config
	credentials signer.Credentials
	caller      guard.Config
	guard       *guard.Guard
	http        handler.Config
	telemetry   telemetry.Config
}

// configure reads the environment, .env and the files that they name. Its error lists all mistakes in them at once.
func configure() (config, error) {
	var c config
	mistakes := read(&c.signer, &c.caller, &c.http, &c.telemetry)
	credentials, err := c.signer.Credentials()
	mistakes = append(mistakes, err)
	c.credentials = credentials
	c.guard, err = guard.New(c.caller, time.Now)
	return c, wrongConfiguration(append(mistakes, err)...)
}

// settings are the part of the configuration that one package knows.
type settings interface {
	// Validate returns every mistake of the settings, joined.
	Validate() error
}

// read fills the settings from .env and the environment, and returns every mistake in them.
func read(parts ...settings) []error {
	mistakes := []error{loadDotEnv()}
	for _, part := range parts {
		mistakes = append(mistakes, env.Load(part))
	}
	for _, part := range parts {
		mistakes = append(mistakes, part.Validate())
	}
	return mistakes
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
