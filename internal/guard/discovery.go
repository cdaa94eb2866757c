package guard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// keySource is where the key set of an issuer is.
type keySource struct {
	issuer string // empty where tokens of any issuer are taken
	url    string // of the key set; empty where discovery finds it
	http   bool   // http URLs are taken
}

// String names the source in the log.
func (s keySource) String() string {
	if s.issuer != "" {
		return shown(s.issuer)
	}
	return shown(s.url)
}

// fetch returns the text of the key set. Discovery is asked each time, so that a key set that has moved is found.
func (s keySource) fetch(ctx context.Context, client *http.Client) ([]byte, error) {
	if s.url != "" {
		return get(ctx, client, "AUTH_JWKS_URL", s.url)
	}
	address, err := s.discover(ctx, client)
	if err != nil {
		return nil, err
	}
	return get(ctx, client, "jwks_uri", address)
}

// discover asks for the address of the key set, as OpenID Connect Discovery 1.0 has it.
func (s keySource) discover(ctx context.Context, client *http.Client) (string, error) {
	text, err := get(ctx, client, "AUTH_ISSUER", strings.TrimSuffix(s.issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return "", err
	}
	var provider struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(text, &provider); err != nil {
		return "", errors.New("AUTH_ISSUER: the provider's discovery is not a JSON object with issuer and jwks_uri")
	}
	if provider.Issuer != s.issuer {
		return "", fmt.Errorf("AUTH_ISSUER: the provider at %s calls itself %.200q; both must be the same, "+
			"to the last slash", s, provider.Issuer)
	}
	if !isProviderURL(provider.JWKSURI, s.http) {
		return "", fmt.Errorf("AUTH_ISSUER: the provider's jwks_uri is %.200q; want an https URL", shown(provider.JWKSURI))
	}
	return provider.JWKSURI, nil
}

// maxAnswer bounds what a provider may send, in bytes.
const maxAnswer = 1 << 20

// get returns what is at an address. Its errors name the address, and what gave it.
func get(ctx context.Context, client *http.Client, from, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %s is not a URL", from, shown(address))
	}
	answer, err := client.Do(request)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err // without the URL, whose query may hold a secret
		}
		return nil, fmt.Errorf("%s: GET %s: %w", from, shown(address), err)
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 == 3 {
		target := "nowhere"
		if location, err := answer.Location(); err == nil {
			target = shown(location.String())
		}
		return nil, fmt.Errorf("%s: GET %s: %s, redirects to %s; redirects are not followed, so set that address",
			from, shown(address), answer.Status, target)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: GET %s: %s", from, shown(address), answer.Status)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: GET %s: %w", from, shown(address), err)
	case len(text) > maxAnswer:
		return nil, fmt.Errorf("%s: GET %s: the answer is longer than %d bytes", from, shown(address), maxAnswer)
	}
	return text, nil
}

// shown is a URL as the log may have it: without user, query and fragment, which may hold secrets.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an address that is not a URL"
	}
	return fmt.Sprintf("%.200s", (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
}

// isProviderURL says whether keys may be fetched from there: by https, or by http on this machine or where that is
// allowed.
func isProviderURL(address string, plain bool) bool {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && (plain || isLoopback(u.Hostname()))
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && addr.Unmap().IsLoopback()
}
