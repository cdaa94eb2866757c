package auth_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"videosdk-auth-endpoint/internal/servicetest"
)

// newAPIKey has the command make one.
func newAPIKey(t *testing.T, name string) (key, line string) {
	t.Helper()
	out, err := servicetest.Command(t, nil, "apikey", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(out), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "vsk_") || !strings.HasPrefix(lines[1], name+" ") || strings.Contains(lines[1], lines[0]) {
		t.Fatalf("got %q, want the key and its line", out)
	}
	secrets.add(lines[0])
	return lines[0], lines[1]
}

// replaceFile writes a file in one step, as whoever mounts it does.
func replaceFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

func TestABackendsKeyIsReplacedWithoutARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	oldKey, oldLine := newAPIKey(t, "backend")
	newKey, newLine := newAPIKey(t, "backend")
	replaceFile(t, file, "# keys\n"+oldLine+"\n")
	s := startService(t, "AUTH_API_KEYS_FILE="+file)

	got := s.post(t, oldKey, asHost)
	if g := got.grant(t); g.Role != 1 {
		t.Errorf("got %+v", g)
	}
	if l := s.audit(t, got); l["caller_method"] != "api_key" || l["caller"] != "backend" {
		t.Errorf("got the log line %v", l)
	}
	s.post(t, newKey, asHost).wantErrors(t, http.StatusUnauthorized, "Authorization")
	s.post(t, "", asHost).wantErrors(t, http.StatusUnauthorized, "Authorization")

	replaceFile(t, file, oldLine+"\n"+newLine+"\n")
	servicetest.Eventually(t, 10*time.Second, "both keys work", func() bool { return s.post(t, newKey, asHost).status == http.StatusOK })
	s.post(t, oldKey, asHost).grant(t)

	replaceFile(t, file, newLine+"\n")
	servicetest.Eventually(t, 10*time.Second, "the old key is refused", func() bool { return s.post(t, oldKey, asHost).status == http.StatusUnauthorized })
	s.post(t, newKey, asHost).grant(t)

	replaceFile(t, file, newKey+"\n") // the key itself, by mistake
	s.Line(t, func(l servicetest.Line) bool {
		return l["severity"] == "ERROR" && l["message"] == "API keys not read; what was read before stays in use"
	})
	s.post(t, newKey, asHost).grant(t)
	if s.refusals(t, "unknown_api_key") < 2 {
		t.Error("the refusals were not counted")
	}
}

func TestABackendSpeaksForItsUsersBesideUsersWhoSpeakForThemselves(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	key, fileLine := newAPIKey(t, "backend")
	replaceFile(t, file, fileLine+"\n")
	p := startProvider(t, newKeyPair(t, jose.ES256))
	s := startReady(t, p, "AUTH_API_KEYS_FILE="+file, "AUTH_IDENTITY_CLAIM=sub", "AUTH_POLICY=caller.method == 'api_key' || request.role == 0")
	const request = `{"sessionName":"Cool Cars","role":1,"userIdentity":"Cleo"}`
	if g := s.post(t, key, request).grant(t); g.Identity != "Cleo" || g.Role != 1 {
		t.Errorf("got %+v", g)
	}
	token := p.signIn(t, pupil, app).ID
	s.post(t, token, request).wantErrors(t, http.StatusForbidden, "policy")
	if g := s.post(t, token, strings.Replace(request, `"role":1`, `"role":0`, 1)).grant(t); g.Identity != pupil.id {
		t.Errorf("got %+v", g)
	}
}
