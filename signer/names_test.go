package signer_test

import (
	"slices"
	"testing"
	"time"

	"videosdk-auth-endpoint/signer"
)

func TestCanonicalSessionName(t *testing.T) {
	for name, want := range map[string]string{
		"board": "board", "Board": "board", "ACME:Board 7": "acme:board 7", "MÜNCHEN": "münchen", "ΟΔΟΣ": "οδος",
		"\u212Aelvin": "kelvin", // the sign for kelvin is a capital letter whose small one is k
		"İ":           "i̇",     // as JavaScript has it: an i and a dot above
		"":            "",
	} {
		if got := signer.CanonicalSessionName(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
		if again := signer.CanonicalSessionName(want); again != want {
			t.Errorf("%q is not canonical: %q", want, again)
		}
	}
	if n := testing.AllocsPerRun(100, func() { signer.CanonicalSessionName("a name in lower case") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestSessionNames: with TOKEN_SESSION_NAMES=documented a name has only characters that Zoom documents.
func TestSessionNames(t *testing.T) {
	documented := []string{"Cool Cars", "a-b_c:1", `!#$%&()+-:;<=.>?@[]^_{}|~,\ `}
	other := []string{"Café", "a/b", `say "hi"`, "it's", "a*", "a`b", "tab\tinside", "😀", "a\u00a0b"}
	for _, setting := range []string{"any", "documented"} {
		s := signer.New(signer.Config{DefaultTTL: time.Hour, MaxTTL: time.Hour, SessionNames: setting}, signer.Credentials{Key: "k", Secret: "s"}, time.Now)
		for _, name := range slices.Concat(documented, other) {
			var r signer.Request
			r.Set("role", signer.Value{Kind: signer.KindNumber})
			r.Set("sessionName", signer.Value{Kind: signer.KindString, String: name})
			_, err := s.Validate(t.Context(), &r)
			if refused := setting == "documented" && slices.Contains(other, name); refused != (err != nil) {
				t.Errorf("%s: %q: %v", setting, name, err)
			}
		}
	}
}
