// Package ascii checks names, ids and tokens that may have few characters in them.
package ascii

import "strings"

// Only tells whether s has nothing in it but letters and digits of ASCII, and the characters of more.
func Only(s, more string) bool {
	for _, b := range []byte(s) {
		if (b < '0' || b > '9') && (b < 'A' || b > 'Z') && (b < 'a' || b > 'z') && strings.IndexByte(more, b) < 0 {
			return false
		}
	}
	return true
}
