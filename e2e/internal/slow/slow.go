// Package slow has clients that send a part of a request and keep the service waiting for the rest.
package slow

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// How an exchange can end, but for an answer's status.
const (
	Cut  = "cut"  // by the service, without an answer
	Held = "held" // until the client had enough
)

// Clients all connect at once, send the same and wait. Whoever is answered or cut comes again when the time is over.
type Clients struct {
	Number int
	Send   string
	Hold   time.Duration
	// NeverRead clients take no answer, so that the service can't write any more once the buffers on the way are full.
	NeverRead bool
}

// dialers is how many connect at the same time.
const dialers = 50

// Attack runs until the context ends. Arrived is called when all have connected and sent once, saw for each outcome.
func (c Clients) Attack(ctx context.Context, dial func() (net.Conn, error), arrived func(), saw func(outcome string)) {
	var first, all sync.WaitGroup
	turns := make(chan struct{}, dialers)
	for range c.Number {
		first.Add(1)
		once := sync.OnceFunc(first.Done)
		all.Go(func() {
			defer once()
			for ctx.Err() == nil {
				// the next turn begins a whole time after this one, however this one ends
				over, cancel := context.WithTimeout(ctx, c.Hold)
				turns <- struct{}{}
				conn, err := dial()
				<-turns
				switch {
				case errors.Is(err, syscall.ECONNRESET):
					saw(Cut) // before this client had its turn
				case err != nil:
					saw(err.Error())
				default:
					_ = conn.SetWriteDeadline(time.Now().Add(c.Hold))
					sent := make(chan error, 1)
					go func() {
						_, err := io.WriteString(conn, c.Send)
						sent <- err
					}()
					once()
					if c.NeverRead {
						saw(untaken(over, sent))
					} else {
						saw(outcome(ctx, conn, c.Hold))
					}
					_ = conn.Close()
				}
				once()
				<-over.Done()
				cancel()
			}
		})
	}
	first.Wait()
	arrived()
	all.Wait()
}

// outcome waits for an answer, and then on until the service ends the connection or the client had enough.
func outcome(ctx context.Context, conn net.Conn, hold time.Duration) string {
	_ = conn.SetReadDeadline(time.Now().Add(hold))
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })()
	from := bufio.NewReaderSize(conn, 512)
	answer, err := http.ReadResponse(from, nil)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Held
	case err != nil:
		return Cut
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	_, _ = io.Copy(io.Discard, from)
	return strconv.Itoa(answer.StatusCode)
}

// untaken waits until the client had enough, or can't send any more as the service has ended the connection.
func untaken(over context.Context, sent <-chan error) string {
	select {
	case err := <-sent:
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return Cut
		}
		<-over.Done()
	case <-over.Done():
	}
	return Held
}

// Requests are that many requests, one after the other, each for the longest answer that there is.
func Requests(n int) string {
	return strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: token.example.com\r\n\r\n", n)
}

// The parts of requests that made the service hold the most.

// Body is a body of that many bytes, but for the last one.
func Body(size int) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: token.example.com\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat(" ", size-1))
}

// Header is a header with a line of that many bytes, which does not end.
func Header(size int) string {
	return "POST / HTTP/1.1\r\nHost: token.example.com\r\nX-Long: " + strings.Repeat("a", size)
}

// Lines is a header of about that many bytes in lines as short as can be, which does not end: net/http makes ten times as
// much of them.
func Lines(size int) string {
	var b strings.Builder
	b.WriteString("POST / HTTP/1.1\r\nHost: token.example.com\r\n")
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%c%c%c:\r\n", 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26)
	}
	return b.String()
}

// Ahead is a request, and behind it such a header.
func Ahead(size int) string {
	return "GET / HTTP/1.1\r\nHost: token.example.com\r\n\r\n" + Lines(size)
}

// String lists outcomes.
func String(outcomes map[string]int) string {
	var parts []string
	for _, outcome := range slices.Sorted(maps.Keys(outcomes)) {
		parts = append(parts, fmt.Sprintf("%d × %s", outcomes[outcome], outcome))
	}
	return strings.Join(parts, ", ")
}
