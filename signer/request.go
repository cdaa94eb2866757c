package signer

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Kind tells the values of JSON apart.
type Kind int

// The kinds of a Value. Absent is a property that was not sent.
const (
	KindAbsent Kind = iota
	KindNull
	KindBoolean
	KindNumber
	KindString
	KindStrings // an array of nothing but strings
	KindArray   // any other array
	KindObject
)

// String names the kind as it is named in a violation's reason.
func (k Kind) String() string {
	return [...]string{
		"nothing", "null", "a boolean", "a number", "a string",
		"an array", "an array that holds other things than strings", "an object",
	}[k]
}

// Value is what the client sent for one property. Only the field of its kind is set.
type Value struct {
	Kind    Kind
	Number  float64
	String  string
	Strings []string
}

// ValueOf reads the JSON of a value. The text must be well-formed, without white space around it; an empty one is an
// absent value. Bytes that are not UTF-8 stay, so that validation refuses them: a decoder of JSON turns each into
// U+FFFD, so that Möller and Müller in ISO-8859-1 would become the same name.
func ValueOf(text []byte) Value {
	if len(text) == 0 {
		return Value{}
	}
	switch text[0] {
	case '"':
		return Value{Kind: KindString, String: unquote(text)}
	case '[':
		return arrayOf(text)
	case '{':
		return Value{Kind: KindObject}
	case 'n':
		return Value{Kind: KindNull}
	case 't', 'f':
		return Value{Kind: KindBoolean}
	default:
		n, _ := strconv.ParseFloat(string(text), 64) // one that is too large becomes an infinity, which no rule allows
		return Value{Kind: KindNumber, Number: n}
	}
}

func unquote(text []byte) string {
	inner := text[1 : len(text)-1]
	if bytes.IndexByte(inner, '\\') < 0 || !utf8.Valid(inner) {
		return string(inner)
	}
	// half of a surrogate pair becomes U+FFFD, as it does where a browser sends such text to Zoom
	unquoted, _ := jsontext.AppendUnquote(nil, text)
	return string(unquoted)
}

// arrayOf reads no further than to the first entry that is not a string: a stranger may send thousands.
func arrayOf(text []byte) Value {
	v, d := Value{Kind: KindStrings}, jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowInvalidUTF8(true))
	_, _ = d.ReadToken() // it is well-formed
	for d.PeekKind() == '"' {
		entry, _ := d.ReadValue()
		v.Strings = append(v.Strings, unquote(entry))
	}
	if d.PeekKind() != ']' {
		return Value{Kind: KindArray}
	}
	return v
}

// Request is what the client asks for, property by property, not yet checked. The zero Request asks for nothing.
type Request struct {
	values   [propertyCount]Value
	unknown  int        // how many names were not known
	misnamed []Misnamed // those of them that look like a property's, each property once
}

// Sent says whether the request has the property of that name.
func (r *Request) Sent(name string) bool {
	i, known := propertyIndex[name]
	return known && r.values[i].Kind != KindAbsent
}

// Set sets the property of that name, replacing what was set before, and reports whether there is one.
func (r *Request) Set(name string, v Value) bool {
	i, known := propertyIndex[name]
	if known {
		r.values[i] = v
	} else {
		r.noteUnknown(name)
	}
	return known
}

// maxUnknownNames bounds how many unknown names of a request are looked at: a stranger may send thousands.
const maxUnknownNames = 16

// noteUnknown remembers a name that is not known, if it looks like a property's.
func (r *Request) noteUnknown(name string) {
	if r.unknown++; r.unknown > maxUnknownNames || len(name) > maxUnknownNameLength {
		return
	}
	i, ok := meant(name)
	told := func(m Misnamed) bool { return m.Meant == properties[i].Name }
	if ok && !slices.ContainsFunc(r.misnamed, told) {
		// only this copy is kept, so that known names, which nearly all requests have, need not be allocated
		r.misnamed = append(r.misnamed, Misnamed{strings.Clone(name), properties[i].Name})
	}
}

// missed are the names that the request has in place of a property's own. A request that has both loses nothing.
func (r *Request) missed() []Misnamed {
	return slices.DeleteFunc(slices.Clone(r.misnamed), func(m Misnamed) bool { return r.Sent(m.Meant) })
}

// gotInstead is what a request has in place of a property that it must have.
func (r *Request) gotInstead(p *Property) string {
	for _, m := range r.misnamed {
		if m.Meant == p.Name {
			return m.Got + ": did you mean " + p.Name + "?"
		}
	}
	return KindAbsent.String()
}
