package telemetry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Lines writes log lines in the background, so that a line costs a request no system call, and an output that is
// blocked never stops a token: what does not fit into a buffer of 1 MiB is dropped and counted.
type Lines struct {
	prometheus.Collector // of dropped

	out     io.Writer
	dropped prometheus.Counter
	wake    chan struct{}
	done    chan struct{}

	mu     sync.Mutex
	buffer []byte
	closed bool
}

const (
	linesLimit = 1 << 20
	// lines are gathered for this long, and then written with one call
	linesInterval = 10 * time.Millisecond
)

// NewLines starts writing to out; end it with Close.
func NewLines(out io.Writer) *Lines {
	dropped := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "videosdk_log_lines_dropped_total", Help: "Log lines dropped because the output was blocked.",
	})
	l := &Lines{Collector: dropped, out: out, dropped: dropped, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go l.run()
	return l
}

// Write takes one line. It never waits and never fails.
func (l *Lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.buffer)+len(line) > linesLimit {
		l.dropped.Inc()
		return len(line), nil
	}
	if len(l.buffer) == 0 {
		l.wake <- struct{}{} // has room: it was emptied before the buffer was
	}
	l.buffer = append(l.buffer, line...)
	return len(line), nil
}

func (l *Lines) run() {
	defer close(l.done)
	var batch []byte
	for range l.wake {
		time.Sleep(linesInterval)
		l.mu.Lock()
		batch, l.buffer = l.buffer, batch[:0]
		l.mu.Unlock()
		if n, err := l.out.Write(batch); err != nil {
			l.dropped.Add(float64(bytes.Count(batch[n:], []byte{'\n'})))
		}
	}
}

// Close writes what is left, for as long as the context allows. Its error says that lines were lost.
func (l *Lines) Close(ctx context.Context) error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.wake)
	}
	l.mu.Unlock()
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return errors.New("log lines were lost: the output is blocked")
	}
}
