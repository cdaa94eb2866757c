package signer

import (
	"regexp"
	"strings"
)

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
var placeholder = regexp.MustCompile(`(?i)^(undefined|null|nil|none|nan|todo|tbd|test|dummy|foo|bar|key|secret|password|example|sample` +
	`|change.?me|replace.?me|fill.?me|(the|my|your|insert|enter|paste)[-_. ].*|your.?(sdk)?.?(key|secret)|<.*>|\[.*\]|\{.*\}|\$.*|%.*%|redacted|hidden` +
	`|(zoom|video|sdk|app|api|client|[-_.])*[-_.]?(sdk|app|api|client)[-_.]?(key|secret|id)([-_.]?here)?)$`)

// sameLetters finds xxxx and ****.
func sameLetters(text string) bool { return strings.Trim(text, text[:min(1, len(text))]) == "" }
