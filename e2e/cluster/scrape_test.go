//go:build cluster

package cluster_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// monitor is a Prometheus that finds the Pods of the cluster by the scrape configuration of docs/observing.md.
type monitor string

func startMonitor(t *testing.T) monitor {
	t.Helper()
	dir := t.TempDir()
	_, after, _ := strings.Cut(docs(t, "observing.md"), "```yaml\nscrape_configs:")
	scrape, _, _ := strings.Cut(after, "```")
	// outside of a Pod it must be told where the cluster is
	const within = "kubernetes_sd_configs: [{role: pod}]"
	if !strings.Contains(scrape, within) {
		t.Fatalf("docs/observing.md has no %s", within)
	}
	scrape = strings.Replace(scrape, within, fmt.Sprintf("kubernetes_sd_configs: [{role: pod, kubeconfig_file: %q}]", kubeconfig()), 1)
	rules, err := filepath.Abs(chart + "/files/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("global: {scrape_interval: 5s, evaluation_interval: 1s}\nrule_files: [%q]\nscrape_configs:%s", rules, scrape)
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	daemon(t, "prometheus", "--config.file="+dir+"/prometheus.yaml", "--storage.tsdb.path="+dir+"/data", "--web.listen-address="+address)
	return monitor("http://" + address)
}

// ask decodes the data of the API's answer. While Prometheus starts, there is none.
func (m monitor) ask(t *testing.T, path string, into any) {
	t.Helper()
	answer, err := http.Get(string(m) + path)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return
	}
	if err := json.Unmarshal(content, &struct{ Data any }{into}); err != nil {
		t.Fatalf("%s: %v %s", path, err, content)
	}
}

// count returns how many series an expression has now.
func (m monitor) count(t *testing.T, expression string) int {
	t.Helper()
	var data struct{ Result []any }
	m.ask(t, "/api/v1/query?query="+url.QueryEscape(expression), &data)
	return len(data.Result)
}

// TestScrape: without the operator Prometheus finds the Pods of a release, and nothing else, and their series have the labels that
// the rules tell releases apart by.
func TestScrape(t *testing.T) {
	if !*node {
		t.Skip("Prometheus runs beside this test: without -node it may not reach the Pods' addresses")
	}
	const namespace = "videosdk-scrape"
	fresh(t, namespace)
	run(t, secretYAML("credentials", "key-1", "secret-1"), "kubectl", "-n", namespace, "apply", "-f", "-")
	run(t, "", "helm", append([]string{"-n", namespace, "install", release, chart, "--wait", "--timeout=60s"}, values("credentials.existingSecret=credentials", "ingress.enabled=false")...)...)
	var want []string
	for pod := range strings.FieldsSeq(run(t, "", "kubectl", "-n", namespace, "get", "pods", "-o", `go-template={{range .items}}{{.metadata.name}}={{.status.podIP}} {{end}}`)) {
		name, ip, _ := strings.Cut(pod, "=")
		run(t, readme, "kubectl", "create", "--raw", "/api/v1/namespaces/"+namespace+"/pods/"+name+":4000/proxy/", "-f", "-")
		want = append(want, fmt.Sprintf("app_kubernetes_io_instance=%s instance=%s:9090 job=videosdk-auth-endpoint namespace=%s pod=%s up", release, ip, namespace, name))
	}
	slices.Sort(want)

	prometheus := startMonitor(t)
	var got []string
	defer func() {
		if t.Failed() {
			t.Logf("targets %q, want %q", got, want)
		}
	}()
	eventually(t, time.Minute, "Prometheus scrapes both Pods, and nothing else", func() bool {
		var data struct {
			ActiveTargets []struct {
				Labels            map[string]string
				Health, LastError string
			}
		}
		prometheus.ask(t, "/api/v1/targets?state=active", &data)
		got = nil
		for _, target := range data.ActiveTargets {
			var labels []string
			for _, name := range slices.Sorted(maps.Keys(target.Labels)) {
				labels = append(labels, name+"="+target.Labels[name])
			}
			got = append(got, strings.TrimSpace(strings.Join(labels, " ")+" "+target.Health+" "+target.LastError))
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	})
	of := fmt.Sprintf("{namespace=%q, app_kubernetes_io_instance=%q}", namespace, release)
	for what, c := range map[string]struct {
		expression string
		series     int
	}{
		"both are ready":       {"videosdk_ready" + of + " == 1", 2},
		"classic histograms":   {"sum by (pod) (http_server_request_duration_seconds_bucket" + of + ")", 2},
		"native histograms":    {"sum by (pod) (histogram_count(http_server_request_duration_seconds" + of + "))", 2},
		"the rules see it too": {"release:videosdk_token_requests:rate5m" + of, 1},
	} {
		eventually(t, time.Minute, what, func() bool { return prometheus.count(t, c.expression) == c.series })
	}
	if n := prometheus.count(t, `ALERTS{alertstate="firing"}`); n != 0 {
		t.Errorf("%d alerts fire", n)
	}
}
