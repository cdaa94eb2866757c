package handler

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"strconv"
	"strings"
	"sync"

	"videosdk-auth-endpoint/signer"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var (
	errCharset  = errors.New("charset is not utf-8")
	errEncoding = errors.New("body is compressed")
)

// malformedError is a body that can't be read as the JSON of a request.
type malformedError struct{ reason string }

func (e *malformedError) Error() string { return "malformed body: " + e.reason }

// Why a body that is well formed says nothing: the sample takes each of these for an empty object.
const (
	emptyBody = "the body is empty"
	arrayBody = "the body is an array, not an object"
	otherType = "the body was not read, as its Content-Type is not application/json"
)

// readable reports whether a body of that Content-Type is read as JSON. Many clients forget the header,
// and browsers then send text/plain.
func readable(contentType string) (bool, error) {
	switch contentType {
	case "application/json", "":
		return true, nil
	}
	// a type that can't be parsed is empty, and so another one
	media, params, _ := mime.ParseMediaType(contentType)
	if media != "application/json" && media != "text/plain" {
		return false, nil
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
		return false, errCharset
	}
	return true, nil
}

// decode reads a request's JSON. Names match by case, the last of a repeated name counts, unknown names are skipped.
// Text that is not UTF-8 and halves of surrogate pairs become U+FFFD. Its error is a *malformedError; unread says why
// a well-formed body asks for nothing.
func decode(body *bytes.Buffer, r *signer.Request) (unread string, err error) {
	if bytes.HasPrefix(body.Bytes(), byteOrderMark) {
		body.Next(len(byteOrderMark))
	}
	if body.Len() == 0 {
		return emptyBody, nil
	}
	d := decoders.Get().(*jsontext.Decoder)
	defer decoders.Put(d)
	d.Reset(body, lenient)
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
	return unread, malformed(err)
}

var (
	byteOrderMark = []byte("\xef\xbb\xbf")
	lenient       = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
)

var decoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

// malformed says where the syntax of JSON was broken.
func malformed(err error) error {
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return &malformedError{fmt.Sprintf("must be valid JSON: %v at byte %d", syntax.Err, syntax.ByteOffset)}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return &malformedError{"must be valid JSON: it ends too early"}
	}
	return err
}

func decodeObject(d *jsontext.Decoder, r *signer.Request) error {
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

func decodeValue(d *jsontext.Decoder) (signer.Value, error) {
	switch d.PeekKind() {
	case '[':
		return decodeArray(d)
	case '{':
		return signer.Value{Kind: signer.KindObject}, d.SkipValue()
	}
	token, err := d.ReadToken()
	if err != nil {
		return signer.Value{}, err
	}
	switch token.Kind() {
	case '"':
		return signer.Value{Kind: signer.KindString, String: token.String()}, nil
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

func decodeArray(d *jsontext.Decoder) (signer.Value, error) {
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
		entry, err := d.ReadToken()
		if err != nil {
			return v, err
		}
		if v.Kind == signer.KindStrings {
			v.Strings = append(v.Strings, entry.String())
		}
	}
	_, err := d.ReadToken()
	return v, err
}
