package slow

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
)

// variable says that this is a process of slow clients. Its standard input says what they do, and ends when they leave.
const variable = "SLOW_CLIENTS"

type order struct {
	To      string
	Clients Clients
}

// Process are slow clients in a process of their own. It has the lowest priority, so that what is measured is what they
// do to the service, not how much of the machine they take from it and from a healthy client.
type Process struct {
	cmd *exec.Cmd
	end io.Closer
	out *bufio.Reader
}

// Start has slow clients come to an address, and returns once all of them are there. The program's main function must
// call Main.
func Start(ctx context.Context, to string, clients Clients) (*Process, error) {
	cmd := exec.CommandContext(ctx, "nice", "-n", "19", os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), variable+"=1"), os.Stderr
	end, problem := cmd.StdinPipe()
	out, err := cmd.StdoutPipe()
	p := &Process{cmd, end, bufio.NewReader(out)}
	if err := errors.Join(problem, err, cmd.Start()); err != nil {
		return nil, fmt.Errorf("slow clients: %w", err)
	}
	if err := json.NewEncoder(end).Encode(order{to, clients}); err != nil {
		return nil, errors.Join(fmt.Errorf("slow clients: %w", err), cmd.Wait())
	}
	if _, err := p.out.ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("slow clients: none arrived: %w", err), cmd.Wait())
	}
	return p, nil
}

// Leave ends every connection from their side, and returns how often they saw each outcome.
func (p *Process) Leave() (outcomes map[string]int, err error) {
	_ = p.end.Close()
	err = json.NewDecoder(p.out).Decode(&outcomes)
	return outcomes, errors.Join(err, p.cmd.Wait())
}

// Main is the process that Start begins. In any other process it does nothing.
func Main() {
	if os.Getenv(variable) == "" {
		return
	}
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	outcomes, mutex := map[string]int{}, sync.Mutex{}
	dial := func() (net.Conn, error) {
		conn, err := net.Dial("tcp", o.To)
		if err == nil && o.Clients.NeverRead {
			err = conn.(*net.TCPConn).SetReadBuffer(small)
		}
		return conn, err
	}
	o.Clients.Attack(ctx, dial, func() { fmt.Println("arrived") }, func(outcome string) {
		mutex.Lock()
		defer mutex.Unlock()
		outcomes[outcome]++
	})
	if err := json.NewEncoder(os.Stdout).Encode(outcomes); err != nil {
		panic(err)
	}
	os.Exit(0)
}

// small is what a client that never reads has room for, in bytes. Without it, its kernel would take megabytes before the
// service's has to keep anything.
const small = 4 << 10
