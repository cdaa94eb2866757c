package telemetry_test

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"videosdk-auth-endpoint/telemetry"
)

// TestVariablesOfTheSDK: what OpenTelemetry would ignore, or read as something else, keeps the service from starting. Every
// value here says hidden, and no message shows it.
func TestVariablesOfTheSDK(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "hidden.pem")
	if err := os.WriteFile(empty, []byte("hidden"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		variables string
		want      string // empty: it is right
	}{
		{"OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20x,x-tenant=a", ""},
		{"OTEL_EXPORTER_OTLP_HEADERS=hidden", "OTEL_EXPORTER_OTLP_HEADERS: want headers such as"},
		{"OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20x,", "OTEL_EXPORTER_OTLP_HEADERS: want headers such as"},
		{"OTEL_EXPORTER_OTLP_TRACES_HEADERS=a=hidden%zz", "OTEL_EXPORTER_OTLP_TRACES_HEADERS: want headers such as"},
		{"OTEL_EXPORTER_OTLP_HEADERS=x/y=hidden", "OTEL_EXPORTER_OTLP_HEADERS: want headers such as"},
		{"OTEL_EXPORTER_OTLP_HEADERS=authorization=hidden%0A", "OTEL_EXPORTER_OTLP_HEADERS: want headers such as"},
		{"OTEL_EXPORTER_OTLP_HEADERS=authorization: Bearer hidden=", "OTEL_EXPORTER_OTLP_HEADERS: want headers such as"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT=5000", ""},
		{"OTEL_EXPORTER_OTLP_TIMEOUT=5s", "OTEL_EXPORTER_OTLP_TIMEOUT: want a number of milliseconds"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT=0", "OTEL_EXPORTER_OTLP_TIMEOUT: want a number of milliseconds"},
		{"OTEL_BSP_SCHEDULE_DELAY=-1", "OTEL_BSP_SCHEDULE_DELAY: want a number of milliseconds"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE=/hidden", "OTEL_EXPORTER_OTLP_CERTIFICATE: want a file with certificates in PEM format: there is no such file"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE=" + empty, "OTEL_EXPORTER_OTLP_CERTIFICATE: want a file with certificates in PEM format, this one has none"},
		{"OTEL_EXPORTER_OTLP_CLIENT_KEY=/hidden", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY: want both, a certificate and its key"},
		{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=" + empty, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY: want both, a certificate and its key"},
		{"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE=" + empty + " OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY=" + empty, "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: want both, a certificate and its key in PEM format: tls: "},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE=" + empty, "OTEL_EXPORTER_OTLP_CERTIFICATE: want an https endpoint beside it"},
		{"OTEL_EXPORTER_OTLP_COMPRESSION=gzip", ""},
		{"OTEL_EXPORTER_OTLP_COMPRESSION=hidden", "OTEL_EXPORTER_OTLP_COMPRESSION: want gzip or none"},
		{"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=GZIP", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: want gzip or none"},
		{"OTEL_EXPORTER_OTLP_INSECURE=True", ""},
		{"OTEL_EXPORTER_OTLP_INSECURE=hidden", "OTEL_EXPORTER_OTLP_INSECURE: want true or false"},
		{"OTEL_BSP_EXPORT_TIMEOUT=hidden", "OTEL_BSP_EXPORT_TIMEOUT: want a number of milliseconds"},
		{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE=0", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE: want a number of spans"},
		{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=64 OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=-1", ""},
		{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=hidden", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: want a number such as 128"},
		{"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT=1e3", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: want a number such as 128"},
		{"OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=0.1", ""},
		{"OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=0", ""},
		{"OTEL_TRACES_SAMPLER=ALWAYS_ON", ""},
		{"OTEL_TRACES_SAMPLER=ParentBased_TraceIDRatio OTEL_TRACES_SAMPLER_ARG=0.1", ""},
		{"OTEL_TRACES_SAMPLER=traceid_ratio", "OTEL_TRACES_SAMPLER: want always_on,"},
		{"OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=10", "OTEL_TRACES_SAMPLER_ARG: want a ratio from 0 to 1"},
		{"OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=NaN", "OTEL_TRACES_SAMPLER_ARG: want a ratio from 0 to 1"},
		{"OTEL_TRACES_SAMPLER_ARG=0.1", "OTEL_TRACES_SAMPLER_ARG: want OTEL_TRACES_SAMPLER="},
		{"OTEL_PROPAGATORS=tracecontext,baggage", ""},
		{"OTEL_SERVICE_NAME=müller", ""},
		{"OTEL_SERVICE_NAME=hidden\xff", "OTEL_SERVICE_NAME: want text in UTF-8"},
		{"OTEL_PROPAGATORS=b3", "OTEL_PROPAGATORS: want tracecontext"},
		{"OTEL_PROPAGATORS=tracecontext,b3", "OTEL_PROPAGATORS: want tracecontext"},
		{"OTEL_PROPAGATORS=none", "OTEL_PROPAGATORS: want tracecontext"},
	} {
		t.Run(c.variables, func(t *testing.T) {
			for variable := range strings.SplitSeq(strings.ReplaceAll(c.variables, ": Bearer hidden", ":Bearer-hidden"), " ") {
				name, value, _ := strings.Cut(variable, "=")
				t.Setenv(name, value)
			}
			config := telemetry.Config{Endpoint: "http://127.0.0.1:4318", LogClient: "full", QueueSize: 1}
			err := config.Validate()
			switch {
			case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %s", err, c.want)
			case err != nil && strings.Contains(err.Error(), "hidden"):
				t.Errorf("%v shows a value", err)
			}
			config.Endpoint = ""
			if err := config.Validate(); err != nil {
				t.Errorf("nothing is traced, and there is an error all the same: %v", err)
			}
		})
	}
}

// TestResourceAttributes: what can't be read is left out and reported, as the specification has it. The report has no value.
func TestResourceAttributes(t *testing.T) {
	for attributes, readable := range map[string]string{
		"deployment.environment=prod,": "deployment.environment=prod", ",a=b": "a=b", "hidden": "", "a=b,hidden=%zzhidden,c=d%20e": "a=b,c=d%20e", "=hidden": "", "a=b,hidden=%ff,hidden\xff=c": "a=b",
	} {
		t.Run(attributes, func(t *testing.T) {
			t.Setenv("OTEL_RESOURCE_ATTRIBUTES", attributes)
			var out bytes.Buffer
			log := telemetry.NewLog(telemetry.Config{LogFormat: "json"}, &out, nil)
			c := telemetry.Config{Endpoint: "http://127.0.0.1:1", Protocol: "http/protobuf", QueueSize: 1}
			tracing, err := telemetry.NewTracing(t.Context(), c, telemetry.Build{}, telemetry.NewMetrics(prometheus.NewRegistry(), telemetry.Build{}), log)
			if err != nil {
				t.Fatal(err)
			}
			if err := tracing.Flush(t.Context()); err != nil {
				t.Error(err)
			}
			if line := out.String(); strings.Count(line, "\n") != 1 || !strings.Contains(line, "OTEL_RESOURCE_ATTRIBUTES: entries that can't be read") || strings.Contains(line, "hidden") {
				t.Errorf("log %s", line)
			}
			if got := os.Getenv("OTEL_RESOURCE_ATTRIBUTES"); got != readable {
				t.Errorf("OpenTelemetry reads %q, want %q", got, readable)
			}
		})
	}
}

// TestEndpoints: a part of a URL that the exporter would drop without a word keeps the service from starting.
func TestEndpoints(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://collector:4318": "", "https://collector/base/": "",
		"collector:4318":                      "want a URL such as",
		"http://collector:4318?token=hidden":  "credentials go into OTEL_EXPORTER_OTLP_HEADERS",
		"http://user:hidden@collector:4318":   "credentials go into OTEL_EXPORTER_OTLP_HEADERS",
		"http://collector:4318/v1/traces#hid": "credentials go into OTEL_EXPORTER_OTLP_HEADERS",
	} {
		for _, c := range []telemetry.Config{{Endpoint: endpoint}, {TracesEndpoint: endpoint}} {
			c.LogClient, c.QueueSize = "full", 1
			err := c.Validate()
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) || err != nil && strings.Contains(err.Error(), "hidden") {
				t.Errorf("%s: got %v, want %q", endpoint, err, want)
			}
		}
	}
}

// TestTheSchemeDecides whether spans are encrypted, and no variable overrules it: credentials go along with them.
func TestTheSchemeDecides(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		for scheme, want := range map[string]byte{"http": 'P', "https": 0x16} { // POST or gRPC's PRI, and a TLS handshake
			t.Run(protocol+" "+scheme, func(t *testing.T) {
				listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				defer listener.Close()
				first := make(chan byte, 1)
				go func() {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					defer conn.Close()
					got := make([]byte, 1)
					_, _ = conn.Read(got)
					first <- got[0]
				}()
				endpoint := scheme + "://" + listener.Addr().String()
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
				t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1000")
				t.Setenv("OTEL_EXPORTER_OTLP_INSECURE", strconv.FormatBool(scheme == "https"))
				m := telemetry.NewMetrics(prometheus.NewRegistry(), telemetry.Build{})
				config := telemetry.Config{Endpoint: endpoint, Protocol: protocol, QueueSize: 10}
				tracing, err := telemetry.NewTracing(t.Context(), config, telemetry.Build{}, m, new(telemetry.Log))
				if err != nil {
					t.Fatal(err)
				}
				requests := telemetry.NewRequests(m, tracing, new(telemetry.Log))
				rec := &telemetry.Record{Request: httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil), Route: "/", Status: 200}
				requests.Begin(rec)
				requests.End(rec)
				_ = tracing.Flush(t.Context())
				if got := <-first; got != want {
					t.Errorf("the first byte is %q, want %q", got, want)
				}
			})
		}
	}
}

// TestPortsMixedUp: the first failure says in words that the collector speaks the other protocol on this port.
func TestPortsMixedUp(t *testing.T) {
	speaksHTTP2 := func(conn net.Conn) {
		_, _ = conn.Write([]byte("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00"))
	}
	speaksHTTP1 := func(conn net.Conn) {
		_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"))
	}
	for _, c := range []struct {
		name, protocol string
		answer         func(net.Conn)
		want           string
	}{
		{"HTTP to gRPC's port", "http/protobuf", speaksHTTP2, "speaks gRPC on this port: set OTEL_EXPORTER_OTLP_PROTOCOL=grpc"},
		{"gRPC to HTTP's port", "grpc", speaksHTTP1, "does not speak gRPC on this port: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"},
	} {
		t.Run(c.name, func(t *testing.T) {
			listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					_, _ = conn.Read(make([]byte, 1024))
					c.answer(conn)
					_ = conn.Close()
				}
			}()
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+listener.Addr().String())
			t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1000")
			var out bytes.Buffer
			log := telemetry.NewLog(telemetry.Config{LogFormat: "json"}, &out, nil)
			m := telemetry.NewMetrics(prometheus.NewRegistry(), telemetry.Build{})
			config := telemetry.Config{Endpoint: "http://" + listener.Addr().String(), Protocol: c.protocol, QueueSize: 10}
			tracing, err := telemetry.NewTracing(t.Context(), config, telemetry.Build{}, m, log)
			if err != nil {
				t.Fatal(err)
			}
			requests := telemetry.NewRequests(m, tracing, log)
			rec := &telemetry.Record{Request: httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil), Route: "/", Status: 200}
			requests.Begin(rec)
			requests.End(rec)
			flushed := tracing.Flush(t.Context())
			if said := out.String(); !strings.Contains(said, c.want) && (flushed == nil || !strings.Contains(flushed.Error(), c.want)) {
				t.Errorf("log %s, flushed %v", said, flushed)
			}
		})
	}
}
