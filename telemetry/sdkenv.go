package telemetry

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"videosdk-auth-endpoint/internal/env"
	"videosdk-auth-endpoint/internal/files"

	"golang.org/x/net/http/httpguts"
)

// sdkVariables are read by OpenTelemetry's SDK and exporter, not by us. Where a value is wrong, these go on with a
// default and log a line that may hold the value. Here each variable has a check that returns what to write instead, or
// nothing.
var sdkVariables = []struct {
	names []string
	check func(value string) (want string)
}{
	{exporterVariables("HEADERS"), wantHeaders},
	{exporterVariables("TIMEOUT"), wantNumber(1, "a number of milliseconds such as 10000")},
	{exporterVariables("CERTIFICATE"), wantCertificates},
	{exporterVariables("COMPRESSION"), wantCompression},
	{exporterVariables("INSECURE"), wantOneOf("true", "false")},
	{
		[]string{"OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT"},
		wantNumber(1, "a number of milliseconds such as 5000"),
	},
	{[]string{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE"}, wantNumber(1, "a number of spans such as 512")},
	{
		[]string{
			"OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
			"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
			"OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT",
		},
		wantNumber(-1, "a number such as 128, or -1 for no limit"),
	},
	{[]string{"OTEL_TRACES_SAMPLER"}, wantOneOf("always_on", "always_off", "traceidratio",
		"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio")},
	{[]string{"OTEL_TRACES_SAMPLER_ARG"}, wantRatio},
	{[]string{"OTEL_PROPAGATORS"}, wantTraceContext},
	{[]string{"OTEL_SERVICE_NAME"}, wantUTF8},
}

// SDKVariables are the names of OpenTelemetry's variables that are not in Config.
func SDKVariables() []string {
	names := []string{"OTEL_RESOURCE_ATTRIBUTES"}
	for _, v := range sdkVariables {
		names = append(names, v.names...)
	}
	return append(names, slices.Concat(exporterVariables("CLIENT_CERTIFICATE"), exporterVariables("CLIENT_KEY"))...)
}

func exporterVariables(name string) []string {
	return []string{"OTEL_EXPORTER_OTLP_" + name, "OTEL_EXPORTER_OTLP_TRACES_" + name}
}

// sdkMistakes checks the variables that the SDK reads. No mistake holds a value.
func sdkMistakes(endpoint string) error {
	var mistakes []error
	plain := !strings.HasPrefix(strings.ToLower(endpoint), "https:")
	for _, name := range slices.Concat(exporterVariables("CERTIFICATE"), exporterVariables("CLIENT_CERTIFICATE")) {
		mistakes = append(mistakes, env.WrongIf(plain && os.Getenv(name) != "", name+": want an https endpoint beside it"))
	}
	for _, v := range sdkVariables {
		for _, name := range v.names {
			if value := strings.TrimSpace(os.Getenv(name)); value != "" {
				want := v.check(value)
				mistakes = append(mistakes, env.WrongIf(want != "", name+": want "+want))
			}
		}
	}
	return errors.Join(append(mistakes, wrongPairs()...)...)
}

// wantOneOf takes capitals too, as the SDK does: some platforms write True.
func wantOneOf(values ...string) func(string) string {
	return func(value string) string {
		if slices.Contains(values, strings.ToLower(value)) {
			return ""
		}
		return strings.Join(values[:len(values)-1], ", ") + " or " + values[len(values)-1]
	}
}

// wantCompression is strict about capitals, as the exporter is: it sends without compression for GZIP.
func wantCompression(value string) string {
	if value == "gzip" || value == "none" {
		return ""
	}
	return "gzip or none"
}

func wantNumber(least int, want string) func(string) string {
	return func(value string) string {
		if n, err := strconv.ParseInt(value, 10, 32); err != nil || int(n) < least {
			return want
		}
		return ""
	}
}

func wantHeaders(value string) string {
	for header := range strings.SplitSeq(value, ",") {
		name, text, found := strings.Cut(header, "=")
		text, err := url.PathUnescape(text)
		isHeader := found && httpguts.ValidHeaderFieldName(strings.TrimSpace(name))
		if err != nil || !isHeader || strings.ContainsFunc(text, unicode.IsControl) {
			return "headers such as authorization=Bearer%20TOKEN, with commas between"
		}
	}
	return ""
}

// headerWords are the words of the headers that could be credentials.
func headerWords() (words []string) {
	for _, name := range exporterVariables("HEADERS") {
		for header := range strings.SplitSeq(os.Getenv(name), ",") {
			_, value, _ := strings.Cut(header, "=")
			text, _ := url.PathUnescape(value)
			words = append(words, strings.Fields(text)...)
		}
	}
	return slices.DeleteFunc(words, func(word string) bool { return len(word) < 8 })
}

// wrongPairs checks the certificates that show the collector who we are. The exporter ignores one that has no key.
func wrongPairs() (mistakes []error) {
	for _, name := range exporterVariables("CLIENT_CERTIFICATE") {
		keyName := strings.Replace(name, "CERTIFICATE", "KEY", 1)
		certificate, key := strings.TrimSpace(os.Getenv(name)), strings.TrimSpace(os.Getenv(keyName))
		if certificate == "" && key == "" {
			continue
		}
		chain, err := files.Read(certificate)
		private, keyErr := files.Read(key)
		if err = cmp.Or(err, keyErr); err == nil {
			_, err = tls.X509KeyPair([]byte(chain), []byte(private))
		}
		if err != nil {
			mistakes = append(mistakes, errors.New(name+" and "+keyName+": want both, a certificate and its key in PEM "+
				"format: "+err.Error()))
		}
	}
	return mistakes
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

// wantRatio checks the argument of a sampler. The SDK ignores it where OTEL_TRACES_SAMPLER does not ask for a ratio,
// and traces everything.
func wantRatio(value string) string {
	if !strings.HasSuffix(strings.ToLower(strings.TrimSpace(os.Getenv("OTEL_TRACES_SAMPLER"))), "traceidratio") {
		return "OTEL_TRACES_SAMPLER=parentbased_traceidratio or traceidratio beside it: without one of them every request " +
			"is traced"
	}
	if ratio, err := strconv.ParseFloat(value, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
		return "a ratio from 0 to 1, such as 0.1 for a tenth of the requests"
	}
	return ""
}

// wantTraceContext takes baggage beside tracecontext, because both together are OpenTelemetry's default. Nothing is
// done with baggage.
func wantTraceContext(value string) string {
	formats := strings.Split(strings.ReplaceAll(value, " ", ""), ",")
	others := func(format string) bool { return format != "tracecontext" && format != "baggage" }
	if slices.Contains(formats, "tracecontext") && !slices.ContainsFunc(formats, others) {
		return ""
	}
	return "tracecontext: it is the only format of trace context that this service reads"
}

// wantUTF8 is for what goes along with every batch of spans, which can't be sent with other text in it.
func wantUTF8(value string) string {
	if utf8.ValidString(value) {
		return ""
	}
	return "text in UTF-8"
}

// dropUnreadable takes the entries out of OTEL_RESOURCE_ATTRIBUTES that can't be read, and says whether there were any.
// OpenTelemetry would keep some of them as they are, and report others with a part of their text.
func dropUnreadable() (dropped bool) {
	const name = "OTEL_RESOURCE_ATTRIBUTES"
	attributes, good := os.Getenv(name), []string{}
	for entry := range strings.SplitSeq(attributes, ",") {
		key, value, found := strings.Cut(entry, "=")
		text, err := url.PathUnescape(value)
		if err == nil && found && strings.TrimSpace(key) != "" && utf8.ValidString(key+text) {
			good = append(good, entry)
		}
	}
	readable := strings.Join(good, ",")
	return readable != attributes && os.Setenv(name, readable) == nil
}
