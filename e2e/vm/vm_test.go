//go:build linux

// Package vm_test tries what docs/vm.md says: the systemd unit of the packages, and the configurations of nginx and Caddy.
package vm_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"videosdk-auth-endpoint/internal/servicetest"
)

const (
	page     = "../../docs/vm.md"
	unit     = "../../deploy/package/videosdk-auth-endpoint.service"
	host     = "token.example.com"
	body     = `{"sessionName": "Cool Cars", "role": 1}`
	exposure = "12" // of 100: what systemd-analyze calls 1.2 of 10
)

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestUnitIsValidAndConfined(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "videosdk-auth-endpoint.service"),
		strings.ReplaceAll(read(t, unit), "/usr/bin/videosdk-auth-endpoint", servicetest.Binary(t)))
	for _, args := range [][]string{
		{"verify", "--man=no", file},
		{"security", "--no-pager", "--offline=true", "--threshold=" + exposure, file},
	} {
		if out, err := exec.CommandContext(t.Context(), "systemd-analyze", args...).CombinedOutput(); err != nil {
			t.Errorf("systemd-analyze %s: %v\n%s", args[0], err, out)
		}
	}
}

var environment = regexp.MustCompile(`(?m)^Environment=(.*)$`)

// start runs the service with the unit's environment and with credentials where systemd would put them.
func start(t *testing.T) *servicetest.Service {
	t.Helper()
	credentials := t.TempDir()
	write(t, filepath.Join(credentials, "key"), "test-key\n")
	write(t, filepath.Join(credentials, "secret"), "test-secret-that-is-long-enough\n")
	var variables []string
	for _, line := range environment.FindAllStringSubmatch(read(t, unit), -1) {
		variables = append(variables, strings.Fields(strings.ReplaceAll(line[1], "/run/credentials/videosdk-auth-endpoint.service", credentials))...)
	}
	if len(variables) < 5 {
		t.Fatalf("the unit sets %d variables: the test does not find them", len(variables))
	}
	s := servicetest.Start(t, append(variables, "PORT=0")...)
	for _, line := range s.Before() {
		if message, _ := line["message"].(string); strings.Contains(message, "unknown") || strings.Contains(message, "did you mean") {
			t.Errorf("the service does not know a variable of the unit: %s", message)
		}
	}
	return s
}

// block is the page's code in a language.
func block(t *testing.T, language string) string {
	t.Helper()
	found := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$").FindStringSubmatch(read(t, page))
	if found == nil {
		t.Fatalf("the page has no %s", language)
	}
	return found[1]
}

// substitute puts what is true here in place of what is true on the page's machine.
func substitute(t *testing.T, config string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(config, pairs[i]) {
			t.Fatalf("the configuration has no %q:\n%s", pairs[i], config)
		}
	}
	return strings.NewReplacer(pairs...).Replace(config)
}

func TestReverseProxies(t *testing.T) {
	for name, startProxy := range map[string]func(t *testing.T, backend, address, certificate, key string) *exec.Cmd{
		"nginx": nginx, "Caddy": caddy,
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			certificate, key, pool := certify(t)
			address := free(t)
			servicetest.Run(t, startProxy(t, strings.TrimPrefix(s.URL, "http://"), address, certificate, key), nil)
			// the client's own address is 127.0.0.2, so that it is not the proxy's
			dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
			client := &http.Client{Transport: &http.Transport{
				TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: host},
				DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
					return dialer.DialContext(ctx, network, address)
				},
			}}
			ask := func(method, path string) (int, string) {
				request, err := http.NewRequestWithContext(t.Context(), method, "https://"+host+path, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Content-Type", "application/json")
				request.Header.Set("X-Forwarded-For", "203.0.113.9") // what anybody can send
				answer, err := client.Do(request)
				if err != nil {
					return 0, err.Error()
				}
				defer answer.Body.Close()
				content, _ := io.ReadAll(answer.Body)
				return answer.StatusCode, string(content)
			}
			servicetest.Eventually(t, 20*time.Second, name+" serves", func() bool {
				status, _ := ask("GET", "/")
				return status == 200
			})
			if status, answer := ask("POST", "/"); status != 200 || !strings.Contains(answer, `"signature"`) {
				t.Errorf("%d %s", status, answer)
			}
			line := s.Line(t, func(l servicetest.Line) bool { return fmt.Sprint(l) != "map[]" && isToken(l) })
			if got := fmt.Sprint(line); !strings.Contains(got, "127.0.0.2") || strings.Contains(got, "203.0.113.9") {
				t.Errorf("the client's address is not in the log line: %s", got)
			}
			for _, path := range []string{"/metrics", "/livez", "/readyz", "/healthz"} {
				if status, _ := ask("GET", path); status != 404 {
					t.Errorf("%s: %d", path, status)
				}
			}
		})
	}
}

// isToken tells the line of the token from the one of the page that was asked for before.
func isToken(l servicetest.Line) bool { return strings.Contains(fmt.Sprint(l), "Cool Cars") }

func nginx(t *testing.T, backend, address, certificate, key string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx"
	}
	site := substitute(t, block(t, "nginx"), "server 127.0.0.1:4000", "server "+backend, "listen 443", "listen "+address,
		"/etc/letsencrypt/live/token.example.com/fullchain.pem", certificate, "/etc/letsencrypt/live/token.example.com/privkey.pem", key)
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // the test's directory is for its user alone
	}
	directory := t.TempDir()
	write(t, filepath.Join(directory, "nginx.conf"), fmt.Sprintf(`
daemon off;
master_process off; # one process, which ends when the test ends it
%s
pid nginx.pid;
error_log stderr warn;
events {}
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  %s
}
`, user, site))
	return exec.CommandContext(context.WithoutCancel(t.Context()), path, "-p", directory, "-c", "nginx.conf", "-e", "stderr")
}

func caddy(t *testing.T, backend, address, certificate, key string) *exec.Cmd {
	t.Helper()
	_, port, _ := net.SplitHostPort(address)
	site := substitute(t, block(t, "caddyfile"), "127.0.0.1:4000", backend,
		"token.example.com {", "https://token.example.com:"+port+" {\n\ttls "+certificate+" "+key)
	file := write(t, filepath.Join(t.TempDir(), "Caddyfile"), "{\n\tadmin off\n\tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n}\n"+site)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "caddy", "run", "--config", file, "--adapter", "caddyfile")
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	return cmd
}

// certify makes a certificate for the host, and the pool that trusts it.
func certify(t *testing.T) (certificate, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(text))
	directory := t.TempDir()
	return write(t, filepath.Join(directory, "certificate.pem"), text),
		write(t, filepath.Join(directory, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))), pool
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
