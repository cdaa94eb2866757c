package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"videosdk-auth-endpoint/internal/servicetest"
	"videosdk-auth-endpoint/signer"
)

// TestNewProperties: what Zoom added after the sample was written.
func TestNewProperties(t *testing.T) {
	s := start(t, credentials("TOKEN_BACKDATE=0s", "TOKEN_DEFAULT_TTL=30m"))
	now := time.Now().Unix()
	_, claims := verify(t, post(t, s.URL, `{"sessionName":"a","role":0,"userKey":"k","cloudRecordingTranscriptOption":2}`))
	var names []string
	var values []any
	for _, p := range claims {
		names, values = append(names, p.name), append(values, p.value)
	}
	if want := []string{"app_key", "role_type", "tpc", "version", "iat", "exp", "user_key", "cloud_recording_transcript_option"}; !slices.Equal(names, want) {
		t.Fatalf("claims %v, want %v", names, want)
	}
	iat, exp := int64(values[4].(float64)), int64(values[5].(float64))
	if iat < now || iat > now+5 || exp-iat != 1800 || values[6] != "k" || values[7] != 2.0 {
		t.Errorf("claims %v", values)
	}
}

func TestConfigurationMistakes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		name  string
		env   []string
		wants []string
	}{
		{"nothing is set", nil, []string{"ZOOM_VIDEO_SDK_KEY: not set", "ZOOM_VIDEO_SDK_SECRET: not set"}},
		{"an empty secret", []string{"ZOOM_VIDEO_SDK_KEY=k", "ZOOM_VIDEO_SDK_SECRET="}, []string{"ZOOM_VIDEO_SDK_SECRET: not set"}},
		{"white space around", []string{"ZOOM_VIDEO_SDK_KEY=hidden-k ", "ZOOM_VIDEO_SDK_SECRET=\thidden-s"}, []string{"ZOOM_VIDEO_SDK_KEY: has white space", "ZOOM_VIDEO_SDK_SECRET: has white space"}},
		{"quotes around", []string{`ZOOM_VIDEO_SDK_KEY="hidden-k"`, `ZOOM_VIDEO_SDK_SECRET='hidden-s'`}, []string{"ZOOM_VIDEO_SDK_KEY: has quotes", "ZOOM_VIDEO_SDK_SECRET: has quotes"}},
		{"a zero-width space", []string{"ZOOM_VIDEO_SDK_KEY=k", "ZOOM_VIDEO_SDK_SECRET=hidden-s\u200b"}, []string{"ZOOM_VIDEO_SDK_SECRET: has invisible characters"}},
		{"value and file", []string{"ZOOM_VIDEO_SDK_KEY=k", "ZOOM_VIDEO_SDK_SECRET=hidden-s", "ZOOM_VIDEO_SDK_SECRET_FILE=" + write("s", "x")}, []string{"ZOOM_VIDEO_SDK_SECRET: set it or ZOOM_VIDEO_SDK_SECRET_FILE, not both"}},
		{"files", []string{"ZOOM_VIDEO_SDK_KEY_FILE=" + filepath.Join(dir, "none"), "ZOOM_VIDEO_SDK_SECRET_FILE=" + write("q", "\"hidden-s\"\n")}, []string{"ZOOM_VIDEO_SDK_KEY_FILE: there is no such file", "ZOOM_VIDEO_SDK_SECRET_FILE: has quotes"}},
		{
			"everything at once",
			[]string{"PORT=tcp://10.0.0.1:hidden", "ADMIN_PORT=hidden", "TOKEN_PATH=hidden", "TOKEN_BACKDATE=hidden", "TOKEN_DEFAULT_TTL=1s", "TOKEN_MAX_TTL=100h", "CORS_ALLOWED_ORIGINS=hidden", "BODY_LIMIT=hidden", "TRUSTED_PROXIES=hidden", "LOG_LEVEL=hidden", "LOG_FORMAT=hidden", "SHUTDOWN_DELAY=-1s", "SHUTDOWN_TIMEOUT=hidden"},
			[]string{"PORT: want", "ADMIN_PORT: want", "TOKEN_PATH: want", "TOKEN_BACKDATE: want", "TOKEN_DEFAULT_TTL: want", "TOKEN_MAX_TTL: want", "CORS_ALLOWED_ORIGINS: want", "BODY_LIMIT: want", "TRUSTED_PROXIES: want", "LOG_LEVEL: want", "LOG_FORMAT: want", "SHUTDOWN_DELAY: want", "SHUTDOWN_TIMEOUT: want", "ZOOM_VIDEO_SDK_KEY: not set", "ZOOM_VIDEO_SDK_SECRET: not set"},
		},
		{"a default over the maximum", credentials("TOKEN_DEFAULT_TTL=2h", "TOKEN_MAX_TTL=1h"), []string{"TOKEN_DEFAULT_TTL: longer than TOKEN_MAX_TTL"}},
		{"an address with a port", credentials("HOST=hidden:80"), []string{"HOST: want an address"}},
		{"one port for both", credentials("PORT=4001", "ADMIN_PORT=4001"), []string{"ADMIN_PORT: want another port"}},
		{"the path of health", credentials("TOKEN_PATH=/livez"), []string{"TOKEN_PATH: want another path"}},
		{"a pattern for a path", credentials("TOKEN_PATH=/{app}"), []string{"TOKEN_PATH: want a path"}},
		{"the path of the API's description", credentials("TOKEN_PATH=/openapi.json"), []string{"TOKEN_PATH: want another path"}},
		{"the path of the playground", credentials("TOKEN_PATH=/playground/app.js"), []string{"TOKEN_PATH: want another path"}},
		{"no word for the playground", credentials("PLAYGROUND=hidden"), []string{"PLAYGROUND: want true or false"}},
		{"an origin with a path", credentials("CORS_ALLOWED_ORIGINS=https://a.example/"), []string{"CORS_ALLOWED_ORIGINS: want"}},
		{"no body at all", credentials("BODY_LIMIT=0"), []string{"BODY_LIMIT: want"}},
		{
			"callers", credentials("AUTH_ISSUER=hidden", "AUTH_TOKEN_MAX_TTL=hidden", "AUTH_API_KEYS_FILE="+write("keys", "backend hidden-key\n"), "AUTH_PROXY_HEADER=X-User", "AUTH_IDENTITY_PROPERTY=hidden", "RATE_LIMIT=hidden", "RATE_LIMIT_BURST=-1", "AUTH_POLICY_FILE="+write("policy", " \n")),
			[]string{"AUTH_TOKEN_MAX_TTL: want", "RATE_LIMIT: want", "RATE_LIMIT_BURST: want", "AUTH_ISSUER: want", "AUTH_AUDIENCE: required", "AUTH_PROXY_HEADER: needs TRUSTED_PROXIES", "AUTH_IDENTITY_PROPERTY: want", "AUTH_API_KEYS_FILE: line 1: want the SHA-256", "AUTH_POLICY_FILE: the file is empty"},
		},
		{"a limit below nothing", credentials("RATE_LIMIT=-1", "RATE_LIMIT_BURST=0"), []string{"RATE_LIMIT: want", "RATE_LIMIT_BURST: want"}},
		{"a limit that is no number", credentials("RATE_LIMIT=NaN"), []string{"RATE_LIMIT: want"}},
		{"a policy with a mistake shows where", credentials("AUTH_POLICY=request.role == 0 ||\n  request.rol == 1"), []string{"AUTH_POLICY: at 2:10: undefined field 'rol'", " |   request.rol == 1", " | .........^"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, code := run(t, command(t, c.env))
			if code != 1 || stdout != "" {
				t.Errorf("exit code %d, output %q", code, stdout)
			}
			for _, want := range c.wants {
				if !strings.Contains(stderr, "\n  "+want) {
					t.Errorf("no line %q in:\n%s", want, stderr)
				}
			}
			if n := strings.Count(stderr, "\n  "); n != len(c.wants) {
				t.Errorf("%d mistakes, want %d:\n%s", n, len(c.wants), stderr)
			}
			if strings.Contains(stderr, "hidden") {
				t.Errorf("a value is in the message:\n%s", stderr)
			}
		})
	}
}

func TestEmptyVariablesCountAsUnset(t *testing.T) {
	env := credentials("ADMIN_PORT=", "TOKEN_PATH=", "TOKEN_BACKDATE=", "LOG_LEVEL=", "CORS_ALLOWED_ORIGINS=", "TRUSTED_PROXIES=", "BODY_LIMIT=")
	verify(t, post(t, start(t, env).URL, `{"sessionName":"a","role":1}`))
}

func TestCredentialsFromFiles(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"key": testKey + "\n", "secret": testSecret + "\r\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, []string{"PORT=0", "ZOOM_VIDEO_SDK_KEY_FILE=" + dir + "/key", "ZOOM_VIDEO_SDK_SECRET_FILE=" + dir + "/secret"})
	_, claims := verify(t, post(t, s.URL, `{"sessionName":"a","role":1}`))
	if claims[0] != (property{"app_key", testKey}) {
		t.Errorf("claims %v", claims)
	}
}

func TestDotEnv(t *testing.T) {
	cmd := command(t, []string{"PORT=0", "TOKEN_PATH=/from-environment"})
	content := "# as in the sample\nPORT=1\nZOOM_VIDEO_SDK_KEY=" + testKey + "\nZOOM_VIDEO_SDK_SECRET=\"" + testSecret + "\"\nTOKEN_PATH=/from-file\nLOG_LEVEL=\n"
	if err := os.WriteFile(filepath.Join(cmd.Dir, ".env"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	s := servicetest.StartCommand(t, cmd, nil)
	verify(t, post(t, s.URL+"/from-environment", `{"sessionName":"a","role":1}`))

	t.Run("a secret that has a $ in it, and a byte order mark", func(t *testing.T) {
		cmd := command(t, nil, "token", "--session-name", "a", "--role", "1")
		if err := os.WriteFile(filepath.Join(cmd.Dir, ".env"), []byte("\ufeffZOOM_VIDEO_SDK_KEY=k\r\nZOOM_VIDEO_SDK_SECRET=xTvDqw$27A\r\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		token, stderr, code := run(t, cmd)
		seen, err := signer.Inspect(strings.TrimSpace(token), signer.Credentials{Key: "k", Secret: "xTvDqw$27A"}, time.Now)
		if code != 0 || err != nil || seen.Refused != nil {
			t.Errorf("exit code %d: %v, %q, %s", code, err, seen.Refused, stderr)
		}
	})
	for _, c := range []struct {
		name, content string
		wants         []string
	}{
		{"a line that says nothing", "ZOOM_VIDEO_SDK_KEY=x\n hidden secret ! here", []string{"ZOOM_VIDEO_SDK_SECRET: not set", "this may be why:\n  .env: line 2: want NAME=value"}},
		{"a misspelt variable", "ZOOM_VIDEO_SDK_KEY=x\nZOOM_SDK_SECRET=hidden", []string{"ZOOM_VIDEO_SDK_SECRET: not set", "ZOOM_SDK_SECRET is not a variable of this service and does nothing; did you mean ZOOM_VIDEO_SDK_SECRET?"}},
		{"UTF-16", "\xff\xfeZ\x00", []string{".env: the file is UTF-16"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := command(t, nil)
			if err := os.WriteFile(filepath.Join(broken.Dir, ".env"), []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, stderr, code := run(t, broken)
			for _, want := range c.wants {
				if code != 1 || !strings.Contains(stderr, want) || strings.Contains(stderr, "hidden") {
					t.Errorf("exit code %d, want %q: %s", code, want, stderr)
				}
			}
		})
	}
}

// TestEndOfTheService: what collects the log can read the error that the service ends with, and a person can read it where
// the log is for people.
func TestEndOfTheService(t *testing.T) {
	for format, want := range map[string]string{"json": `{"severity":"ERROR","error_message":"the configuration is wrong:\n  PORT: want`, "text": "videosdk-auth-endpoint: the configuration is wrong:\n  PORT: want"} {
		cmd := command(t, credentials("PORT=hidden", "LOG_FORMAT="+format))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Run(); err == nil || !strings.HasPrefix(stderr.String(), want) {
			t.Errorf("%s: %v %s", format, err, &stderr)
		}
	}
}

func TestVariablesAreDocumented(t *testing.T) {
	help, _, _ := run(t, command(t, nil, "help"))
	example, err := os.ReadFile(".env.example")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	_, table, _ := strings.Cut(help, "counts as not set.\n\n")
	for line := range strings.Lines(table) {
		name, _, _ := strings.Cut(line, " ")
		if !strings.Contains(string(example), name+"=") {
			t.Errorf("%s is not in .env.example", name)
		}
		if !strings.Contains(string(page), "| `"+name+"` |") {
			t.Errorf("%s is not in docs/configuration.md", name)
		}
		known[name] = true
	}
	for line := range strings.Lines(string(page)) {
		if name, ok := strings.CutPrefix(line, "| `"); ok {
			if name, _, _ = strings.Cut(name, "`"); !known[name] {
				t.Errorf("docs/configuration.md has %s, the service does not", name)
			}
		}
	}
}

func TestAdminPort(t *testing.T) {
	paths := []string{"/livez", "/readyz", "/healthz", "/metrics"}
	shared := start(t, credentials())
	split := start(t, credentials("ADMIN_PORT=0"))
	for _, path := range paths {
		if a := send(t, http.MethodGet, shared.URL+path, nil, ""); a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s on PORT: %d %v", path, a.status, a.header)
		}
		if a := send(t, http.MethodGet, split.Admin+path, nil, ""); a.status != 200 {
			t.Errorf("%s on ADMIN_PORT: %d", path, a.status)
		}
		want := 200 // a platform asks for health on PORT
		if path == "/metrics" {
			want = 404
		}
		if a := send(t, http.MethodGet, split.URL+path, nil, ""); a.status != want {
			t.Errorf("%s on PORT beside ADMIN_PORT: %d, want %d", path, a.status, want)
		}
	}
	off := start(t, credentials("METRICS=false"))
	for path, want := range map[string]int{"/metrics": 404, "/readyz": 200, "/livez": 200} {
		if a := send(t, http.MethodGet, off.URL+path, nil, ""); a.status != want {
			t.Errorf("%s with METRICS=false: %d, want %d", path, a.status, want)
		}
	}
	if a := post(t, split.Admin+"/", `{"sessionName":"a","role":1}`); a.status != 404 {
		t.Errorf("a token from ADMIN_PORT: %d", a.status)
	}
	metrics := string(send(t, http.MethodGet, shared.URL+"/metrics", nil, "").body)
	for _, want := range []string{"videosdk_build_info{", "go_goroutines ", "process_resident_memory_bytes "} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
}

// TestHost: both ports listen on that address alone, and the health check asks there.
func TestHost(t *testing.T) {
	s := start(t, credentials("HOST=127.0.0.2", "ADMIN_PORT=0"))
	for _, url := range []string{s.URL, s.Admin} { // of 127.0.0.1
		if answer, err := http.Get(url + "/readyz"); err == nil {
			answer.Body.Close()
			t.Errorf("%s answers", url)
		}
	}
	port := s.Admin[strings.LastIndex(s.Admin, ":")+1:]
	for host, want := range map[string]int{"127.0.0.2": 0, "127.0.0.1": 1} {
		if _, stderr, code := run(t, command(t, []string{"HOST=" + host, "ADMIN_PORT=" + port}, "healthcheck")); code != want {
			t.Errorf("healthcheck with HOST=%s: exit code %d: %s", host, code, stderr)
		}
	}
}

func TestPortInUse(t *testing.T) {
	s := start(t, credentials())
	port := s.URL[strings.LastIndex(s.URL, ":")+1:]
	_, stderr, code := run(t, command(t, append(credentials(), "PORT="+port)))
	if code != 1 || !strings.Contains(stderr, "PORT: ") || !strings.Contains(stderr, "address already in use") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestHealthcheck(t *testing.T) {
	s := start(t, credentials("ADMIN_PORT=0"))
	port := s.Admin[strings.LastIndex(s.Admin, ":")+1:]
	if _, stderr, code := run(t, command(t, []string{"ADMIN_PORT=" + port}, "healthcheck")); code != 0 {
		t.Errorf("ready, but exit code %d: %s", code, stderr)
	}
	if _, stderr, code := run(t, command(t, []string{"PORT=1"}, "healthcheck")); code != 1 || stderr == "" {
		t.Errorf("nobody there, but exit code %d: %s", code, stderr)
	}
}

// TestTokenFromAnEndpoint: what helm test does.
func TestTokenFromAnEndpoint(t *testing.T) {
	s := start(t, credentials("TOKEN_PATH=/token"))
	args := func(path string) []string {
		return []string{"token", "--from", s.URL + path, "--session-name", "a", "--role", "0", "--decode"}
	}
	if out, stderr, code := run(t, command(t, credentials(), args("/token")...)); code != 0 || !strings.Contains(out, `"tpc": "a"`) {
		t.Errorf("exit code %d: %s%s", code, out, stderr)
	}
	if _, stderr, code := run(t, command(t, credentials("ZOOM_VIDEO_SDK_SECRET=another"), args("/token")...)); code != 1 || !strings.Contains(stderr, "signature is invalid") {
		t.Errorf("another secret: exit code %d: %s", code, stderr)
	}
	if _, stderr, code := run(t, command(t, credentials(), args("/")...)); code != 1 || !strings.Contains(stderr, "405") || !strings.Contains(stderr, "tokens are served on /token") {
		t.Errorf("another path: exit code %d: %s", code, stderr)
	}
	if out, stderr, code := run(t, command(t, nil, args("/token")...)); code != 0 || !strings.Contains(out, `"tpc": "a"`) || !strings.Contains(stderr, "not checked") {
		t.Errorf("without credentials: exit code %d: %s%s", code, out, stderr)
	}
	redirect := httptest.NewServer(http.RedirectHandler(s.URL+"/token", http.StatusMovedPermanently))
	t.Cleanup(redirect.Close)
	_, stderr, code := run(t, command(t, credentials(), "token", "--from", redirect.URL, "--session-name", "a", "--role", "0"))
	if want := redirect.URL + " redirects to " + s.URL + "/token, which turned the POST into a GET"; code != 1 || !strings.Contains(stderr, want) {
		t.Errorf("a redirect: exit code %d: %s, want %s", code, stderr, want)
	}
	host := strings.TrimPrefix(s.URL, "http://")
	for args, want := range map[string]string{
		"http://user:hidden@" + host + "/?key=hidden":  s.URL + "/ answers 405",
		"http://user:hidden@127.0.0.1:1/?key=hidden":   "http://127.0.0.1:1/: dial tcp",
		"http://user:hidden%zz@" + host:                "--from: want a URL such as",
		s.URL + "/token --bearer-file /nowhere/hidden": "--bearer-file: there is no such file",
		redirect.URL + "/?key=hidden":                  redirect.URL + "/ redirects to " + s.URL + "/token, ",
	} {
		from := append([]string{"token", "--session-name", "a", "--role", "0", "--from"}, strings.Fields(args)...)
		if _, stderr, code := run(t, command(t, credentials(), from...)); code != 1 || !strings.Contains(stderr, want) || strings.Contains(stderr, "hidden") {
			t.Errorf("%s: exit code %d: %s, want %s", args, code, stderr, want)
		}
	}
}

// TestRotation: new credential files are used without a restart.
func TestAPIKeyCommand(t *testing.T) {
	stdout, stderr, code := run(t, command(t, nil, "apikey", "backend"))
	printed := strings.Split(strings.TrimSpace(stdout), "\n")
	if code != 0 || len(printed) != 2 || !strings.HasPrefix(printed[1], "backend ") || !strings.Contains(stderr, "AUTH_API_KEYS_FILE") {
		t.Fatalf("exit code %d, %q, %q", code, stdout, stderr)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{"keys": printed[1] + "\n", "key": printed[0] + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, credentials("AUTH_API_KEYS_FILE="+dir+"/keys"))
	if a := post(t, s.URL, `{"sessionName":"a","role":0}`); a.status != 401 {
		t.Errorf("without a key: %d", a.status)
	}
	_, stderr, code = run(t, command(t, credentials(), "token", "--from", s.URL, "--bearer-file", dir+"/key", "--session-name", "a", "--role", "0", "--decode"))
	if code != 0 {
		t.Errorf("with the key: exit code %d, %s", code, stderr)
	}
	t.Run("keys are replaced without a restart", func(t *testing.T) {
		stdout, _, _ := run(t, command(t, nil, "apikey", "other"))
		key, line, _ := strings.Cut(strings.TrimSpace(stdout), "\n")
		if err := os.WriteFile(dir+"/keys", []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		s.Next(t, "API keys read")
		for key, want := range map[string]int{printed[0]: 401, key: 200} {
			if a := send(t, http.MethodPost, s.URL, map[string]string{"Authorization": "Bearer " + key}, `{"sessionName":"a","role":0}`); a.status != want {
				t.Errorf("%d, want %d", a.status, want)
			}
		}
	})
	for _, args := range [][]string{{"apikey"}, {"apikey", "a", "b"}, {"apikey", "--name"}, {"apikey", "a b"}} {
		if stdout, stderr, code := run(t, command(t, nil, args...)); code != 1 || stdout != "" || !strings.Contains(stderr, "want a") {
			t.Errorf("%v: exit code %d, %s%s", args, code, stdout, stderr)
		}
	}
}

func TestPolicyCommand(t *testing.T) {
	const teachers = `AUTH_POLICY=request.role == 0 || "teachers" in caller.claims.groups`
	parts := []string{"AUTH_POLICY=request.role == 0 && caller.subject == 'alice'\n  && (size(request.geoRegions) > 0)"}
	users := []string{teachers, "AUTH_ISSUER=https://id.example.com", "AUTH_AUDIENCE=app"}
	policies, err := filepath.Abs("docs/policies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// tests is a file of this test, with a policy that nobody hosts by, and one without a policy beside it
	tests := func(test string) string {
		dir := t.TempDir()
		for name, policy := range map[string]string{"policy.yaml": "policy: request.role == 0\n", "none.yaml": ""} {
			if err := os.WriteFile(dir+"/"+name, []byte("name: it\n"+policy+"tests:\n- "+test+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir + "/policy.yaml"
	}
	for _, c := range []struct {
		name string
		env  []string
		args string // with | between
		code int
		want string
	}{
		{"a teacher hosts", users, `--claims|{"groups":["teachers"]}|--session-name|a|--role|1`, 0, "allowed"},
		{"a pupil does not", users, `--claims|{"groups":["pupils"]}|--session-name|a|--role|1`, 1, "AUTH_POLICY is false\n  false at line 1, column 1: request.role == 0 || \"teachers\" in caller.claims.groups"},
		{"two parts of three are false", parts, `--subject|alice|--session-name|a|--role|1`, 1, "AUTH_POLICY is false\n  false at line 1, column 1: request.role == 0\n  false at line 2, column 7: size(request.geoRegions) > 0\n"},
		{"the subject is the claim sub", append([]string{`AUTH_POLICY=caller.subject == "alice" && caller.claims.sub == "alice"`}, users[1:]...), `--subject|alice|--session-name|a|--role|1`, 0, "allowed"},
		{"the claim sub is the subject", append([]string{`AUTH_POLICY=caller.subject == "alice" && caller.claims.sub == "alice"`}, users[1:]...), `--claims|{"sub":"alice"}|--session-name|a|--role|1`, 0, "allowed"},
		{"a subject that differs from sub", users, `--subject|bob|--claims|{"sub":"alice"}|--session-name|a|--role|0`, 2, "the subject and the claim sub must be the same, and they differ"},
		{"claims of an API key", users, `--method|api_key|--claims|{}|--session-name|a|--role|0`, 2, "only a caller known by jwt has claims"},
		{"a subject of nobody", users, `--method|none|--subject|x|--session-name|a|--role|0`, 2, "a caller known by none has no subject"},
		{"a misspelt flag", users, `--sesion-name|a`, 2, "flag provided but not defined"},
		{"a caller without the claim that names them", append([]string{"AUTH_IDENTITY_CLAIM=email"}, users...), `--subject|alice|--session-name|a|--role|0`, 2, "policy: the caller has no claim email that is text or a whole number"},
		{"an API key has no groups", users, `--method|api_key|--subject|backend|--session-name|a|--role|1`, 2, "policy: AUTH_POLICY can't be evaluated: no such key at line 1, column"},
		{"the identity is the caller's", append([]string{"AUTH_IDENTITY_CLAIM=sub", "AUTH_POLICY=request.userIdentity == caller.subject"}, users[1:]...), `--subject|alice|--user-identity|bob|--session-name|a|--role|1`, 0, "allowed"},
		{"an invalid request", users, `--session-name|a|--role|7`, 2, "the request is invalid, whoever makes it: role must be 0 or 1"},
		{"a broken policy", []string{"AUTH_POLICY=request.role"}, "", 2, "want an expression that is true or false"},
		{"no policy", nil, `--session-name|a|--role|1`, 2, "there is no policy to try; set AUTH_POLICY"},
		{"claims that are no JSON", users, `--claims|x`, 2, "--claims: want a JSON object"},
		{"another method", users, `--method|x`, 2, "--method: want jwt"},
		{"something behind the flags", users, `x`, 2, `want flags, not "x"`},
		{"help", nil, "--help", 0, "-claims"},
		{"the documented policies' tests", nil, "test|" + policies, 0, "28 passed, 0 failed"},
		{"tests that fail", nil, "test|" + tests(`{name: it, request: {sessionName: a, role: 1}, want: allowed}`), 1, "FAIL  it: it\n      want allowed\n      got  denied"},
		{"tests of the environment's policy", users, "test|" + strings.Replace(tests(`{name: it, request: {sessionName: a, role: 0}, want: allowed}`), "policy.yaml", "none.yaml", 1), 0, "1 passed, 0 failed"},
		{"a test with a mistake", nil, "test|" + tests(`{name: it, want: yes}`), 2, "want one of allowed"},
		{"no file of tests", nil, "test", 2, "want one FILE"},
		{"a file of tests that is gone", nil, "test|/nowhere", 2, "/nowhere: there is no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{"policy"}
			if c.args != "" {
				args = append(args, strings.Split(c.args, "|")...)
			}
			stdout, stderr, code := run(t, command(t, c.env, args...))
			if code != c.code || !strings.Contains(stdout+stderr, c.want) {
				t.Errorf("exit code %d: %s%s", code, stdout, stderr)
			}
		})
	}
}

func TestWarningsAtStart(t *testing.T) {
	dir := t.TempDir()
	hash := strings.Repeat("a", 64)
	if err := os.WriteFile(dir+"/keys", []byte("backend "+hash), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := []string{"AUTH_API_KEYS_FILE=" + dir + "/keys"}
	for _, c := range []struct {
		name string
		env  []string
		want []string
	}{
		{"open", nil, []string{"open: everybody who reaches this endpoint can get any token and be host;"}},
		{"open, with a policy", []string{"AUTH_POLICY=request.role == 0"}, []string{"open: everybody who reaches this endpoint can get any token that the policy allows,"}},
		{"a misspelt variable", append(keys, "CORS_ALLOW_ORIGIN=https://hidden.example"), []string{"CORS_ALLOW_ORIGIN is not a variable of this service and does nothing; did you mean CORS_ALLOWED_ORIGINS?"}},
		{"a placeholder", append(keys, "ZOOM_VIDEO_SDK_SECRET=your-secret"), []string{"the Video SDK secret looks like the placeholder"}},
		{"what platforms set", append(keys, "AUTH_SERVICE_HOST=10.0.0.1", "AUTH_PORT=tcp://10.0.0.1:80", "OTEL_SERVICE_NAME=x", "SERVICE_NAME=x", "HOSTNAME=x"), nil},
		{"keys", keys, nil},
		{"a proxy's users without a policy", []string{"AUTH_PROXY_HEADER=X-User", "TRUSTED_PROXIES=10.0.0.1"}, []string{"no policy: every user"}},
		{"with one", []string{"AUTH_PROXY_HEADER=X-User", "TRUSTED_PROXIES=10.0.0.1", "AUTH_POLICY=request.role == 0"}, nil},
		{"a provider on this machine", []string{"AUTH_ISSUER=http://127.0.0.1:1", "AUTH_AUDIENCE=a", "AUTH_POLICY=true"}, nil},
		{"keys from the network in the clear", []string{"AUTH_ISSUER=http://192.0.2.1:1", "AUTH_DANGEROUSLY_ALLOW_HTTP=true", "AUTH_AUDIENCE=a", "AUTH_POLICY=true"}, []string{"AUTH_DANGEROUSLY_ALLOW_HTTP: key sets are fetched by http."}},
		{"keys of any issuer", []string{"AUTH_JWKS_URL=http://127.0.0.1:1", "AUTH_AUDIENCE=a", "AUTH_POLICY=true"}, []string{"AUTH_JWKS_URL without AUTH_ISSUER: tokens of every issuer"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, credentials(c.env...))
			var warnings []string
			for _, line := range s.Before() {
				if line["severity"] == "WARNING" {
					warnings = append(warnings, line["message"].(string))
				}
			}
			if len(warnings) != len(c.want) || len(c.want) == 1 && !strings.HasPrefix(warnings[0], c.want[0]) {
				t.Errorf("%q, want %q", warnings, c.want)
			}
			open := "0"
			if strings.HasPrefix(c.name, "open") {
				open = "1"
			}
			if a := send(t, http.MethodGet, s.URL+"/metrics", nil, ""); !strings.Contains(string(a.body), "videosdk_auth_open "+open+"\n") {
				t.Error("videosdk_auth_open is not " + open)
			}
		})
	}
}

// TestPlaygroundIsLogged: whoever reads the log knows that the page is there.
func TestPlaygroundIsLogged(t *testing.T) {
	for on, want := range map[string]bool{"true": true, "false": false} {
		logged := false
		for _, line := range start(t, credentials("PLAYGROUND="+on)).Before() {
			logged = logged || line["severity"] == "INFO" && strings.HasPrefix(line["message"].(string), "playground: ")
		}
		if logged != want {
			t.Errorf("PLAYGROUND=%s: logged %t", on, logged)
		}
	}
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	write := func(key, secret string) {
		for name, text := range map[string]string{"key": key, "secret": secret} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("old-key", "old-secret")
	s := start(t, []string{"PORT=0", "ZOOM_VIDEO_SDK_KEY_FILE=" + dir + "/key", "ZOOM_VIDEO_SDK_SECRET_FILE=" + dir + "/secret"})
	write("", "half-a-pair")
	if line := s.Next(t, "credentials not read; what was read before stays in use"); !strings.Contains(line["error_message"].(string), "ZOOM_VIDEO_SDK_KEY_FILE: the file is empty") {
		t.Errorf("line %v", line)
	}
	write(testKey, testSecret)
	s.Next(t, "credentials read")
	verify(t, post(t, s.URL, `{"sessionName":"a","role":1}`))
	metrics := string(send(t, http.MethodGet, s.URL+"/metrics", nil, "").body)
	for _, series := range []string{`videosdk_credential_reloads_total{result="ok"} 1`, `videosdk_credential_reloads_total{result="error"} 1`, "videosdk_credential_last_load_timestamp_seconds 1."} {
		if !strings.Contains(metrics, series) {
			t.Errorf("no %s in the metrics", series)
		}
	}
	s.Signal(t, os.Interrupt)
	s.Wait(t)
	for _, secret := range []string{"half-a-pair", "old-secret", testSecret} {
		if strings.Contains(s.Output(), secret) {
			t.Errorf("%s is in the log", secret)
		}
	}
}

// TestUnusedEntries: the service warns of entries in the Secret that no variable names, at its start and when they change,
// because a misspelt one leaves an old one beside it.
func TestUnusedEntries(t *testing.T) {
	dir, generation := t.TempDir(), 0
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	mount := func(names ...string) { // as the kubelet does it
		generation++
		data := fmt.Sprintf("..%d", generation)
		must(os.Mkdir(filepath.Join(dir, data), 0o700))
		for _, name := range names {
			must(os.WriteFile(filepath.Join(dir, data, name), []byte("hidden-content"), 0o600))
			if err := os.Symlink("..data/"+name, filepath.Join(dir, name)); !errors.Is(err, fs.ErrExist) {
				must(err)
			}
		}
		must(os.Symlink(data, filepath.Join(dir, "..tmp")))
		must(os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")))
	}
	const warning = "the Secret of the Video SDK key and secret has entries that no variable names: "
	env := []string{"PORT=0", "ZOOM_VIDEO_SDK_KEY_FILE=" + dir + "/key", "ZOOM_VIDEO_SDK_SECRET_FILE=" + dir + "/secret", "AUTH_API_KEYS_FILE=" + dir + "/keys"}

	mount("key", "secrt", "keys")
	if _, stderr, code := run(t, command(t, env)); code != 1 || !strings.Contains(stderr, "ZOOM_VIDEO_SDK_SECRET_FILE: there is no such file") || !strings.Contains(stderr, "\nthis may be why:\n  "+warning+`"secrt". `) {
		t.Errorf("exit code %d: %s", code, stderr)
	}

	mount("key", "secret", "secrt")
	s := start(t, env[:3])
	starts := func(names string) func(servicetest.Line) bool {
		return func(line servicetest.Line) bool {
			message, _ := line["message"].(string)
			return line["severity"] == "WARNING" && strings.HasPrefix(message, warning+names)
		}
	}
	if !slices.ContainsFunc(s.Before(), starts(`"keys", "secrt". `)) { // a file of the mount before
		t.Errorf("no warning at the start: %v", s.Before())
	}
	mount("key", "secret", "a"+strings.Repeat("b", 100), "c", "d", "e", "f")
	s.Line(t, starts(`"a`+strings.Repeat("b", 63)+`", "c", "d", "e", "f", and 2 more. `))
	if strings.Contains(s.Output(), "hidden-content") {
		t.Error("what an entry holds is in the log")
	}
}

func TestTokenCommand(t *testing.T) {
	out, stderr, code := run(t, command(t, credentials(), "token", "--session-name", "Cool Cars", "--role", "1", "--geo-regions", "US, DE", "--expiration-seconds", "1800"))
	if code != 0 {
		t.Fatal(stderr)
	}
	token := strings.TrimSpace(out)
	_, claims := verify(t, answer{status: 200, body: []byte(`{"signature":"` + token + `"}`)})
	if claims[2] != (property{"tpc", "Cool Cars"}) || claims[6] != (property{"geo_regions", "US,DE"}) {
		t.Errorf("claims %v", claims)
	}

	out, stderr, code = run(t, command(t, credentials(), "token", "--decode", token))
	if code != 0 || !strings.Contains(out, `"tpc": "Cool Cars"`) || !strings.Contains(out, `"alg": "HS256"`) {
		t.Errorf("exit code %d: %s%s", code, out, stderr)
	}
	piped := command(t, credentials(), "token", "--decode", "-")
	piped.Stdin = strings.NewReader(token + "\n")
	if fromPipe, _, _ := run(t, piped); fromPipe != out {
		t.Errorf("from standard input: %s", fromPipe)
	}
	for _, c := range []struct {
		name, want string
		code       int
		env, args  []string
	}{
		{"decode a new token", `"role_type": 0`, 0, credentials(), []string{"--session-name", "a", "--role", "0", "--decode"}},
		{"an endpoint's answer", `"tpc": "Cool Cars"`, 0, credentials(), []string{"--decode", `{"signature":"` + token + `"}`}},
		{"a header", `"tpc": "Cool Cars"`, 0, credentials(), []string{"--decode", "Bearer " + token}},
		{"an endpoint's error", "a request that failed", 1, credentials(), []string{"--decode", `{"errors":[]}`}},
		{"an empty variable", "is the shell variable set", 1, credentials(), []string{"--decode", ""}},
		{"an empty pipe", "is the shell variable set", 1, credentials(), []string{"--decode", "-"}},
		{"without credentials", "The signature was not checked", 0, nil, []string{"--decode", token}},
		{"with a key alone", "ZOOM_VIDEO_SDK_SECRET: not set", 1, []string{"ZOOM_VIDEO_SDK_KEY=" + testKey}, []string{"--decode", token}},
		{"a warning", "warning: tpc has characters that Zoom does not document", 0, credentials(), []string{"--session-name", "Café", "--role", "0", "--decode"}},
		{"another app's token", "Zoom would refuse it:\n  the signature is invalid", 1, credentials("ZOOM_VIDEO_SDK_SECRET=another"), []string{"--decode", token}},
		{"another app's key", "app_key is not", 1, credentials("ZOOM_VIDEO_SDK_KEY=another"), []string{"--decode", token}},
		{"no token", "three parts", 1, credentials(), []string{"--decode", "abc"}},
		{"no JSON", "part 1 of the token is not a JSON object", 1, credentials(), []string{"--decode", "a.b.c"}},
		{"broken rules", "role must be 0 or 1, got a number out of range; sessionName must be", 1, credentials(), []string{"--role", "2"}},
		{"a token without credentials to sign with", "ZOOM_VIDEO_SDK_KEY: not set", 1, nil, []string{"--session-name", "a", "--role", "0"}},
		{"settings of the server alone", `eyJ`, 0, credentials("AUTH_ISSUER=hidden", "BODY_LIMIT=hidden"), []string{"--session-name", "a", "--role", "0"}},
		{"no flag of ours", "flag provided but not defined", 1, credentials(), []string{"--rol", "2"}},
		{"something behind the flags", "give one TOKEN after --decode", 1, credentials(), []string{token}},
		{"help", "-session-name", 0, nil, []string{"--help"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, code := run(t, command(t, c.env, append([]string{"token"}, c.args...)...))
			if code != c.code || !strings.Contains(stdout+stderr, c.want) {
				t.Errorf("exit code %d, no %q in %s%s", code, c.want, stdout, stderr)
			}
		})
	}
}

// TestLog: one line per token request; no secret and no token in it, whatever was asked.
func TestLog(t *testing.T) {
	s := start(t, credentials("LOG_LEVEL=debug"))
	ok := post(t, s.URL, `{"sessionName":"a","role":1,"userIdentity":"ann","expirationSeconds":1800}`)
	line := s.Next(t, "request")
	for key, want := range map[string]any{
		"role": "host", "session_name": "a", "user_identity": "ann", "lifetime_s": 1800.0, "client_address": "127.0.0.1",
		"status_code": 200.0, "method": "POST", "path": "/", "outcome": "ok", "severity": "INFO", "request_id": ok.header.Get("X-Request-Id"),
	} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
	if took, ok := line["duration_us"].(float64); !ok || took <= 0 {
		t.Errorf("duration_us is %v", line["duration_us"])
	}
	send(t, http.MethodPost, s.URL, map[string]string{"X-Request-Id": "from-the-ingress"}, `{"sessionName":"a"}`)
	if line := s.Next(t, "request"); line["request_id"] != "from-the-ingress" || line["outcome"] != "invalid" {
		t.Errorf("line %v", line)
	}
	send(t, http.MethodGet, s.URL+"/livez", nil, "")
	if line := s.Next(t, "request"); line["severity"] != "DEBUG" {
		t.Errorf("line %v", line)
	}
	s.Signal(t, os.Interrupt)
	if code := s.Wait(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	hashed := start(t, credentials("LOG_HASH_KEY=0123456789abcdef"))
	post(t, hashed.URL, `{"sessionName":"hidden-room","role":1,"userIdentity":"hidden-ann","userKey":"hidden-key"}`)
	if line := hashed.Next(t, "request"); len(line["session_name"].(string)) != 32 || len(line["user_identity"].(string)) != 32 || len(line["user_key"].(string)) != 32 {
		t.Errorf("line %v", line)
	}
	for _, forbidden := range []string{testSecret, "eyJ"} {
		if strings.Contains(s.Output(), forbidden) {
			t.Errorf("%q is in the log", forbidden)
		}
	}
}

func TestShutdown(t *testing.T) {
	t.Run("SIGTERM: not ready at once, serving for the delay, then gone", func(t *testing.T) {
		s := start(t, credentials("SHUTDOWN_DELAY=2s"))
		if a := send(t, http.MethodGet, s.URL+"/readyz", nil, ""); a.status != 200 {
			t.Fatalf("readyz %d", a.status)
		}
		begun := time.Now()
		s.Signal(t, syscall.SIGTERM)
		s.Next(t, "draining")
		if a := send(t, http.MethodGet, s.URL+"/readyz", nil, ""); a.status != 503 {
			t.Errorf("readyz %d after SIGTERM", a.status)
		}
		if a := send(t, http.MethodGet, s.URL+"/livez", nil, ""); a.status != 200 {
			t.Errorf("livez %d after SIGTERM", a.status)
		}
		verify(t, post(t, s.URL, `{"sessionName":"a","role":1}`))
		if code := s.Wait(t); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if took := time.Since(begun); took < 2*time.Second {
			t.Errorf("gone after %v, before the delay's end", took)
		}
	})
	t.Run("SIGINT skips the delay", func(t *testing.T) {
		s := start(t, credentials("SHUTDOWN_DELAY=1h"))
		s.Signal(t, os.Interrupt)
		if code := s.Wait(t); code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
	t.Run("another signal ends it at once", func(t *testing.T) {
		s := start(t, credentials("SHUTDOWN_DELAY=1h"))
		s.Signal(t, syscall.SIGTERM)
		s.Next(t, "draining")
		s.Signal(t, os.Interrupt)
		if code := s.Wait(t); code != 1 {
			t.Errorf("exit code %d", code)
		}
	})
	t.Run("the same signal ends it at once, but not within a second", func(t *testing.T) {
		s := start(t, credentials("SHUTDOWN_DELAY=1h"))
		first := time.Now()
		s.Signal(t, syscall.SIGTERM)
		ended := make(chan int)
		go func() { ended <- s.Wait(t) }()
		for again := time.Tick(100 * time.Millisecond); ; {
			select {
			case <-again:
				_ = s.Cmd.Process.Signal(syscall.SIGTERM) // it may be gone
				continue
			case code := <-ended:
				if took := time.Since(first); code != 1 || took < time.Second {
					t.Errorf("exit code %d after %v", code, took)
				}
			}
			break
		}
	})
	t.Run("SIGHUP ends nothing", func(t *testing.T) {
		s := start(t, credentials("SHUTDOWN_DELAY=0s"))
		for range 2 {
			s.Signal(t, syscall.SIGHUP)
			if line := s.Next(t, "SIGHUP does nothing: the files of credentials, API keys and the policy are read every 2s anyway; restart the service to change the rest"); line == nil {
				t.Fatal("the service has ended")
			}
		}
		verify(t, post(t, s.URL, `{"sessionName":"a","role":1}`))
		s.Signal(t, syscall.SIGTERM)
		if code := s.Wait(t); code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
	t.Run("a request under way is answered", func(t *testing.T) {
		s := start(t, credentials("SHUTDOWN_DELAY=0s"))
		finish := begin(t, s)
		s.Signal(t, syscall.SIGTERM)
		s.Next(t, "draining")
		if got := finish(); !strings.HasPrefix(got, "HTTP/1.1 200 OK") {
			t.Errorf("answer %q", got)
		}
		if code := s.Wait(t); code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
	t.Run("a request that takes too long is cut, and that is an error", func(t *testing.T) {
		s := start(t, credentials("SHUTDOWN_DELAY=0s", "SHUTDOWN_TIMEOUT=100ms"))
		finish := begin(t, s)
		s.Signal(t, syscall.SIGTERM)
		if code := s.Wait(t); code != 1 {
			t.Errorf("exit code %d", code)
		}
		if got := finish(); got != "" {
			t.Errorf("answer %q", got)
		}
	})
}

// begin sends a request but for its last byte, after the service has asked for the body; the returned function sends
// that byte and returns the answer.
func begin(t *testing.T, s *servicetest.Service) (finish func() string) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	body := `{"sessionName":"a","role":1}`
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", len(body))
	proceed := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	if _, err := io.ReadFull(conn, proceed); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, body[:len(body)-1])
	return func() string {
		_, _ = io.WriteString(conn, body[len(body)-1:])
		answer, _ := io.ReadAll(conn)
		return string(answer)
	}
}

// TestCommandLine: a command that is misspelt, or given what it doesn't take, says so, and each explains itself.
func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"serv", 1, `no command "serv"; videosdk-auth-endpoint help lists them`},
		{"serve now", 1, `serve: takes no arguments, got "now"`},
		{"healthcheck http://localhost", 1, `healthcheck: takes no arguments`},
		{"version", 0, "\n"},
		{"serve --help", 0, "ZOOM_VIDEO_SDK_KEY "},
		{"healthcheck -h", 0, "ZOOM_VIDEO_SDK_KEY "},
		{"--help", 0, "ZOOM_VIDEO_SDK_KEY "},
		{"help help", 0, "ZOOM_VIDEO_SDK_KEY "},
		{"help token", 0, "token --decode TOKEN "},
		{"help policy", 0, "policy test FILE "},
		{"help apikey", 0, "apikey NAME "},
		{"policy test --help", 2, "policy test: want one FILE"},
		{"help serv", 1, `no command "serv"`},
	} {
		t.Run(c.args, func(t *testing.T) {
			stdout, stderr, code := run(t, command(t, nil, strings.Fields(c.args)...))
			if code != c.code || !strings.Contains(stdout+stderr, c.want) {
				t.Errorf("exit code %d, want %d with %q: %s%s", code, c.code, c.want, stdout, stderr)
			}
		})
	}
}
