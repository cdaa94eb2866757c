// Package servicetest builds the service's binary, starts it, waits until it listens, and reads its log. All tests that
// treat the service as its users do share it, those of the nested module in e2e too.
package servicetest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for something that the service does by itself.
const patience = 30 * time.Second

// Binary returns the path of the service's binary, built as it is shipped.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var binary = sync.OnceValues(func() (string, error) {
	if other := os.Getenv("SERVICE_BINARY"); other != "" {
		return other, nil // to measure another version
	}
	// A nested module has the service as a dependency. Asking for its folder, and building it there, has it built with
	// the versions in its own go.mod.
	root, err := output("go", "list", "-m", "-f", "{{.Dir}}", "videosdk-auth-endpoint")
	if err != nil {
		return "", err
	}
	// "go run" keeps what it links in Go's build cache, under a name made of the content. So the binary is linked once
	// for all tests, and nobody can replace it while they run. The first call links it, the second prints its path.
	if _, err := output("go", "run", "-C", root, "-exec", "true", "."); err != nil {
		return "", err
	}
	return output("go", "run", "-C", root, "-exec", "echo", ".")
})

// output returns what a command prints.
func output(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// Command is the binary in an empty directory, with nothing but env in its environment. It outlives the test's context,
// so that a test's cleanup can end it.
func Command(t testing.TB, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), Binary(t), args...)
	cmd.Dir, cmd.Env = t.TempDir(), env
	return cmd
}

// Line is a line of the service's log.
type Line map[string]any

// Service is a running binary.
type Service struct {
	*Process
	URL, Admin string // of the token route, and of health and metrics

	read int // how many lines Next has gone past
}

// Start runs the binary until the test ends, and returns once it listens.
func Start(t testing.TB, env ...string) *Service {
	t.Helper()
	return StartCommand(t, Command(t, env), nil)
}

// StartCommand is Start for a command with settings of its own. Its log holds the lines that keep returns true for;
// without keep it holds them all.
func StartCommand(t testing.TB, cmd *exec.Cmd, keep func(line string) bool) *Service {
	t.Helper()
	s := &Service{Process: Run(t, cmd, keep)}
	line := s.Next(t, "listening")
	local := func(key string) string {
		address, _ := line[key].(string)
		return "http://127.0.0.1" + address[strings.LastIndex(address, ":"):]
	}
	s.URL, s.Admin = local("address"), local("admin_address")
	return s
}

// Next waits for the line with that message, behind the line that it returned last.
func (s *Service) Next(t testing.TB, message string) Line {
	t.Helper()
	has := func(l Line) bool { return l["message"] == message }
	line, place := s.find(t, s.read, fmt.Sprintf("the message %q", message), has)
	s.read = place + 1
	return line
}

// Line waits for a line, wherever it stands in the log.
func (s *Service) Line(t testing.TB, is func(Line) bool) Line {
	t.Helper()
	line, _ := s.find(t, 0, "such a line", is)
	return line
}

// Before returns the lines in front of the one that Next returned last.
func (s *Service) Before() []Line {
	var before []Line
	for _, text := range s.Lines()[:s.read-1] {
		before = append(before, parse(text))
	}
	return before
}

func (s *Service) find(t testing.TB, from int, what string, is func(Line) bool) (found Line, place int) {
	t.Helper()
	timeout := time.After(patience)
	for place = from; ; {
		lines, more := s.log.from(place)
		for _, text := range lines {
			if found = parse(text); is(found) {
				return found, place
			}
			place++
		}
		select {
		case <-more:
		case <-s.log.ended:
			if rest, _ := s.log.from(place); len(rest) == 0 {
				t.Fatalf("the service ended without %s in its log:\n%s", what, s.Output())
			}
		case <-timeout:
			t.Fatalf("%s is not in the log after %v", what, patience)
		}
	}
}

func parse(text string) Line {
	var line Line
	_ = json.Unmarshal([]byte(text), &line) // what is not JSON is a line without anything in it
	return line
}

// Eventually asks until the answer is yes, and returns how long that took.
func Eventually(t testing.TB, limit time.Duration, what string, ask func() bool) time.Duration {
	t.Helper()
	begun := time.Now()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(limit)
	for !ask() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
	return time.Since(begun)
}
