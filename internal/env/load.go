// Package env reads a configuration from environment variables, as people set them.
package env

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

// Mistake says what a variable must hold. It never quotes what the variable holds, so that it can be shown.
type Mistake string //nolint:errname // it is read with its package: an env.Mistake

func (m Mistake) Error() string { return string(m) }

// WrongIf returns a mistake with that text if the condition holds, else nil, which errors.Join leaves out.
func WrongIf(wrong bool, text string) error {
	if !wrong {
		return nil
	}
	return Mistake(text)
}

// hints say what a variable of that type must hold.
var hints = map[string]Mistake{
	"time.Duration": "want a duration such as 30s or 2h",
	"uint32":        "want a whole number of 0 or more",
	"float64":       "want a number such as 5 or 0.5",
	"uint16":        "want a port number from 0 to 65535",
	"*uint16":       "want a port number from 0 to 65535",
	"bool":          "want true or false",
}

// Load fills spec, a pointer to a struct with envconfig's tags, from the environment. It names every variable that
// can't be read, where envconfig stops at the first. The error of a parser may quote the value, and so a secret.
// Therefore it shows only its own hints, and those of Decode methods that return a Mistake.
func Load(spec any) error {
	var mistakes []error
	for {
		err := envconfig.Process("", spec)
		wrong, ok := errors.AsType[*envconfig.ParseError](err)
		if !ok {
			return errors.Join(append(mistakes, err)...)
		}
		mistakes = append(mistakes, fmt.Errorf("%s: %w", wrong.KeyName, hint(wrong)))
		// the default takes its place, so that the variables behind it are read too
		os.Unsetenv(wrong.KeyName)
	}
}

func hint(wrong *envconfig.ParseError) Mistake {
	if ours, ok := errors.AsType[Mistake](wrong.Err); ok {
		return ours
	}
	if known, ok := hints[wrong.TypeName]; ok {
		return known
	}
	return "can't be read"
}

// List is a variable that holds several values with commas between. White space around them doesn't count.
type List []string

// Decode is the envconfig.Decoder.
func (l *List) Decode(text string) error {
	*l = nil
	for entry := range strings.SplitSeq(text, ",") {
		*l = append(*l, strings.TrimSpace(entry))
	}
	return nil
}
