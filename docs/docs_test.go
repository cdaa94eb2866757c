// Package docs_test holds the documentation to what is there.
package docs_test

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"videosdk-auth-endpoint/internal/servicetest"
	"videosdk-auth-endpoint/signer"
)

const root = ".."

var (
	fence   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	code    = regexp.MustCompile("`[^`\n]*`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// pages returns the Markdown files of the repository by their names.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch entry.Name() {
		case ".git", "node_modules", "bin", "dist": // in a work tree, .git is a file
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) == ".md" {
			content, err := os.ReadFile(name)
			all[name] = string(content)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// anchors are the headings of a page as GitHub makes fragments of them.
func anchors(page string) map[string]bool {
	all := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		text := link.ReplaceAllString(h[1], "]")
		all[strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(text), ""), " ", "-")] = true
	}
	return all
}

var (
	owner   = regexp.MustCompile(`(?m)^OWNER += (\S+)$`)
	address = regexp.MustCompile(`(?:github\.com|ghcr\.io|raw\.githubusercontent\.com)/([\w.-]+)/(?:charts/)?videosdk-auth-endpoint(-sample)?\b`)
)

// TestOwner: the repository's address has one owner, the Makefile's, wherever it is named.
func TestOwner(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	want, n := owner.FindStringSubmatch(string(makefile))[1], 0
	files, err := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.Lines(string(files)) {
		name = strings.TrimSpace(name)
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			continue // deleted, and not committed yet
		}
		for _, found := range address.FindAllSubmatch(content, -1) {
			if len(found[2]) > 0 { // Zoom's sample
				continue
			}
			n++
			if got := string(found[1]); got != want {
				t.Errorf("%s: %s, but the Makefile's OWNER is %s", name, found[0], want)
			}
		}
	}
	if n < 20 {
		t.Errorf("%d addresses: the test does not find them", n)
	}
}

// TestLinks: every link within the repository leads to a file, and its fragment to a heading.
func TestLinks(t *testing.T) {
	all, n := pages(t), 0
	for name, page := range all {
		for _, l := range link.FindAllStringSubmatch(code.ReplaceAllString(fence.ReplaceAllString(page, ""), ""), -1) {
			if strings.Contains(l[1], "://") {
				continue
			}
			n++
			path, fragment, _ := strings.Cut(l[1], "#")
			target := name
			if path != "" {
				target = filepath.Join(filepath.Dir(name), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the link %s: %v", name, l[1], err)
			} else if fragment != "" && !anchors(all[target])[fragment] {
				t.Errorf("%s: the link %s: no such heading", name, l[1])
			}
		}
	}
	if n < 30 {
		t.Errorf("%d links: the test does not find them", n)
	}
}

// TestLineLength: text is wrapped, so that a change of a sentence is a small diff. Tables, code and links can't be.
func TestLineLength(t *testing.T) {
	long := strings.Repeat("a", 121)
	for text, want := range map[string]int{
		long: 1, "a\n\n" + long + "\n": 3, "| " + long: 0, "```\n" + long + "\n```": 0, "[a](" + long + ")": 0, long[1:]: 0,
		strings.Repeat("ä", 120): 0,
	} {
		if got := longLine(text); got != want {
			t.Errorf("the long line of %q is %d, want %d", text, got, want)
		}
	}
	for name, page := range pages(t) {
		if n := longLine(page); n > 0 {
			t.Errorf("%s: line %d has more than 120 characters", name, n)
		}
	}
}

// longLine returns the number of the first line of a page that should be wrapped, or 0.
func longLine(page string) int {
	inCode := false
	for i, line := range strings.Split(page, "\n") {
		start := strings.TrimSpace(line)
		if strings.HasPrefix(start, "```") {
			inCode = !inCode
		}
		if utf8.RuneCountInString(line) > 120 && !inCode && !strings.HasPrefix(start, "|") && !link.MatchString(line) {
			return i + 1
		}
	}
	return 0
}

var (
	block     = regexp.MustCompile("(?ms)^ *```(sh|ini)\n(.*?)^ *```$")
	comment   = regexp.MustCompile(`\s+# .*$`)
	serves    = regexp.MustCompile(`(^| )go run \.$`)
	signature = regexp.MustCompile(`"signature":"([^"]+)"`)
	apiKey    = regexp.MustCompile(`vsk_[\w-]{20,}`)
	keyLine   = regexp.MustCompile(`(?m)^backend [0-9a-f]{64}$`)
)

// terminal is where somebody types what the README says. What they would fill in is filled in from what came before.
type terminal struct {
	dir, port, binary string
	token, key, hash  string // hash is the key's line
	server            *exec.Cmd
}

// fillIn puts what came before in place of what a reader fills in.
func (s *terminal) fillIn(text string) string {
	return strings.NewReplacer(
		"localhost:4000", "localhost:"+s.port, "/tmp/", s.dir+"/", "eyJhbGci…", s.token, "vsk_…", s.key, "backend 9c56cc51…", s.hash,
		"--from URL", "--from http://localhost:"+s.port, "--bearer-file FILE", "--bearer-file "+filepath.Join(s.dir, "bearer"),
		"apikey NAME", "apikey backend", "REQUEST-ID", "request_id", "curl ", "curl --silent --show-error --fail-with-body ",
	).Replace(text)
}

// shell is what a line finds: go run is the binary, which was built of the same sources, and kubectl logs is the log of the
// service. The code is there already, and Docker is not.
const shell = `set -o pipefail
go() { shift 2; "$BINARY" "$@"; }
videosdk-auth-endpoint() { "$BINARY" "$@"; }
kubectl() { cat log; }
git() { :; }; cd() { :; }; docker() { :; }
`

// command makes a process of a line.
func (s *terminal) command(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", shell+s.fillIn(line))
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "BINARY=" + s.binary, "PORT=" + s.port, "SHUTDOWN_DELAY=0s"}
	cmd.Stdin = strings.NewReader(s.token)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// serve starts the service in place of the one before, and returns once it is ready.
func (s *terminal) serve(t *testing.T, line string) {
	t.Helper()
	s.stop()
	s.server = s.command(context.WithoutCancel(t.Context()), line)
	out, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	s.server.Stdout, s.server.Stderr = out, out
	err = s.server.Start()
	_ = out.Close()
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		if answer, err := http.Get("http://localhost:" + s.port + "/readyz"); err == nil {
			_ = answer.Body.Close()
			return
		}
		select {
		case <-again.C:
		case <-deadline.C:
			s.stop()
			t.Fatalf("%s: does not serve: %s", line, s.read(t, out.Name()))
		}
	}
}

func (s *terminal) stop() {
	if s.server != nil {
		_ = syscall.Kill(-s.server.Process.Pid, syscall.SIGKILL)
		_ = s.server.Wait()
	}
}

// TestReadmeCommands types what the README and then other pages say, from top to end: it runs the commands, and writes the
// settings into .env. The credentials are in that file alone, as they are for a reader.
func TestReadmeCommands(t *testing.T) {
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	_ = free.Close()
	s := &terminal{dir: t.TempDir(), port: port, binary: servicetest.Binary(t)}
	t.Cleanup(s.stop)
	s.write(t, ".env.example", s.read(t, ".env.example"))
	n := 0
	text := s.read(t, "README.md") + s.read(t, "docs/reference.md") + s.read(t, "docs/troubleshooting.md") + s.read(t, "docs/rotate.md")
	for _, b := range block.FindAllStringSubmatch(text, -1) {
		if b[1] == "ini" {
			settings := regexp.MustCompile(`(?m)^ +`).ReplaceAllString(s.fillIn(b[2]), "")
			s.write(t, ".env", s.read(t, filepath.Join(s.dir, ".env"))+settings)
			continue
		}
		for line := range strings.Lines(strings.ReplaceAll(b[2], "\\\n", "")) {
			if line = comment.ReplaceAllString(strings.TrimSpace(line), ""); line != "" {
				n++
				s.run(t, line)
			}
		}
	}
	answer, err := http.Post("http://localhost:"+port, "application/json", strings.NewReader(`{"sessionName": "a", "role": 0}`))
	if err != nil {
		t.Fatal(err)
	}
	if _ = answer.Body.Close(); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("the guarded endpoint answers %s without a key", answer.Status)
	}
	if n < 15 {
		t.Errorf("%d commands: the test does not find them", n)
	}
	t.Logf("%d commands", n)
}

// TestGuardCommands: the examples of the command policy print what the page shows.
func TestGuardCommands(t *testing.T) {
	s := &terminal{dir: t.TempDir(), binary: servicetest.Binary(t)}
	s.write(t, "policies.yaml", s.read(t, "docs/policies.yaml"))
	n := 0
	for _, b := range regexp.MustCompile("(?ms)^```sh\n([^`]*)^```\n\n```\n(.*?)^```$").FindAllStringSubmatch(s.read(t, "docs/guard.md"), -1) {
		if !strings.Contains(b[1], " policy ") {
			continue
		}
		n++
		out, err := s.command(t.Context(), strings.ReplaceAll(b[1], "docs/policies", "policies")).CombinedOutput()
		if string(out) != b[2] {
			t.Errorf("%s%v\n%s\nwant\n%s", b[1], err, out, b[2])
		}
	}
	if n != 2 {
		t.Errorf("%d examples, want 2", n)
	}
}

// read returns a file of the repository, or one in the folder of the terminal.
func (s *terminal) read(t *testing.T, name string) string {
	t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(root, name)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// write puts a file into the folder of the terminal.
func (s *terminal) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs a command, and keeps the token or the key that it prints for the commands after it.
func (s *terminal) run(t *testing.T, line string) {
	t.Helper()
	if serves.MatchString(line) {
		s.serve(t, line)
		return
	}
	if _, err := exec.LookPath("jq"); err != nil && strings.Contains(line, "| jq ") {
		t.Logf("left out, as there is no jq on this machine: %s", line)
		return
	}
	out, err := s.command(t.Context(), line).CombinedOutput()
	if err != nil || strings.HasPrefix(line, "kubectl logs ") && len(out) == 0 {
		t.Errorf("%s: %v: %s", line, err, out)
	}
	if found := signature.FindSubmatch(out); found != nil {
		s.token = string(found[1])
	}
	if found := apiKey.Find(out); found != nil && s.key == "" {
		s.key, s.hash = string(found), string(keyLine.Find(out))
		s.write(t, "bearer", s.key)
	}
}

// TestTableOfProperties: the reference has a row for each property, in the order and words of the service.
func TestTableOfProperties(t *testing.T) {
	reference, err := os.ReadFile("reference.md")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| property | claim | must be | what it does |\n|---|---|---|---|\n")
	limits := signer.Config{DefaultTTL: 2 * time.Hour, MaxTTL: 48 * time.Hour}
	for _, p := range signer.New(limits, signer.Credentials{Key: "key", Secret: "secret"}, time.Now).Properties() {
		claim, expects := "`"+p.Claim+"`", p.Expects()
		if p.Claim == "" {
			claim = "`exp` − `iat`"
		}
		if p.Required {
			expects = "required; " + expects
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", p.Name, claim, expects, p.Description)
	}
	if want := table.String(); !strings.Contains(string(reference), "\n\n"+want+"\n") {
		t.Errorf("the table of properties must be:\n%s", want)
	}
}
