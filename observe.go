package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"videosdk-auth-endpoint/telemetry"

	"github.com/prometheus/client_golang/prometheus"
)

// observability holds the service's log, metrics and traces.
type observability struct {
	lines    *telemetry.Lines
	log      *telemetry.Log
	registry *prometheus.Registry
	metrics  *telemetry.Metrics
	tracing  *telemetry.Tracing
}

func observe(ctx context.Context, c config) (*observability, error) {
	o := &observability{lines: telemetry.NewLines(os.Stdout), registry: prometheus.NewRegistry()}
	o.log = telemetry.NewLog(c.telemetry, o.lines, os.Stdout)
	o.registry.MustRegister(o.lines)
	o.metrics = telemetry.NewMetrics(o.registry, build())
	o.metrics.Open(c.guard.Open())
	var err error
	if o.tracing, err = telemetry.NewTracing(ctx, c.telemetry, build(), o.metrics, o.log); err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	return o, nil
}

// stop sends the last spans and writes the last lines. It returns the error that the service ends with. Lost spans are
// only logged: every request was answered, even if the collector hangs.
func (o *observability) stop(ctx context.Context, err error) error {
	if lost := within(ctx, flushTimeout, o.tracing.Flush); lost != nil {
		o.log.Warn().Err(lost).Msg("telemetry")
	}
	if err != nil {
		o.log.Error().Err(err).Msg("stopped")
		err = fmt.Errorf("stopped: %w", err)
	} else {
		o.log.Info().Msg("stopped")
	}
	return errors.Join(err, within(ctx, linesTimeout, o.lines.Close))
}

func within(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f(ctx)
}

// flushTimeout is how long the collector may take for the last spans, and linesTimeout how long standard output may
// take for the last lines. With the defaults of SHUTDOWN_DELAY and SHUTDOWN_TIMEOUT they add up to less than the 30 s
// that Kubernetes gives.
const (
	flushTimeout = 5 * time.Second
	linesTimeout = time.Second
)

// version and revision are stamped by the linker; see the Dockerfile.
var version, revision string

// build says which version runs: the one that the linker stamped, or else the one that the Go command recorded.
func build() telemetry.Build {
	b := telemetry.Build{Version: version, Revision: revision}
	info, ok := debug.ReadBuildInfo()
	if b.Version == "" && ok {
		b.Version = info.Main.Version
	}
	if b.Revision == "" && ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Revision = s.Value
			}
		}
	}
	return b
}
