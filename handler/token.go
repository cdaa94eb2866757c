package handler

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"videosdk-auth-endpoint/handler/caller"
	"videosdk-auth-endpoint/signer"

	"github.com/labstack/echo/v4"
)

var (
	errCharset  = errors.New("charset is not utf-8")
	errEncoding = errors.New("body is compressed")
)

// bodyError is a body that did not arrive, which is the client's or its network's doing.
type bodyError struct{ error }

func (e *bodyError) Error() string { return "read the body: " + e.error.Error() }

func (e *bodyError) Unwrap() error { return e.error }

// Header values that are the same for every token; nothing appends to them.
var (
	noStore   = []string{"no-store"}
	jsonTypes = []string{"application/json; charset=utf-8"}
)

// authenticate finds out who calls, before the body is read.
func (h *Handler) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		x := c.(*exchange)
		var err error
		if x.caller, err = h.guard.Authenticate(x.Request()); err != nil {
			return fmt.Errorf("authenticate: %w", err)
		}
		return next(x)
	}
}

// token answers POST with a signed token: decode, validate, ask the policy about what was validated, sign just that.
func (h *Handler) token(c echo.Context) error {
	x := c.(*exchange)
	request := tokenRequests.Get().(*signer.Request)
	defer tokenRequests.Put(request)
	*request = signer.Request{}
	unread, err := h.decodeBody(x, request)
	if err != nil {
		return err
	}
	identity, value, err := h.guard.Identity(x.caller)
	if err != nil {
		return fmt.Errorf("identify: %w", err)
	}
	if identity != "" {
		request.Set(identity, signer.Value{Kind: signer.KindString, String: value})
	}
	ctx := x.Request().Context()
	grant, err := h.signer.Validate(ctx, request)
	if err != nil {
		if reason, broken := brokenRule(err, identity); broken {
			// nothing that the client could send would help
			return &caller.RefusalError{Reason: caller.Identity, Detail: "it sets " + identity + ", which " + reason}
		}
		if unread != "" {
			return &unreadError{err, unread}
		}
		return fmt.Errorf("validate: %w", err)
	}
	if err := h.guard.Allow(x.caller, grant); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	token, err := h.signer.Sign(ctx, grant)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	x.issued = grant
	header := x.Response().Header()
	header[echo.HeaderCacheControl], header[echo.HeaderContentType] = noStore, jsonTypes
	buffer := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buffer)
	buffer.Reset()
	// a token needs no escaping in JSON
	buffer.WriteString(`{"signature":"`)
	buffer.WriteString(token.JWT)
	buffer.WriteString(`"}`)
	_, _ = x.Response().Write(buffer.Bytes()) // when it fails, the client is gone
	return nil
}

// brokenRule is the reason that a validation error gives for that property.
func brokenRule(err error, property string) (reason string, broken bool) {
	if invalid, ok := errors.AsType[*signer.ValidationError](err); ok {
		for _, v := range invalid.Violations {
			if v.Property == property {
				return v.Reason, true
			}
		}
	}
	return "", false
}

// tokenRequests holds requests to be used again.
var tokenRequests = sync.Pool{New: func() any { return new(signer.Request) }}

// buffers holds bodies, read and written. One that grew large is left to the garbage collector.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// decodeBody reads the request; the body is not kept.
func (h *Handler) decodeBody(x *exchange, into *signer.Request) (unread string, err error) {
	r := x.Request()
	if encoding := r.Header.Get(echo.HeaderContentEncoding); encoding != "" && encoding != "identity" {
		return "", errEncoding
	}
	ok, err := readable(r.Header.Get(echo.HeaderContentType))
	if err != nil {
		return "", err
	}
	buffer := buffers.Get().(*bytes.Buffer)
	defer func() {
		if buffer.Cap() <= 4<<10 {
			buffers.Put(buffer)
		}
	}()
	buffer.Reset()
	if _, err := buffer.ReadFrom(http.MaxBytesReader(x.Response().Writer, r.Body, int64(h.config.BodyLimit))); err != nil {
		return "", &bodyError{err}
	}
	if !ok && buffer.Len() > 0 {
		return otherType, nil
	}
	return decode(buffer, into)
}
