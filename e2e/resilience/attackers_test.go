//go:build resilience && linux

package resilience_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"videosdk-auth-endpoint/internal/servicetest"
)

// How an exchange can end, but for an answer's status.
const (
	cut        = "cut"         // by the service, without an answer
	notAllowed = "not allowed" // against what the attack expects; said in full
)

// report is what attackers saw since the report before.
type report struct {
	Outcomes map[string]int
	Most     int // connections at once, so far
}

// tally counts how the exchanges of an attack ended.
type tally struct {
	mu     sync.Mutex
	report report
}

func newTally() *tally { return &tally{report: report{Outcomes: map[string]int{}}} }

func (t *tally) add(r report) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for outcome, n := range r.Outcomes {
		t.report.Outcomes[outcome] += n
	}
	t.report.Most = max(t.report.Most, r.Most)
}

// take returns the outcomes so far and begins again.
func (t *tally) take() report {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := t.report
	t.report = report{Outcomes: map[string]int{}, Most: taken.Most}
	return taken
}

func (t *tally) of(outcome string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.report.Outcomes[outcome]
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var parts []string
	for _, outcome := range slices.Sorted(maps.Keys(t.report.Outcomes)) {
		parts = append(parts, fmt.Sprintf("%d × %s", t.report.Outcomes[outcome], outcome))
	}
	return strings.Join(append(parts, fmt.Sprintf("at most %d connections at once", t.report.Most)), ", ")
}

// The environment of a process of attackers: which attack, and on whom.
const (
	attackVariable = "RESILIENCE_ATTACK"
	hostVariable   = "RESILIENCE_HOST"
)

// descriptorsAttack is the one of TestNoFileDescriptors.
const descriptorsAttack = "descriptors"

// gang is a process of attackers. It has the lowest priority, so that what is measured is what they do to the service, not
// how much of the machine they take from it and from the healthy client.
type gang struct {
	*servicetest.Process
	end io.Closer
}

// attack returns once every attacker has arrived. What they see is added to the tally.
func attack(t *testing.T, name, host string, seen *tally) *gang {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "nice", "-n", "19", os.Args[0])
	cmd.Env = []string{attackVariable + "=" + name, hostVariable + "=" + host}
	end, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	arrived := make(chan struct{})
	there := sync.OnceFunc(func() { close(arrived) })
	g := &gang{servicetest.Run(t, cmd, func(line string) bool {
		var r report
		if json.Unmarshal([]byte(line), &r) != nil {
			return true
		}
		seen.add(r)
		there()
		return false
	}), end}
	select {
	case <-arrived:
	case <-g.Done():
		t.Fatalf("the attackers have ended: %s", g.Output())
	case <-time.After(30 * time.Second):
		t.Fatal("the attackers did not arrive")
	}
	return g
}

// leave ends the attack, and every connection of it from its side. All reports are in when it returns.
func (g *gang) leave(t *testing.T) {
	t.Helper()
	_ = g.end.Close()
	g.Wait(t)
}

// attackMain is a process of attackers, until standard input ends.
func attackMain(name, host string) (status int) {
	debug.SetGCPercent(400)
	a := newAttackers(host)
	if name == descriptorsAttack {
		// connections that send nothing; more than there are descriptors, and those that are cut come back
		a.drip(200, "", "")
	} else {
		attacks()[name].begin(a)
	}
	to := json.NewEncoder(os.Stdout)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if to.Encode(a.tally.take()) != nil {
			return 1
		}
		select {
		case <-tick.C:
		case <-ended:
			a.leaveAll()
			_ = to.Encode(a.tally.take())
			return 0
		}
	}
}

// attackers are hostile clients, from when they come until they leave.
type attackers struct {
	host  string
	tally *tally
	gone  chan struct{} // closed when they leave
	done  sync.WaitGroup

	mu      sync.Mutex
	leaving bool
	conns   map[net.Conn]struct{}
}

func newAttackers(host string) *attackers {
	return &attackers{host: host, tally: newTally(), gone: make(chan struct{}), conns: map[net.Conn]struct{}{}}
}

// leaveAll closes every connection from this side.
func (a *attackers) leaveAll() {
	a.mu.Lock()
	a.leaving = true
	close(a.gone)
	for conn := range a.conns {
		_ = conn.Close()
	}
	a.mu.Unlock()
	a.done.Wait()
}

var errLeaving = errors.New("the attackers leave")

func (a *attackers) dial() (*net.TCPConn, error) {
	// an address that no healthy client has, nor a proxy
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).Dial("tcp", a.host)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.leaving {
		_ = conn.Close()
		return nil, errLeaving
	}
	a.conns[conn] = struct{}{}
	a.tally.add(report{Most: len(a.conns)})
	return conn.(*net.TCPConn), nil
}

func (a *attackers) hangUp(conn net.Conn) {
	_ = conn.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.conns, conn)
}

// saw counts an outcome, unless it came of leaving.
func (a *attackers) saw(outcome string) (goOn bool) {
	select {
	case <-a.gone:
		return false
	default:
		a.tally.add(report{Outcomes: map[string]int{outcome: 1}})
		return true
	}
}

// repeat lets that many clients do the same again and again, each at that pace.
func (a *attackers) repeat(clients int, pace time.Duration, once func() (outcome string)) {
	for client := range clients {
		a.done.Go(func() {
			// one after the other: all at once would measure the machine
			turn := time.NewTimer(pace * time.Duration(client) / time.Duration(clients))
			defer turn.Stop()
			select {
			case <-turn.C:
			case <-a.gone:
				return
			}
			tick := time.NewTicker(pace)
			defer tick.Stop()
			for a.saw(once()) {
				select {
				case <-a.gone:
				case <-tick.C:
				}
			}
		})
	}
}

// exchange sends bytes over a connection of their own and returns the status of the answer.
func (a *attackers) exchange(request []byte) (outcome string) {
	conn, err := a.dial()
	if err != nil {
		return err.Error()
	}
	defer a.hangUp(conn)
	// beside the reading, as an answer may come before everything is sent
	a.done.Go(func() { _, _ = conn.Write(request) })
	return status(bufio.NewReader(conn))
}

// exchangeToTheEnd is an exchange after which the service must end the connection.
func (a *attackers) exchangeToTheEnd(request []byte, halfClose bool) (outcome string) {
	conn, err := a.dial()
	if err != nil {
		return err.Error()
	}
	defer a.hangUp(conn)
	if _, err := conn.Write(request); err != nil {
		return err.Error()
	}
	if halfClose {
		if err := conn.CloseWrite(); err != nil {
			return err.Error()
		}
	}
	reader := bufio.NewReader(conn)
	outcome = status(reader)
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := reader.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Sprintf("%s: after %s the connection does not end: %v", notAllowed, outcome, err)
	}
	return outcome
}

// status reads one answer.
func status(from *bufio.Reader) (outcome string) {
	code, _, err := read(from)
	if err != nil {
		return cut
	}
	return strconv.Itoa(code)
}

// read reads one answer to its end.
func read(from *bufio.Reader) (code int, header http.Header, err error) {
	answer, err := http.ReadResponse(from, nil)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, answer.Header, err
}

// drip opens connections, sends the same on each and then a byte each second; who is cut comes back.
func (a *attackers) drip(clients int, head, drop string) {
	var arrived sync.WaitGroup
	for range clients {
		arrived.Add(1)
		there := sync.OnceFunc(arrived.Done)
		a.done.Go(func() {
			defer there()
			for {
				conn, err := a.dial()
				if err != nil {
					a.saw(err.Error())
					return
				}
				_, _ = conn.Write([]byte(head))
				there()
				if !a.saw(a.dripOn(conn, drop)) {
					return
				}
			}
		})
	}
	arrived.Wait()
}

func (a *attackers) dripOn(conn *net.TCPConn, drop string) (outcome string) {
	defer a.hangUp(conn)
	answered := make(chan string, 1)
	a.done.Go(func() { answered <- status(bufio.NewReader(conn)) })
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case outcome := <-answered:
			return outcome
		case <-tick.C:
			_, _ = conn.Write([]byte(drop))
		}
	}
}

// idle opens connections, gets a token over each and keeps them open.
func (a *attackers) idle(clients int) {
	const dialers = 10
	var arrived sync.WaitGroup
	for range dialers {
		arrived.Go(func() {
			for range clients / dialers {
				conn, err := a.dial()
				if err != nil {
					a.saw(err.Error())
					continue
				}
				_, _ = conn.Write(post(readme))
				a.saw(status(bufio.NewReader(conn)))
			}
		})
	}
	arrived.Wait()
}

// neverRead opens connections that send requests and take no answer; who is cut comes back.
func (a *attackers) neverRead(clients int) {
	request := bytes.Repeat(post(readme), 50)
	a.repeat(clients, time.Second, func() (outcome string) {
		conn, err := a.dial()
		if err != nil {
			return err.Error()
		}
		defer a.hangUp(conn)
		// little room on the way, so that the service soon can't write
		_ = conn.SetReadBuffer(small)
		_ = conn.SetWriteBuffer(small)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := conn.Write(request); err != nil {
				return cut
			}
			select {
			case <-a.gone:
				return cut
			case <-tick.C:
			}
		}
	})
}

// small is what there is room for on the way, in bytes, where the kernel's megabytes would be filled first.
const small = 16 << 10

// endless sends a chunked body until it is cut or answered.
func (a *attackers) endless() (outcome string) {
	conn, err := a.dial()
	if err != nil {
		return err.Error()
	}
	defer a.hangUp(conn)
	_ = conn.SetWriteBuffer(small)
	a.done.Go(func() {
		if _, err := conn.Write([]byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")); err != nil {
			return
		}
		chunk := "4000\r\n" + strings.Repeat(" ", 0x4000) + "\r\n"
		for {
			if _, err := conn.Write([]byte(chunk)); err != nil {
				return
			}
		}
	})
	return status(bufio.NewReader(conn))
}

// pipeline writes requests at once and wants their answers in order.
func (a *attackers) pipeline(requests int) (outcome string) {
	conn, err := a.dial()
	if err != nil {
		return err.Error()
	}
	defer a.hangUp(conn)
	var all []byte
	for i := range requests {
		all = append(all, post(readme, fmt.Sprintf("X-Request-Id: number-%d", i))...)
	}
	a.done.Go(func() { _, _ = conn.Write(all) })
	reader := bufio.NewReader(conn)
	for i := range requests {
		code, header, err := read(reader)
		if err != nil {
			return cut
		}
		if id := header.Get("X-Request-Id"); code != http.StatusOK || id != fmt.Sprintf("number-%d", i) {
			return fmt.Sprintf("%s: answer %d is %d with the id %q", notAllowed, i, code, id)
		}
	}
	return "all answered in order"
}

// post is a token request as bytes.
func post(body string, header ...string) []byte {
	lines := append([]string{"POST / HTTP/1.1", "Host: a", "Content-Type: application/json"}, header...)
	return fmt.Appendf(nil, "%s\r\nContent-Length: %d\r\n\r\n%s", strings.Join(lines, "\r\n"), len(body), body)
}

// chunked is the same in two chunks.
func chunked(body string) []byte {
	half := len(body) / 2
	return fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", half, body[:half], len(body)-half, body[half:])
}
