package handler

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"videosdk-auth-endpoint/signer"

	"github.com/labstack/echo/v4"
)

var (
	errCharset  = errors.New("charset is not utf-8")
	errEncoding = errors.New("body is compressed")
)

// token answers POST with a signed token: decode, validate, sign.
func (h *Handler) token(c echo.Context) error {
	x := c.(*exchange)
	var request signer.Request
	unread, err := decodeBody(c.Request(), &request)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	grant, err := h.signer.Validate(ctx, &request)
	if err != nil {
		if unread != "" {
			return &unreadError{err, unread}
		}
		return fmt.Errorf("validate: %w", err)
	}
	x.grant = grant
	x.token, err = h.signer.Sign(ctx, grant)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	// a token needs no escaping in JSON
	answer := append(append(append(make([]byte, 0, 1024), `{"signature":"`...), x.token.JWT...), `"}`...)
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.Blob(http.StatusOK, "application/json; charset=utf-8", answer)
}

func decodeBody(r *http.Request, into *signer.Request) (unread string, err error) {
	if encoding := r.Header.Get(echo.HeaderContentEncoding); encoding != "" && encoding != "identity" {
		return "", errEncoding
	}
	ok, err := readable(r.Header.Get(echo.HeaderContentType))
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", fmt.Errorf("read the body: %w", err)
	}
	if !ok && len(body) > 0 {
		return otherType, nil
	}
	return decode(body, into)
}
