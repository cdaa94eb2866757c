package telemetry

import (
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"videosdk-auth-endpoint/internal/env"
	"videosdk-auth-endpoint/internal/files"
)

// sdkVariables are read by OpenTelemetry's SDK and exporter, not by us. Where a value is wrong, these go on with a
// default and log a line that may hold the value. Here each variable has a check that returns what to write instead, or
// nothing.
var sdkVariables = []struct {
	names []string
	check func(value string) (want string)
}{
	{exporterVariables("HEADERS"), wantHeaders},
	{exporterVariables("TIMEOUT"), wantWhole("a number of milliseconds such as 10000")},
	{exporterVariables("CERTIFICATE"), wantCertificates},
	{exporterVariables("CLIENT_CERTIFICATE"), wantFile},
	{exporterVariables("CLIENT_KEY"), wantFile},
	{exporterVariables("COMPRESSION"), wantOneOf("gzip", "none")},
	{exporterVariables("INSECURE"), wantOneOf("true", "false")},
	{[]string{"OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT"}, wantWhole("a number of milliseconds such as 5000")},
	{[]string{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE"}, wantWhole("a number of spans such as 512")},
	{[]string{"OTEL_TRACES_SAMPLER"}, wantOneOf("always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio")},
	{[]string{"OTEL_TRACES_SAMPLER_ARG"}, wantRatio},
	{[]string{"OTEL_PROPAGATORS"}, wantTraceContext},
}

func exporterVariables(name string) []string {
	return []string{"OTEL_EXPORTER_OTLP_" + name, "OTEL_EXPORTER_OTLP_TRACES_" + name}
}

// sdkMistakes checks the variables that the SDK reads. No mistake holds a value.
func sdkMistakes() error {
	var mistakes []error
	for _, v := range sdkVariables {
		for _, name := range v.names {
			if value := strings.TrimSpace(os.Getenv(name)); value != "" {
				want := v.check(value)
				mistakes = append(mistakes, env.WrongIf(want != "", name+": want "+want))
			}
		}
	}
	return errors.Join(mistakes...)
}

func wantOneOf(values ...string) func(string) string {
	return func(value string) string {
		if slices.Contains(values, strings.ToLower(value)) {
			return ""
		}
		return strings.Join(values[:len(values)-1], ", ") + " or " + values[len(values)-1]
	}
}

func wantWhole(want string) func(string) string {
	return func(value string) string {
		if n, err := strconv.ParseUint(value, 10, 31); err != nil || n == 0 {
			return want
		}
		return ""
	}
}

func wantHeaders(value string) string {
	for header := range strings.SplitSeq(value, ",") {
		name, text, found := strings.Cut(header, "=")
		name = strings.TrimSpace(name)
		if _, err := url.PathUnescape(text); !found || name == "" || strings.ContainsAny(name, " :") || err != nil {
			return "headers such as authorization=Bearer%20TOKEN, with commas between"
		}
	}
	return ""
}

func wantFile(path string) string {
	if _, err := files.Read(path); err != nil {
		return "a file in PEM format: " + err.Error()
	}
	return ""
}

func wantCertificates(path string) string {
	text, err := files.Read(path)
	switch {
	case err != nil:
		return "a file with certificates in PEM format: " + err.Error()
	case !x509.NewCertPool().AppendCertsFromPEM([]byte(text)):
		return "a file with certificates in PEM format, this one has none"
	}
	return ""
}

// wantRatio checks the argument of a sampler. The SDK ignores it where OTEL_TRACES_SAMPLER does not ask for a ratio, and
// traces everything.
func wantRatio(value string) string {
	if !strings.HasSuffix(strings.ToLower(strings.TrimSpace(os.Getenv("OTEL_TRACES_SAMPLER"))), "traceidratio") {
		return "OTEL_TRACES_SAMPLER=parentbased_traceidratio or traceidratio beside it: without one of them every request is traced"
	}
	if ratio, err := strconv.ParseFloat(value, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
		return "a ratio from 0 to 1, such as 0.1 for a tenth of the requests"
	}
	return ""
}

// wantTraceContext takes baggage beside tracecontext, because both together are OpenTelemetry's default. Nothing is done
// with baggage.
func wantTraceContext(value string) string {
	formats := strings.Split(strings.ReplaceAll(value, " ", ""), ",")
	others := func(format string) bool { return format != "tracecontext" && format != "baggage" }
	if slices.Contains(formats, "tracecontext") && !slices.ContainsFunc(formats, others) {
		return ""
	}
	return "tracecontext: it is the only format of trace context that this service reads"
}
