package handler

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"

	"videosdk-auth-endpoint/internal/guard"
	"videosdk-auth-endpoint/signer"
)

// tokens answers POST on the token path.
type tokens struct {
	guard       *guard.Guard
	crossOrigin *crossOrigin
	callers     *limiter
	strangers   *limiter // by address
	signer      signer.Signer
	bodyLimit   int64
}

// answer is the whole route: who calls, how often, what they ask for, whether they may have it, and the token that says
// so. The caller is known before the body is read, and what the policy saw is exactly what is signed.
func (t *tokens) answer(x *exchange) (err error) {
	if err := t.strangers.spent(x.Client); err != nil {
		return err
	}
	if x.Caller, err = t.guard.Authenticate(x.Request); err != nil {
		t.strangers.failed(err, x.Client)
		return fmt.Errorf("authenticate: %w", err)
	}
	if err := t.crossOrigin.check(x.Caller, x.Request); err != nil {
		return fmt.Errorf("authenticate: %w", err)
	}
	if err := t.callers.allow(x.Caller, x.Client); err != nil {
		return err
	}
	request := tokenRequests.Get().(*signer.Request)
	defer tokenRequests.Put(request)
	*request = signer.Request{}
	unread, err := readRequest(x, t.bodyLimit, request)
	if err != nil {
		return err
	}
	ctx := x.Request.Context()
	grant, err := t.guard.Grant(ctx, t.signer, x.Caller, request)
	if err != nil {
		return &unreadError{err, unread}
	}
	token, err := t.signer.Sign(ctx, grant)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	x.Grant = grant
	sendToken(x, token.JWT, grant.Misnamed())
	return nil
}

// tokenRequests holds requests to be used again.
var tokenRequests = sync.Pool{New: func() any { return new(signer.Request) }}

// Header values that are the same for every token; nothing appends to them.
var (
	noStore   = []string{"no-store"}
	noSniff   = []string{"nosniff"}
	jsonTypes = []string{"application/json; charset=utf-8"}
)

// sendToken writes a token, and warns of settings that are not in it. A token needs no escaping in JSON.
func sendToken(x *exchange, jwt string, misnamed []signer.Misnamed) {
	x.Header()["Content-Type"] = jsonTypes
	if len(misnamed) > 0 {
		// when it fails, the client is gone
		_, _ = x.Write(object{{"signature", jwt}, {"warnings", warnings(misnamed)}}.json())
		return
	}
	buffer := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buffer)
	buffer.Reset()
	buffer.WriteString(`{"signature":"`)
	buffer.WriteString(jwt)
	buffer.WriteString(`"}`)
	_, _ = x.Write(buffer.Bytes()) // when it fails, the client is gone
}

// unreadError is an error of a body that was not read, or says nothing; why is empty for every other body.
type unreadError struct {
	error
	why string
}

func (e *unreadError) Unwrap() error { return e.error }

// bodyError is the error of a body that did not arrive, which is the client's or its network's doing.
func bodyError(err error, limit int64) error {
	e := &faultError{http.StatusBadRequest, fault{"body", "must be as long as announced: the connection broke"}, "", err}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		e.status, e.Reason = http.StatusRequestEntityTooLarge, fmt.Sprintf("must be at most %d bytes", limit)
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		e.status, e.Reason = http.StatusRequestTimeout, "must arrive in time: it took too long"
	}
	return e
}

// readRequest reads the body into a request, and keeps nothing else of it.
func readRequest(x *exchange, limit int64, into *signer.Request) (unread string, err error) {
	r := x.Request
	if compressed(r.Header["Content-Encoding"]) {
		return "", errEncoding
	}
	media, err := mediaOf(r.Header.Get("Content-Type"))
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
	if _, err := buffer.ReadFrom(http.MaxBytesReader(x.writer, r.Body, limit)); err != nil {
		return "", bodyError(err, limit)
	}
	if !isJSON(media, buffer.Bytes()) && buffer.Len() > 0 {
		return otherType, nil
	}
	return decode(buffer, into)
}
