package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxAnswer bounds what a provider may send, in bytes.
const maxAnswer = 1 << 20

// fetchTimeout bounds one fetch of a key set, discovery included.
const fetchTimeout = 10 * time.Second

func discoveryURL(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

// keySetClient fetches key sets. Where there is only an issuer, a request for its discovery document is answered with the
// key set that it names, so that each refresh finds one that has moved.
func keySetClient(c Config, transport http.RoundTripper) *http.Client {
	transport = bounded{transport}
	if c.JWKSURL == "" {
		transport = discovery{c.Issuer, transport}
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// discovery is OpenID Connect Discovery 1.0.
type discovery struct {
	issuer string
	next   http.RoundTripper
}

func (d discovery) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := d.next.RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		return answer, err //nolint:wrapcheck // a decorator leaves errors as they are
	}
	defer answer.Body.Close()
	var provider struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&provider); err != nil {
		return nil, fmt.Errorf("%s: %w", r.URL, err)
	}
	if provider.Issuer != d.issuer {
		return nil, fmt.Errorf("AUTH_ISSUER: the provider calls itself %.200q; both must be the same, to the last slash", provider.Issuer)
	}
	if !strings.HasPrefix(provider.JWKSURI, "https://") && (r.URL.Scheme != "http" || !strings.HasPrefix(provider.JWKSURI, "http://")) {
		return nil, fmt.Errorf("AUTH_ISSUER: the provider's jwks_uri is %.200q; want https", provider.JWKSURI)
	}
	keySet, err := http.NewRequestWithContext(r.Context(), http.MethodGet, provider.JWKSURI, nil)
	if err != nil {
		return nil, fmt.Errorf("jwks_uri: %w", err)
	}
	return d.next.RoundTrip(keySet) //nolint:wrapcheck // a decorator leaves errors as they are
}

// bounded ends answers that are too long.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err //nolint:wrapcheck // a decorator leaves errors as they are
	}
	answer.Body = &boundedBody{answer.Body, maxAnswer}
	return answer, nil
}

type boundedBody struct {
	io.ReadCloser
	left int
}

var errTooLong = errors.New("the provider's answer is longer than 1 MiB")

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errTooLong
	}
	return n, err //nolint:wrapcheck // io.EOF must stay what it is
}
