package auth_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// tokens are what a provider gives an app for a user.
type tokens struct {
	ID     string `json:"id_token"`
	Access string `json:"access_token"`
}

// both are the tokens by their names.
func (k tokens) both() map[string]string {
	return map[string]string{"ID token": k.ID, "access token": k.Access}
}

// browser is what a user signs in with. It has cookies, follows redirects, and stops where the app's own page would be.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), callback+"?") {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

var (
	formAction = regexp.MustCompile(`<form method="POST" action="([^"]+)"`)
	formID     = regexp.MustCompile(`<input type="hidden" name="id" value="([^"]+)"`)
)

// visit opens a page that has the user sign in, fills in the provider's form, and returns where that leads.
func visit(t *testing.T, b *http.Client, page string, u user) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := b.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	form := read(t, response)
	action, id := formAction.FindStringSubmatch(form.body), formID.FindStringSubmatch(form.body)
	if action == nil || id == nil {
		t.Fatalf("%s: want the form, got %d %s", response.Request.URL, form.status, form.body)
	}
	target, err := response.Request.URL.Parse(html.UnescapeString(action[1]))
	if err != nil {
		t.Fatal(err)
	}
	return postForm(t, b, target.String(), url.Values{
		"id": {html.UnescapeString(id[1])}, "username": {u.email}, "password": {password},
	})
}

// signIn has the user sign in to an app, by the authorization code flow with PKCE.
func (p *provider) signIn(t *testing.T, u user, app string) tokens {
	t.Helper()
	b, verifier, state := browser(t), rand.Text()+rand.Text(), rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	back := visit(t, b, p.issuer+"/auth?"+url.Values{
		"client_id":             {app},
		"redirect_uri":          {callback},
		"response_type":         {"code"},
		"scope":                 {"openid email"},
		"state":                 {state},
		"nonce":                 {rand.Text()},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"code_challenge_method": {"S256"},
	}.Encode(), u)
	location, err := url.Parse(back.header.Get("Location"))
	if err != nil || location.Query().Get("state") != state {
		t.Fatalf("want a redirect to the app, got %d %s, %v", back.status, back.body, err)
	}
	code := location.Query().Get("code")
	got := postForm(t, b, p.issuer+"/oauth/token", url.Values{
		"grant_type":    {"authorization_code"},
		"client_id":     {app},
		"redirect_uri":  {callback},
		"code":          {code},
		"code_verifier": {verifier},
	})
	var k tokens
	if err := json.Unmarshal([]byte(got.body), &k); err != nil || k.ID == "" || strings.Count(k.Access, ".") != 2 {
		t.Fatalf("want tokens, got %d %s, %v", got.status, got.body, err)
	}
	for _, secret := range []string{code, verifier, k.ID, k.Access} {
		secrets.add(secret)
	}
	return k
}

func postForm(t *testing.T, b *http.Client, target string, form url.Values) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return do(t, b, request)
}
