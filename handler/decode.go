package handler

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"unicode/utf8"

	"videosdk-auth-endpoint/signer"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// malformedError is a body that can't be read as the JSON of a request.
type malformedError struct{ reason string }

func (e *malformedError) Error() string { return "malformed body: " + e.reason }

// These say why a well-formed body asks for nothing. The sample takes each such body for an empty object.
const (
	emptyBody = "the body is empty"
	arrayBody = "the body is an array, not an object"
	otherType = "the body was not read, as its Content-Type is not application/json"
)

// decode reads a request's JSON. Names match by case, the last of a repeated name counts, unknown names are skipped.
// Bytes that are not UTF-8 are kept, so that validation refuses them. Half a surrogate pair becomes U+FFFD, as it does
// where a browser sends such text to Zoom. Its error is a *malformedError; unread says why a well-formed body asks for
// nothing.
func decode(body *bytes.Buffer, r *signer.Request) (unread string, err error) {
	if bytes.HasPrefix(body.Bytes(), byteOrderMark) {
		body.Next(len(byteOrderMark))
	}
	text := body.Bytes()
	if len(text) == 0 {
		return emptyBody, nil
	}
	if encoding := wideEncoding(text); encoding != "" {
		return "", &malformedError{"must be UTF-8, got " + encoding}
	}
	decoder := decoders.Get().(*jsontext.Decoder)
	defer decoders.Put(decoder)
	decoder.Reset(body, lenient)
	d := &source{decoder, text, utf8.Valid(text)}
	switch d.PeekKind() {
	case '{':
		err = decodeObject(d, r)
	case '[':
		unread, err = arrayBody, d.SkipValue()
	default:
		if err = d.SkipValue(); err == nil {
			err = &malformedError{"must be a JSON object"}
		}
	}
	if err == nil {
		if _, end := d.ReadToken(); end == nil {
			err = &malformedError{"must be one JSON object and nothing behind it"}
		} else if !errors.Is(end, io.EOF) {
			err = end
		}
	}
	return unread, malformed(err, text)
}

var (
	byteOrderMark = []byte("\xef\xbb\xbf")
	lenient       = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
)

var decoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

// source is a body that is being decoded.
type source struct {
	*jsontext.Decoder
	body []byte
	// utf8 says that all of the body is UTF-8, so that no text in it needs a look.
	utf8 bool
}

// text returns the string that was read last, which starts behind that offset. The decoder turns every byte that is not
// UTF-8 into U+FFFD, so that Möller and Müller in ISO-8859-1 would become the same name. Here such bytes stay as they
// are.
func (d *source) text(token jsontext.Token, behind int64) string {
	if raw := d.body[behind:d.InputOffset()]; !d.utf8 && !utf8.Valid(raw) {
		return string(raw)
	}
	return token.String()
}

// malformed says where the syntax of JSON was broken.
func malformed(err error, body []byte) error {
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		reason := fmt.Sprintf("must be valid JSON: %v at byte %d", syntax.Err, syntax.ByteOffset)
		if unquoted(body) {
			reason += `: names need double quotes, which some shells remove`
		}
		return &malformedError{reason}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return &malformedError{"must be valid JSON: it ends too early"}
	}
	return err
}

func decodeObject(d *source, r *signer.Request) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		property := name.String()
		value, err := decodeValue(d)
		if err != nil {
			return err
		}
		r.Set(property, value)
	}
	_, err := d.ReadToken()
	return err
}

func decodeValue(d *source) (signer.Value, error) {
	switch d.PeekKind() {
	case '[':
		return decodeArray(d)
	case '{':
		return signer.Value{Kind: signer.KindObject}, d.SkipValue()
	}
	behind := d.InputOffset()
	token, err := d.ReadToken()
	if err != nil {
		return signer.Value{}, err
	}
	switch token.Kind() {
	case '"':
		return signer.Value{Kind: signer.KindString, String: d.text(token, behind)}, nil
	case '0':
		// a number too large for a float64 becomes an infinity, which no rule allows
		n, _ := strconv.ParseFloat(token.String(), 64)
		return signer.Value{Kind: signer.KindNumber, Number: n}, nil
	case 'n':
		return signer.Value{Kind: signer.KindNull}, nil
	default:
		return signer.Value{Kind: signer.KindBoolean}, nil
	}
}

func decodeArray(d *source) (signer.Value, error) {
	v := signer.Value{Kind: signer.KindStrings}
	if _, err := d.ReadToken(); err != nil {
		return v, err
	}
	for d.PeekKind() != ']' {
		if d.PeekKind() != '"' {
			v = signer.Value{Kind: signer.KindArray}
			if err := d.SkipValue(); err != nil {
				return v, err
			}
			continue
		}
		behind := d.InputOffset()
		entry, err := d.ReadToken()
		if err != nil {
			return v, err
		}
		if v.Kind == signer.KindStrings {
			v.Strings = append(v.Strings, d.text(entry, behind))
		}
	}
	_, err := d.ReadToken()
	return v, err
}
