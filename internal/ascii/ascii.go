// Package ascii checks names, ids and tokens that may hold only certain characters.
package ascii

import "strings"

// Only tells whether s holds nothing but ASCII letters and digits and the characters in more.
func Only(s, more string) bool {
	for _, b := range []byte(s) {
		if (b < '0' || b > '9') && (b < 'A' || b > 'Z') && (b < 'a' || b > 'z') && strings.IndexByte(more, b) < 0 {
			return false
		}
	}
	return true
}
