// Package telemetry makes the service observable: its log and its metrics.
package telemetry

import (
	"errors"
	"io"
	"log/slog"
	"os"
)

// Config is what the environment sets of the service's telemetry.
type Config struct {
	LogLevel  slog.Level `default:"info" desc:"debug, info, warn or error; health and metrics requests are logged at debug" envconfig:"LOG_LEVEL"`
	LogFormat string     `desc:"json or text; without it json, and text on a terminal" envconfig:"LOG_FORMAT"`
}

// Validate returns the settings' mistake.
func (c *Config) Validate() error {
	switch c.LogFormat {
	case "", "json", "text":
		return nil
	default:
		return errors.New("LOG_FORMAT: want json or text")
	}
}

// NewLog returns a logger that writes lines to w.
func NewLog(c Config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "text" || c.LogFormat == "" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
