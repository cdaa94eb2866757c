package signer

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"videosdk-auth-endpoint/internal/env"
	"videosdk-auth-endpoint/internal/files"
	"videosdk-auth-endpoint/internal/secret"
)

// Config is what the environment sets of the signer.
type Config struct {
	Key          string        `desc:"the Video SDK key of your app" envconfig:"ZOOM_VIDEO_SDK_KEY"`
	Secret       secret.Text   `desc:"the Video SDK secret of your app" envconfig:"ZOOM_VIDEO_SDK_SECRET"`
	KeyFile      string        `desc:"a file that holds the key, instead of ZOOM_VIDEO_SDK_KEY" envconfig:"ZOOM_VIDEO_SDK_KEY_FILE"`
	SecretFile   string        `desc:"a file that holds the secret, instead of ZOOM_VIDEO_SDK_SECRET" envconfig:"ZOOM_VIDEO_SDK_SECRET_FILE"`
	Backdate     time.Duration `default:"30s" desc:"how far in the past iat lies, so that clocks may differ; 0s to 29m" envconfig:"TOKEN_BACKDATE"`
	DefaultTTL   time.Duration `desc:"the lifetime of a token whose request has no expirationSeconds; 30m to TOKEN_MAX_TTL; without it 2h, or TOKEN_MAX_TTL where that is shorter" envconfig:"TOKEN_DEFAULT_TTL"`
	MaxTTL       time.Duration `default:"48h" desc:"the longest lifetime that a request may ask for; 30m to 48h" envconfig:"TOKEN_MAX_TTL"`
	SessionNames string        `default:"any" desc:"any, or documented to refuse session names with characters that Zoom does not document" envconfig:"TOKEN_SESSION_NAMES"`
}

// Credentials are the Video SDK key and secret of one app.
type Credentials struct {
	Key    string
	Secret secret.Text
}

const (
	minTTL = 30 * time.Minute
	maxTTL = 48 * time.Hour
	// a token must still be valid when it arrives
	maxBackdate = 29 * time.Minute
)

// Validate returns every mistake of the settings, joined; credentials are checked by Credentials.
func (c *Config) Validate() error {
	isLifetime := func(d time.Duration) bool { return d >= minTTL && d <= maxTTL && d%time.Second == 0 }
	const wantLifetime = "want whole seconds from 30m to 48h, the limits that Zoom sets"
	return errors.Join(
		env.WrongIf(c.Backdate < 0 || c.Backdate > maxBackdate || c.Backdate%time.Second != 0,
			"TOKEN_BACKDATE: want whole seconds from 0s to 29m"),
		env.WrongIf(!isLifetime(c.MaxTTL), "TOKEN_MAX_TTL: "+wantLifetime),
		env.WrongIf(c.DefaultTTL != 0 && !isLifetime(c.DefaultTTL), "TOKEN_DEFAULT_TTL: "+wantLifetime),
		env.WrongIf(isLifetime(c.DefaultTTL) && c.DefaultTTL > c.MaxTTL,
			"TOKEN_DEFAULT_TTL: longer than TOKEN_MAX_TTL; lower it or raise the other"),
		env.WrongIf(c.SessionNames != anyNames && c.SessionNames != documentedNames,
			"TOKEN_SESSION_NAMES: want any or documented"),
	)
}

// defaultTTL is the lifetime of a token whose request asks for none. Zero counts as not set.
func (c *Config) defaultTTL() time.Duration {
	if c.DefaultTTL == 0 {
		return min(2*time.Hour, c.MaxTTL)
	}
	return c.DefaultTTL
}

// The values of TOKEN_SESSION_NAMES. The default is any: Zoom's sample signs every name, and apps that run today may
// have users whose names hold letters outside ASCII.
const (
	anyNames        = "any"
	documentedNames = "documented"
)

// HasCredentials tells whether any of the variables for credentials is set.
func (c *Config) HasCredentials() bool {
	return c.Key != "" || c.Secret != "" || c.KeyFile != "" || c.SecretFile != ""
}

// Credentials returns the key and the secret from the environment or from their files, or every mistake in them,
// joined. No mistake holds a value.
func (c *Config) Credentials() (Credentials, error) {
	paths := files.SameGeneration(c.KeyFile, c.SecretFile)
	key, keyErr := credential("ZOOM_VIDEO_SDK_KEY", c.Key, paths[0])
	text, secretErr := credential("ZOOM_VIDEO_SDK_SECRET", string(c.Secret), paths[1])
	return Credentials{key, secret.Text(text)}, errors.Join(keyErr, secretErr)
}

const whereToLook = "the value is on your app's Credentials page at marketplace.zoom.us"

func credential(variable, value, file string) (string, error) {
	switch {
	case value != "" && file != "":
		return "", fmt.Errorf("%s: set it or %[1]s_FILE, not both", variable)
	case file != "":
		variable += "_FILE"
		content, err := files.Read(file)
		if err != nil {
			return "", fmt.Errorf("%s: %w", variable, err)
		}
		// editors and echo end a file with a line break, which is never part of a credential
		value = strings.TrimSuffix(strings.TrimSuffix(content, "\n"), "\r")
	}
	switch {
	case value == "" && file != "":
		return "", fmt.Errorf("%s: the file is empty; %s", variable, whereToLook)
	case value == "":
		return "", fmt.Errorf("%s: not set; set it in the environment, or in a file .env in the working directory; %s",
			variable, whereToLook)
	case strings.ContainsFunc(value, unicode.IsSpace):
		return "", fmt.Errorf("%s: has white space in it; remove it, because Zoom would refuse every token", variable)
	case strings.ContainsAny(value, "\"'`“”‘’"):
		return "", fmt.Errorf("%s: has quotes in it; remove them, because Zoom would refuse every token", variable)
	case !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsGraphic(r) }):
		return "", fmt.Errorf("%s: has invisible characters in it; remove them, because Zoom would refuse every token",
			variable)
	}
	return value, nil
}

// Placeholders returns which of the credentials, key and secret, hold the placeholder of an example, or what a program
// writes for a value that it doesn't have.
func (c Credentials) Placeholders() []string {
	var names []string
	for _, credential := range []struct{ name, value string }{{"key", c.Key}, {"secret", string(c.Secret)}} {
		if placeholder.MatchString(credential.value) || sameLetters(credential.value) {
			names = append(names, credential.name)
		}
	}
	return names
}

// placeholder leaves out whatever a random credential could be, such as one that starts with my.
var placeholder = regexp.MustCompile(`(?i)^(undefined|null|nil|none|nan|todo|tbd|test|dummy|foo|bar` +
	`|key|secret|password|example|sample|redacted|hidden|change.?me|replace.?me|fill.?me|<.*>|\[.*\]|\{.*\}|\$.*|%.*%` +
	`|(the|my|your|insert|enter|paste)[-_. ].*|your.?(sdk)?.?(key|secret)` +
	`|(zoom|video|sdk|app|api|client|[-_.])*[-_.]?(sdk|app|api|client)[-_.]?(key|secret|id)([-_.]?here)?)$`)

// sameLetters finds xxxx and ****.
func sameLetters(text string) bool { return strings.Trim(text, text[:min(1, len(text))]) == "" }
