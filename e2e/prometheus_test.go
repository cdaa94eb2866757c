package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"videosdk-auth-endpoint/e2e/parts"
	"videosdk-auth-endpoint/internal/servicetest"
)

// promQL is a running Prometheus that scrapes services every second and evaluates the chart's rules.
type promQL struct{ url string }

// startPrometheus scrapes a service for each namespace, as two pods of the release auth, and what kube-state-metrics
// would say about them. What an alert waits for is shortened, and nothing depends on how fast the machine is.
func startPrometheus(t *testing.T, services map[string]*servicetest.Service, data string) *promQL {
	t.Helper()
	rules, err := os.ReadFile(chart + "/files/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	impatient := regexp.MustCompile(`for: \d+m`).ReplaceAll(rules, []byte("for: 1s"))
	patient := strings.ReplaceAll(string(impatient), "* 0.01", "* 100")
	var targets, limits strings.Builder
	for namespace, service := range services {
		for _, suffix := range []string{"abcde", "fghij"} {
			pod := "auth-videosdk-auth-endpoint-6d5f7c8b9-" + suffix
			for _, port := range []string{"http", "metrics"} {
				fmt.Fprintf(&targets, discovered, strings.TrimPrefix(service.Admin, "http://"), namespace, pod, port)
			}
			for _, resource := range []string{
				`requests{resource="cpu",`, `limits{resource="cpu",`, `limits{resource="memory",`,
			} {
				fmt.Fprintf(&limits, "kube_pod_container_resource_%snamespace=%q,pod=%q,container=\"videosdk-auth-endpoint\"} 1\n",
					resource, namespace, pod)
			}
		}
	}
	kubernetes := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, limits.String())
	}))
	t.Cleanup(kubernetes.Close)
	discovery := "    static_configs:\n" + targets.String()
	scrape := strings.Replace(documented(t), "    kubernetes_sd_configs: [{role: pod}]\n", discovery, 1)
	jobs := fmt.Sprintf("%s\n  - job_name: kube-state-metrics\n    static_configs: [{targets: [%s]}]\n",
		scrape, strings.TrimPrefix(kubernetes.URL, "http://"))
	return runPrometheus(t, "1s", patient, jobs, data)
}

// runPrometheus scrapes, and evaluates the rules, once an interval.
func runPrometheus(t *testing.T, interval, rules, jobs, data string) *promQL {
	t.Helper()
	dir := t.TempDir()
	global := "global: {scrape_interval: " + interval + ", evaluation_interval: " + interval + "}\n"
	for name, content := range map[string]string{
		"rules.yaml": rules, "prometheus.yaml": global + "rule_files: [rules.yaml]\n" + jobs,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &promQL{fmt.Sprintf("http://127.0.0.1:%d", freePort(t))}
	start(t, "prometheus", "--config.file="+dir+"/prometheus.yaml", "--storage.tsdb.path="+data,
		"--web.listen-address="+strings.TrimPrefix(p.url, "http://"), "--enable-feature=exemplar-storage")
	eventually(t, "Prometheus is ready", func() bool { return strings.Contains(get(t, p.url+"/-/ready"), "Ready") })
	return p
}

// discovered is a port of a pod of the release auth, as Kubernetes would tell Prometheus of it.
const discovered = `
      - targets: [%s]
        labels:
          __meta_kubernetes_namespace: %s
          __meta_kubernetes_pod_name: %s
          __meta_kubernetes_pod_label_app_kubernetes_io_name: videosdk-auth-endpoint
          __meta_kubernetes_pod_label_app_kubernetes_io_instance: auth
          __meta_kubernetes_pod_container_port_name: %s
`

// documented is the scrape configuration of docs/observing.md.
func documented(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("../docs/observing.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(content), "```yaml\nscrape_configs:")
	config, _, ok := strings.Cut(after, "```")
	if !ok {
		t.Fatal("docs/observing.md has no scrape configuration")
	}
	return "scrape_configs:" + config
}

type sample struct {
	labels map[string]string
	value  float64
}

// query returns the series of a PromQL expression now.
func (p *promQL) query(t *testing.T, expression string) []sample {
	t.Helper()
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	body := get(t, p.url+"/api/v1/query?query="+url.QueryEscape(expression))
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Status != "success" {
		t.Fatalf("%s: %v %s", expression, err, answer.Error)
	}
	var all []sample
	for _, series := range answer.Data.Result {
		text, _ := series.Value[1].(string)
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sample{series.Metric, value})
	}
	return all
}

// testRules: every rule evaluates, and every recording rule records.
func testRules(t *testing.T, p *promQL) {
	t.Helper()
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Type, Health, LastError string }
			}
		}
	}
	if err := json.Unmarshal([]byte(get(t, p.url+"/api/v1/rules")), &answer); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, group := range answer.Data.Groups {
		for _, rule := range group.Rules {
			n++
			if rule.Health != "ok" {
				t.Errorf("%s: %s %s", rule.Name, rule.Health, rule.LastError)
			}
			own := rule.Name + `{namespace="healthy",app_kubernetes_io_instance="auth"}`
			if rule.Type == "recording" && len(p.query(t, own)) == 0 {
				t.Errorf("%s records nothing", rule.Name)
			}
		}
	}
	if n < 10 {
		t.Errorf("%d rules", n)
	}
}

// testHistograms: an exemplar leads to the trace that the client sent, and native histograms come beside the classic
// ones.
func testHistograms(t *testing.T, p *promQL) {
	t.Helper()
	path := "/api/v1/query_exemplars?query=http_server_request_duration_seconds_bucket&start=0&end=9999999999"
	trace := `"trace_id":"000000000000000000000000`
	eventually(t, "exemplars", func() bool { return strings.Contains(get(t, p.url+path), trace) })
	series := `http_server_request_duration_seconds{namespace="healthy",http_response_status_code="200",http_route="/"}`
	native := "histogram_count(" + series + ") > 0"
	eventually(t, "native histograms", func() bool { return len(p.query(t, native)) == 2 })
}

// TestMetrics: promtool has nothing against the names and texts of the metrics.
func TestMetrics(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), parts.Path(t, "promtool"), "check", "metrics")
	cmd.Stdin = strings.NewReader(get(t, startService(t).Admin+"/metrics"))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestRules: each alert fires when it should, and only then.
func TestRules(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"check", "rules", chart + "/files/rules.yaml"},
		{"test", "rules", "testdata/rules_test.yaml"},
	} {
		out, err := exec.CommandContext(t.Context(), parts.Path(t, "promtool"), args...).CombinedOutput()
		if err != nil {
			t.Errorf("promtool %v: %v", args, err)
		}
		t.Logf("%s", out)
	}
}
