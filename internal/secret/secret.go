// Package secret has a type for text that nobody may read by accident.
package secret

// Text is text that is never printed or logged.
type Text string

// String hides the text from fmt.
func (Text) String() string { return "[hidden]" }

// GoString hides the text from %#v.
func (Text) GoString() string { return "[hidden]" }

// MarshalText hides the text from JSON.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
