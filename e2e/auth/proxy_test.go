package auth_test

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"videosdk-auth-endpoint/e2e/parts"
	"videosdk-auth-endpoint/internal/servicetest"
)

// startSignInProxy starts oauth2-proxy in front of a service, with the flags of docs/guard.md and those that a provider
// and a browser without TLS need, and returns its URL.
func startSignInProxy(t *testing.T, p *provider, s *service) string {
	t.Helper()
	cookieSecret := rand.Text() + rand.Text()[:6]
	secrets.add(cookieSecret)
	// its log does not tell the port that it was given
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	proxy := exec.Command(parts.Path(t, "oauth2-proxy"),
		"--provider=oidc", "--oidc-issuer-url="+p.issuer, "--client-id="+proxyApp, "--client-secret="+appSecret,
		"--cookie-secret="+cookieSecret, "--email-domain=*", "--upstream="+s.URL, "--pass-user-headers",
		"--http-address="+address, "--cookie-secure=false", "--skip-provider-button")
	proxy.Dir, proxy.Env = t.TempDir(), []string{}
	servicetest.Run(t, proxy, nil)
	eventually(t, "oauth2-proxy listens", func() bool {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return "http://" + address
}

// signInAt has the user sign in at the proxy; the browser then has its cookie.
func signInAt(t *testing.T, proxy string, u user) *http.Client {
	t.Helper()
	b := browser(t)
	visit(t, b, proxy+"/", u)
	at, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	cookies := b.Jar.Cookies(at)
	for _, c := range cookies {
		secrets.add(c.Value)
	}
	if len(cookies) == 0 {
		t.Fatal("no cookie of the proxy")
	}
	return b
}

func TestWhoSignsInAtAProxyGetsATokenByItsWord(t *testing.T) {
	p := startProvider(t, newKeyPair(t, jose.RS256))
	s := startService(t, "AUTH_PROXY_HEADER=X-Forwarded-Email", "TRUSTED_PROXIES=127.0.0.1", "AUTH_IDENTITY_CLAIM=sub",
		`AUTH_POLICY=request.role == 0 || caller.subject.endsWith("@school.example")`)
	proxy := startSignInProxy(t, p, s)
	ada, ben := signInAt(t, proxy, teacher), signInAt(t, proxy, pupil)

	t.Run("a teacher may be host", func(t *testing.T) {
		got := post(t, ada, proxy, asHost, http.Header{})
		if g := got.grant(t); g.Role != 1 || g.UserKey != teacher.email {
			t.Errorf("got %+v", g)
		}
		if l := s.audit(t, got); l["caller_method"] != "proxy" || l["decision"] != "allowed" {
			t.Errorf("got the log line %v", l)
		}
	})
	t.Run("a pupil may not", func(t *testing.T) {
		post(t, ben, proxy, asHost, http.Header{}).wantErrors(t, http.StatusForbidden, "policy")
		if g := post(t, ben, proxy, asParticipant, http.Header{}).grant(t); g.Role != 0 || g.UserKey != pupil.email {
			t.Errorf("got %+v", g)
		}
	})
	t.Run("a pupil who sends a teacher's header through the proxy is still a pupil", func(t *testing.T) {
		for _, name := range []string{"X-Forwarded-Email", "x-forwarded-email"} {
			header := http.Header{name: {teacher.email}}
			post(t, ben, proxy, asHost, header).wantErrors(t, http.StatusForbidden, "policy")
			if g := post(t, ben, proxy, asParticipant, header).grant(t); g.UserKey != pupil.email {
				t.Errorf("got %+v", g)
			}
		}
	})
	t.Run("who has not signed in does not get past the proxy", func(t *testing.T) {
		stranger := browser(t)
		stranger.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		got := post(t, stranger, proxy, asParticipant, http.Header{"X-Forwarded-Email": {teacher.email}})
		if to := got.header.Get("Location"); got.status != http.StatusFound || !strings.HasPrefix(to, p.issuer) {
			t.Errorf("got %d to %q, want the sign-in", got.status, to)
		}
	})
	t.Run("the header past the proxy, from an address that is not its own", func(t *testing.T) {
		before := s.refusals(t, "untrusted_proxy")
		elsewhere := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
		client := &http.Client{Transport: &http.Transport{DialContext: elsewhere.DialContext, DisableKeepAlives: true}}
		got := post(t, client, s.URL, asHost, http.Header{"X-Forwarded-Email": {teacher.email}})
		got.wantErrors(t, http.StatusUnauthorized, "Authorization")
		if l := s.audit(t, got); fmt.Sprint(l["client_address"]) != "127.0.0.2" || l["decision"] != "untrusted_proxy" {
			t.Errorf("got the log line %v", l)
		}
		if rise := s.refusals(t, "untrusted_proxy") - before; rise != 1 {
			t.Errorf("%v refusals were counted, want 1", rise)
		}
	})
}
