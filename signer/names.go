package signer

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// zoomSymbols are what Zoom documents of a session's name, beside ASCII letters, digits and the space.
// Source: developers.zoom.us/docs/video-sdk/auth.
const zoomSymbols = "!#$%&()+-:;<=.>?@[]^_{}|~,\\"

// Undocumented says that the text has a character which Zoom does not document for this property. Zoom may take such text
// or not; other SDKs than the one that was tried may differ. Where Zoom documents nothing it is false.
func (p *Property) Undocumented(text string) bool {
	return p.Symbols != "" && strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != ' ' && !strings.ContainsRune(p.Symbols, r)
	})
}

// CanonicalSessionName returns the name in lower case. Zoom ignores the case of session names, so two names with the same
// canonical name open the same session: rules about sessions must compare this one.
func CanonicalSessionName(name string) string {
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return cases.Lower(language.Und).String(name)
		}
	}
	return strings.ToLower(name) // allocates nothing where the name is in lower case already
}
