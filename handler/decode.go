package handler

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"videosdk-auth-endpoint/signer"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// wrongBody is the error of a body that can't be read as the JSON of a request.
func wrongBody(reason string) *faultError { return failed(http.StatusBadRequest, "body", reason) }

var errNoObject = wrongBody("must be a JSON object")

// These say why a well-formed body asks for nothing. The sample takes each such body for an empty object.
const (
	emptyBody = "the body is empty"
	arrayBody = "the body is an array, not an object"
	otherType = "the body was not read, as its Content-Type is not application/json"
)

// decode reads a request's JSON. Names match by case, the last of a repeated name counts, unknown names are skipped.
// Unread says why a well-formed body asks for nothing.
func decode(body *bytes.Buffer, r *signer.Request) (unread string, err error) {
	if bytes.HasPrefix(body.Bytes(), byteOrderMark) {
		body.Next(len(byteOrderMark))
	}
	text := body.Bytes()
	if len(text) == 0 {
		return emptyBody, nil
	}
	if encoding := wideEncoding(text); encoding != "" {
		return "", wrongBody("must be UTF-8, got " + encoding)
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
			err = errNoObject
		}
	}
	if err == nil {
		if _, end := d.ReadToken(); end == nil {
			err = wrongBody("must be one JSON object and nothing behind it")
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

// malformed says where the syntax of JSON was broken.
func malformed(err error, body []byte) error {
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		reason := fmt.Sprintf("must be valid JSON: %v at byte %d", syntax.Err, syntax.ByteOffset)
		if unquoted(body) {
			reason += `: names need double quotes, which some shells remove`
		}
		return wrongBody(reason)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return wrongBody("must be valid JSON: it ends too early")
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
		value, err := d.ReadValue()
		if err != nil {
			return err
		}
		r.Set(property, signer.ValueOf(value))
	}
	_, err := d.ReadToken()
	return err
}
