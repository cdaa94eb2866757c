package servicetest

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Process is a program that runs until the test ends. When the test fails, it shows the end of what the program wrote.
type Process struct {
	Cmd    *exec.Cmd
	log    *log
	stderr buffer
	done   chan struct{}
}

// Run starts a program. Its log holds the lines of its standard output that keep returns true for; without keep it
// holds them all. The next line is not read before keep has returned.
func Run(t testing.TB, cmd *exec.Cmd, keep func(line string) bool) *Process {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{Cmd: cmd, log: newLog(reader), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = writer, &p.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Close() // the program has its own
	go p.log.read(keep)
	go func() {
		defer close(p.done)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			text := p.Output()
			t.Logf("%s:\n%s", filepath.Base(cmd.Path), text[max(0, len(text)-4000):])
		}
	})
	return p
}

// Signal sends a signal.
func (p *Process) Signal(t testing.TB, signal os.Signal) {
	t.Helper()
	if err := p.Cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the program.
func (p *Process) Kill() {
	_ = p.Cmd.Process.Kill()
	<-p.done
	<-p.log.ended
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended tells whether the program has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Exit waits for the end of a program that was told to end, and returns its exit code. Its log may still be read.
func (p *Process) Exit(t testing.TB) int {
	t.Helper()
	select {
	case <-p.done:
		return p.Cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("%s has not ended within %v", filepath.Base(p.Cmd.Path), patience)
		return 0
	}
}

// Wait waits for the end of the program and of its log, and returns its exit code.
func (p *Process) Wait(t testing.TB) int {
	t.Helper()
	code := p.Exit(t)
	<-p.log.ended
	return code
}

// CloseLog closes the pipe that the log is read from, as whoever reads a log may go away.
func (p *Process) CloseLog() error { return p.log.reader.Close() }

// Lines returns the log so far.
func (p *Process) Lines() []string {
	lines, _ := p.log.from(0)
	return lines
}

// Stderr returns what the program has written to its standard error so far.
func (p *Process) Stderr() string { return p.stderr.text() }

// Output returns all that the program has written so far: its log, then its standard error.
func (p *Process) Output() string {
	return strings.Join(append(p.Lines(), p.Stderr()), "\n")
}

// log reads the lines of a program's standard output.
type log struct {
	reader io.ReadCloser
	ended  chan struct{} // closed at the end

	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed at the next line
}

func newLog(reader io.ReadCloser) *log {
	return &log{reader: reader, ended: make(chan struct{}), more: make(chan struct{})}
}

func (l *log) read(keep func(line string) bool) {
	defer close(l.ended)
	defer l.reader.Close()
	scan := bufio.NewScanner(l.reader)
	for scan.Buffer(nil, 1<<20); scan.Scan(); {
		if line := scan.Text(); keep == nil || keep(line) {
			l.add(line)
		}
	}
}

func (l *log) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	close(l.more)
	l.more = make(chan struct{})
}

// from returns the lines from a place on, and a channel that is closed when there are more.
func (l *log) from(place int) (lines []string, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines[place:]), l.more
}

// buffer is what a program has written so far.
type buffer struct {
	mu      sync.Mutex
	content bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.Write(p)
}

func (b *buffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.String()
}
