package guard

import (
	"errors"
	"net/http"
	"time"
)

// Caller is who makes a request.
type Caller struct {
	Method *Method
	// Subject is the token's sub, the API key's name or the proxy's user; empty where the endpoint is open.
	Subject string
	// Claims are those of the user's token, as JSON has them; nil for the other methods.
	Claims map[string]any
}

// NewCaller returns the caller whom the service would know by these words, for trying a policy: a user's subject is the
// claim sub of the user's token, and only a token has claims.
func NewCaller(m *Method, subject string, claims map[string]any) (*Caller, error) {
	if m != JWT {
		switch {
		case claims != nil:
			return nil, errors.New("only a caller known by jwt has claims")
		case m == None && subject != "":
			return nil, errors.New("a caller known by none has no subject")
		}
		return &Caller{Method: m, Subject: subject}, nil
	}
	if claims == nil {
		claims = map[string]any{}
	}
	sub, sent := claims["sub"]
	switch text, isText := sub.(string); {
	case !sent && subject != "":
		claims["sub"] = subject
	case sent && (!isText || text == ""):
		return nil, errors.New("the claim sub must be text, and not empty")
	case sent && subject != "" && subject != text:
		return nil, errors.New("the subject and the claim sub must be the same, and they differ")
	case sent:
		subject = text
	}
	return &Caller{Method: m, Subject: subject, Claims: claims}, nil
}

// ID names the caller as no other caller is named: two issuers may have users with the same subject.
func (c *Caller) ID() string {
	issuer, _ := c.Claims["iss"].(string)
	return c.Method.Name + " " + issuer + " " + c.Subject
}

var anonymous = Caller{Method: None}

// Background is what the guard needs to keep its credentials up to date, and whom it tells of that.
type Background struct {
	// Transport fetches key sets.
	Transport http.RoundTripper
	// Ticks returns a channel whose values say when a file is read again. It is called once for each file.
	Ticks func() <-chan time.Time
	// KeySet is called after each fetch of a key set.
	KeySet func(KeySetFetch)
	// APIKeys is called after each change of the file. After an error the keys from before stay in use.
	APIKeys func(error)
	// Policy is called after each change of the policy's file. After an error the last good policy stays in use.
	Policy func(error)
}

// KeySetFetch is what came of one fetch of a key set.
type KeySetFetch struct {
	// Source is the issuer or, where none is configured, the URL.
	Source string
	// Err says why it failed. The last good keys stay in use.
	Err error
	// First says that no fetch before has brought keys.
	First bool
	// Skipped are the keys of the answer that are not used.
	Skipped []SkippedKey
	// Oldest is when the oldest key set in use was fetched, of all issuers; zero while one was never fetched.
	Oldest time.Time
}
