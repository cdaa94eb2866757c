package signer

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"unicode"

	"videosdk-auth-endpoint/internal/ascii"
)

// Why there is no token in a text.
var (
	ErrNothingPasted = errors.New("it is empty: is the shell variable set, and did the request for the token succeed?")
	errIsAnError     = errors.New("this is the answer to a request that failed, and not a token")
)

// tokenInText finds a token among other text. Its header is a JSON object, and {" is eyJ in base64.
var tokenInText = regexp.MustCompile(`eyJ[\w-]*\.[\w-]+\.[\w-]*`)

// FindToken returns the token in what people paste: an endpoint's whole answer, Bearer and a token, a token in quotes,
// or one that a terminal broke into lines. Text without a token is returned as it is, for Inspect to say what it lacks.
func FindToken(pasted string) (string, error) {
	text := strings.TrimFunc(pasted, func(r rune) bool {
		return unicode.IsSpace(r) || r == '\ufeff' || strings.ContainsRune("\"'`“”‘’", r)
	})
	if scheme, rest, found := strings.Cut(text, " "); found && strings.EqualFold(scheme, "bearer") {
		text = strings.TrimSpace(rest)
	}
	if text == "" {
		return "", ErrNothingPasted
	}
	var failed struct{ Signature, Errors json.RawMessage }
	if json.Unmarshal([]byte(text), &failed) == nil && failed.Signature == nil && failed.Errors != nil {
		return "", errIsAnError
	}
	if whole := strings.Join(strings.Fields(text), ""); ascii.Only(whole, "-_.") {
		return whole, nil
	}
	if found := tokenInText.FindString(text); found != "" {
		return found, nil
	}
	return text, nil
}
