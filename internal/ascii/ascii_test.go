package ascii_test

import (
	"strings"
	"testing"

	"videosdk-auth-endpoint/internal/ascii"
)

// TestOnly tries each byte.
func TestOnly(t *testing.T) {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	for _, more := range []string{"", "-_."} {
		for b := range 256 {
			s := "a" + string([]byte{byte(b)}) + "z"
			if got, want := ascii.Only(s, more), strings.Contains(letters+more, string([]byte{byte(b)})); got != want {
				t.Errorf("Only(%q, %q) is %t", s, more, got)
			}
		}
	}
	if !ascii.Only("", "") || ascii.Only("Zoë", "") {
		t.Error("the empty string has no other character, and ë is not in ASCII")
	}
}
