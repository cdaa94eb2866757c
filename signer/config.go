package signer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

// Secret is text that is never printed or logged.
type Secret string

// String hides the secret from fmt.
func (Secret) String() string { return "[hidden]" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "[hidden]" }

// MarshalText hides the secret from JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Config is what the environment sets of the signer.
type Config struct {
	Key        string        `desc:"the Video SDK key of your app" envconfig:"ZOOM_VIDEO_SDK_KEY"`
	Secret     Secret        `desc:"the Video SDK secret of your app" envconfig:"ZOOM_VIDEO_SDK_SECRET"`
	KeyFile    string        `desc:"a file that holds the key, instead of ZOOM_VIDEO_SDK_KEY" envconfig:"ZOOM_VIDEO_SDK_KEY_FILE"`
	SecretFile string        `desc:"a file that holds the secret, instead of ZOOM_VIDEO_SDK_SECRET" envconfig:"ZOOM_VIDEO_SDK_SECRET_FILE"`
	Backdate   time.Duration `default:"30s" desc:"how far in the past iat lies, so that clocks may differ; 0s to 29m" envconfig:"TOKEN_BACKDATE"`
	DefaultTTL time.Duration `default:"2h"  desc:"the lifetime of a token whose request has no expirationSeconds; 30m to TOKEN_MAX_TTL" envconfig:"TOKEN_DEFAULT_TTL"`
	MaxTTL     time.Duration `default:"48h" desc:"the longest lifetime that a request may ask for; 30m to 48h" envconfig:"TOKEN_MAX_TTL"`
}

// Credentials are the Video SDK key and secret of one app.
type Credentials struct {
	Key    string
	Secret Secret
}

const (
	minTTL = 30 * time.Minute
	maxTTL = 48 * time.Hour
	// a token must still be valid when it arrives
	maxBackdate = 29 * time.Minute
)

// Validate returns every mistake of the settings, joined; credentials are checked by Credentials.
func (c *Config) Validate() error {
	var mistakes []error
	wrong := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }
	if c.Backdate < 0 || c.Backdate > maxBackdate || c.Backdate%time.Second != 0 {
		wrong("TOKEN_BACKDATE: want whole seconds from 0s to 29m")
	}
	if c.MaxTTL < minTTL || c.MaxTTL > maxTTL || c.MaxTTL%time.Second != 0 {
		wrong("TOKEN_MAX_TTL: want whole seconds from 30m to 48h, the limits that Zoom sets")
	}
	if c.DefaultTTL < minTTL || c.DefaultTTL > maxTTL || c.DefaultTTL%time.Second != 0 {
		wrong("TOKEN_DEFAULT_TTL: want whole seconds from 30m to 48h, the limits that Zoom sets")
	} else if c.DefaultTTL > c.MaxTTL {
		wrong("TOKEN_DEFAULT_TTL: longer than TOKEN_MAX_TTL; lower it or raise the other")
	}
	return errors.Join(mistakes...)
}

// Credentials returns the key and the secret from the environment or from their files,
// or every mistake in them, joined; no mistake holds a value.
func (c *Config) Credentials() (Credentials, error) {
	keyFile, secretFile := sameGeneration(c.KeyFile, c.SecretFile)
	key, keyErr := credential("ZOOM_VIDEO_SDK_KEY", c.Key, keyFile)
	secret, secretErr := credential("ZOOM_VIDEO_SDK_SECRET", string(c.Secret), secretFile)
	return Credentials{key, Secret(secret)}, errors.Join(keyErr, secretErr)
}

// sameGeneration resolves the directory of both files once, where they share one, so that a swap between two reads can't
// mix generations. Kubernetes swaps ..data, a link to the directory that holds a mounted Secret's files.
func sameGeneration(keyFile, secretFile string) (key, secret string) {
	dir := filepath.Dir(keyFile)
	if keyFile == "" || dir != filepath.Dir(secretFile) {
		return keyFile, secretFile
	}
	if data, err := filepath.EvalSymlinks(filepath.Join(dir, "..data")); err == nil {
		dir = data
	} else if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}
	return filepath.Join(dir, filepath.Base(keyFile)), filepath.Join(dir, filepath.Base(secretFile))
}

func credential(variable, value, file string) (string, error) {
	switch {
	case value != "" && file != "":
		return "", fmt.Errorf("%s: set it or %[1]s_FILE, not both", variable)
	case file != "":
		content, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("%s_FILE: %w", variable, err)
		}
		variable += "_FILE"
		// editors and echo end a file with a line break, which is never part of a credential
		value = strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	}
	switch {
	case value == "":
		return "", fmt.Errorf("%s: empty; set it to the value on your app's Credentials page at marketplace.zoom.us", variable)
	case strings.ContainsFunc(value, unicode.IsSpace):
		return "", fmt.Errorf("%s: has white space in it; Zoom would refuse every token", variable)
	case strings.ContainsAny(value, "\"'`“”‘’"):
		return "", fmt.Errorf("%s: has quotes in it; Zoom would refuse every token", variable)
	case strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsGraphic(r) }):
		return "", fmt.Errorf("%s: has characters in it that can't be seen; Zoom would refuse every token", variable)
	}
	return value, nil
}
