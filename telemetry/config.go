// Package telemetry makes the service observable: its log, its metrics and its traces. It decorates the signer from
// outside and watches HTTP requests for the handler.
package telemetry

import (
	"cmp"
	"errors"
	"math"
	"net/url"
	"strings"

	"videosdk-auth-endpoint/internal/env"
	"videosdk-auth-endpoint/internal/secret"

	"github.com/rs/zerolog"
)

// Config is what the environment sets of the service's telemetry. The SDK and the exporter read the other variables of
// OpenTelemetry themselves: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER,
// OTEL_EXPORTER_OTLP_HEADERS, ….
type Config struct {
	LogLevel   Level       `default:"info" desc:"debug, info, warn or error; health and metrics requests are logged at debug" envconfig:"LOG_LEVEL"`
	LogFormat  string      `desc:"json or text; without it text on a terminal, and json elsewhere" envconfig:"LOG_FORMAT"`
	LogClient  string      `default:"full" desc:"full, hashed or none: how client addresses appear in the log and the spans; hashed needs LOG_HASH_KEY" envconfig:"LOG_CLIENT_ADDRESS"`
	LogHashKey secret.Text `desc:"a key of at least 16 characters; with it the log has keyed hashes instead of session names, identities and user keys" envconfig:"LOG_HASH_KEY"`

	TracesExporter string `desc:"otlp or none; without it otlp where an endpoint is set, else none" envconfig:"OTEL_TRACES_EXPORTER"`
	Endpoint       string `desc:"the URL of the OTLP collector" envconfig:"OTEL_EXPORTER_OTLP_ENDPOINT"`
	TracesEndpoint string `desc:"the same, only for traces" envconfig:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"`
	Protocol       string `default:"http/protobuf" desc:"http/protobuf or grpc" envconfig:"OTEL_EXPORTER_OTLP_PROTOCOL"`
	TracesProtocol string `desc:"the same, only for traces" envconfig:"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"`
	Disabled       bool   `default:"false" desc:"true turns tracing off, whatever else is set" envconfig:"OTEL_SDK_DISABLED"`
	QueueSize      uint32 `default:"2048" desc:"how many spans may wait for the collector; more are dropped and counted" envconfig:"OTEL_BSP_MAX_QUEUE_SIZE"`
}

// Level is the lowest severity that the log has.
type Level zerolog.Level

// Decode reads a level. It is the envconfig.Decoder, because zerolog's own expects the words in our lines, such as
// WARNING.
func (l *Level) Decode(text string) error {
	for _, level := range []zerolog.Level{zerolog.DebugLevel, zerolog.InfoLevel, zerolog.WarnLevel, zerolog.ErrorLevel} {
		if strings.EqualFold(text, level.String()) {
			*l = Level(level)
			return nil
		}
	}
	return env.Mistake("want debug, info, warn or error")
}

const (
	protocolHTTP = "http/protobuf"
	protocolGRPC = "grpc"
)

// The values of LOG_CLIENT_ADDRESS.
const (
	clientFull   = "full"
	clientHashed = "hashed"
	clientNone   = "none"
)

// minHashKey keeps out short keys, which can be found by trying.
const minHashKey = 16

// Validate returns every mistake of the settings, joined.
func (c *Config) Validate() error {
	oneOf := func(variable, value, a, b string) error {
		return env.WrongIf(value != "" && value != a && value != b, variable+": want "+a+" or "+b)
	}
	isURL := func(variable, value string) error {
		u, err := url.Parse(value)
		switch {
		case value == "":
			return nil
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			return errors.New(variable + ": want a URL such as http://collector:4318")
		case u.User != nil || u.RawQuery != "" || u.Fragment != "": // which the exporter drops
			return errors.New(variable + ": want a URL without user, query and fragment; credentials go into " +
				"OTEL_EXPORTER_OTLP_HEADERS")
		}
		return nil
	}
	var sdk error
	if c.traces() {
		sdk = sdkMistakes(c.endpoint())
	}
	return errors.Join(
		oneOf("LOG_FORMAT", c.LogFormat, "json", "text"),
		oneOf("OTEL_TRACES_EXPORTER", c.TracesExporter, "otlp", "none"),
		oneOf("OTEL_EXPORTER_OTLP_PROTOCOL", c.Protocol, protocolHTTP, protocolGRPC),
		oneOf("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", c.TracesProtocol, protocolHTTP, protocolGRPC),
		isURL("OTEL_EXPORTER_OTLP_ENDPOINT", c.Endpoint),
		isURL("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", c.TracesEndpoint),
		env.WrongIf(c.LogHashKey != "" && len(c.LogHashKey) < minHashKey, "LOG_HASH_KEY: want at least 16 characters"),
		env.WrongIf(c.LogClient != clientFull && c.LogClient != clientHashed && c.LogClient != clientNone,
			"LOG_CLIENT_ADDRESS: want full, hashed or none"),
		env.WrongIf(c.LogClient == clientHashed && c.LogHashKey == "", "LOG_CLIENT_ADDRESS: hashed needs LOG_HASH_KEY"),
		env.WrongIf(c.QueueSize == 0 || c.QueueSize > math.MaxUint16, "OTEL_BSP_MAX_QUEUE_SIZE: want 1 to 65535"),
		sdk,
	)
}

// endpoint is where spans are sent to.
func (c *Config) endpoint() string {
	switch {
	case c.TracesEndpoint != "":
		return c.TracesEndpoint
	case c.protocol() == protocolGRPC:
		return cmp.Or(c.Endpoint, "http://localhost:4317")
	default:
		return strings.TrimRight(cmp.Or(c.Endpoint, "http://localhost:4318"), "/") + "/v1/traces"
	}
}

func (c *Config) protocol() string { return cmp.Or(c.TracesProtocol, c.Protocol) }

// traces says that spans are sent to a collector.
func (c *Config) traces() bool {
	switch {
	case c.Disabled || c.TracesExporter == "none":
		return false
	case c.TracesExporter == "otlp":
		return true
	default:
		return c.Endpoint != "" || c.TracesEndpoint != ""
	}
}
