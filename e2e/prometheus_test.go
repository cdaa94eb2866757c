package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"videosdk-auth-endpoint/internal/servicetest"
)

// promQL is a running Prometheus that scrapes the service every second and evaluates the chart's rules.
type promQL struct{ url string }

func startPrometheus(t *testing.T, s *servicetest.Service) *promQL {
	t.Helper()
	rules, err := filepath.Abs(chart + "/files/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%s]
scrape_configs:
  - job_name: videosdk-auth-endpoint
    scrape_native_histograms: true
    always_scrape_classic_histograms: true
    static_configs:
      - targets: [%s]
        labels: {namespace: test, pod: pod-1}
`, rules, strings.TrimPrefix(s.Admin, "http://"))
	if err := os.WriteFile(dir+"/prometheus.yaml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &promQL{fmt.Sprintf("http://127.0.0.1:%d", freePort(t))}
	start(t, "prometheus", "--config.file="+dir+"/prometheus.yaml", "--storage.tsdb.path="+dir+"/data",
		"--web.listen-address="+strings.TrimPrefix(p.url, "http://"), "--enable-feature=exemplar-storage")
	eventually(t, "Prometheus is ready", func() bool { return strings.Contains(get(t, p.url+"/-/ready"), "Ready") })
	return p
}

// query returns the series of a PromQL expression now.
func (p *promQL) query(t *testing.T, expression string) []any {
	t.Helper()
	var answer struct {
		Status, Error string
		Data          struct{ Result []any }
	}
	body := get(t, p.url+"/api/v1/query?query="+url.QueryEscape(expression))
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Status != "success" {
		t.Fatalf("%s: %v %s", expression, err, answer.Error)
	}
	return answer.Data.Result
}

type dashboard struct {
	Panels     []panel
	Templating struct {
		List []struct {
			Name  string
			Query any
		}
	}
}

type panel struct {
	Title, Type string
	Targets     []target
	Panels      []panel
}

type target struct {
	Expr, RefID string
	PanelID     int // shows what that panel found
}

// queries lists every query of the panels, those in rows included.
func queries(t *testing.T, panels []panel) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, p := range panels {
		for _, target := range p.Targets {
			if target.PanelID == 0 {
				all[p.Title+" "+target.RefID] = target.Expr
			}
		}
		maps.Copy(all, queries(t, p.Panels))
		if p.Type != "row" && p.Type != "text" && len(p.Targets) == 0 {
			t.Errorf("the panel %q has no query", p.Title)
		}
	}
	return all
}

// TestDashboardAndRules: under load, with a real Prometheus, every panel has data, every rule evaluates, and an exemplar
// leads to the trace that the client sent.
func TestDashboardAndRules(t *testing.T) {
	content, err := os.ReadFile(chart + "/files/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var board dashboard
	if err := json.Unmarshal(content, &board); err != nil {
		t.Fatal(err)
	}
	collector := startCollector(t)
	s := startService(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.http)
	p := startPrometheus(t, s)

	ctx, cancel := context.WithCancel(t.Context())
	loaded := make(chan int)
	go func() { loaded <- mixedLoad(ctx, s.URL) }()
	defer func() {
		cancel()
		if failed := <-loaded; failed > 0 {
			t.Errorf("%d requests failed", failed)
		}
	}()
	eventually(t, "rates are there", func() bool { return len(p.query(t, `rate(videosdk_token_validations_total[5s]) > 0`)) == 2 })

	all := queries(t, board.Panels)
	if len(all) < 15 {
		t.Errorf("%d queries in the dashboard", len(all))
	}
	fill := strings.NewReplacer("$__rate_interval", "10s", "$__interval", "10s", "$__range", "1m", "$namespace", "test", "${namespace}", "test")
	for name, expression := range all {
		t.Run("panel/"+name, func(t *testing.T) {
			filled := fill.Replace(expression)
			if !strings.Contains(expression, `namespace=~"$namespace"`) || strings.Contains(filled, "$") {
				t.Errorf("the query does not follow the variables: %s", expression)
			}
			var series []any
			eventually(t, "a number from "+filled, func() bool {
				series = p.query(t, filled)
				return slices.ContainsFunc(series, func(s any) bool { return !strings.Contains(fmt.Sprint(s), "NaN") })
			})
			t.Logf("%d series, such as %.200v", len(series), series[0])
		})
	}

	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Type, Health, LastError string }
			}
		}
	}
	evaluated := func() bool {
		if err := json.Unmarshal([]byte(get(t, p.url+"/api/v1/rules")), &answer); err != nil {
			t.Fatal(err)
		}
		for _, group := range answer.Data.Groups {
			for _, rule := range group.Rules {
				if rule.Health == "unknown" {
					return false
				}
			}
		}
		return true
	}
	eventually(t, "every rule is evaluated", evaluated)
	n := 0
	for _, group := range answer.Data.Groups {
		for _, rule := range group.Rules {
			n++
			t.Run("rule/"+rule.Name, func(t *testing.T) {
				if rule.Health != "ok" {
					t.Errorf("%s: %s", rule.Health, rule.LastError)
				}
				if rule.Type == "recording" {
					eventually(t, rule.Name, func() bool { return len(p.query(t, rule.Name+`{namespace="test"}`)) > 0 })
				}
			})
		}
	}
	if n < 10 {
		t.Errorf("%d rules", n)
	}

	t.Run("exemplars carry the client's trace", func(t *testing.T) {
		path := "/api/v1/query_exemplars?query=http_server_request_duration_seconds_bucket&start=0&end=9999999999"
		eventually(t, "exemplars", func() bool { return strings.Contains(get(t, p.url+path), `"trace_id":"000000000000000000000000`) })
	})
	t.Run("native histograms", func(t *testing.T) {
		eventually(t, "native histograms", func() bool {
			return len(p.query(t, `histogram_count(http_server_request_duration_seconds{http_response_status_code="200",http_route="/"}) > 0`)) == 1
		})
	})
	t.Run("promtool check metrics", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), bin+"/promtool", "check", "metrics")
		cmd.Stdin = strings.NewReader(get(t, s.Admin+"/metrics"))
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// TestRules: each alert fires when it should, and only then.
func TestRules(t *testing.T) {
	for _, args := range [][]string{
		{"check", "rules", chart + "/files/rules.yaml"},
		{"test", "rules", "testdata/rules_test.yaml"},
	} {
		out, err := exec.CommandContext(t.Context(), bin+"/promtool", args...).CombinedOutput()
		if err != nil {
			t.Errorf("promtool %v: %v", args, err)
		}
		t.Logf("%s", out)
	}
}

// TestRunbooks: every alert links to a page that is there.
func TestRunbooks(t *testing.T) {
	rules, err := os.ReadFile(chart + "/files/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	alerts, links := 0, 0
	for line := range strings.Lines(string(rules)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "- alert:") {
			alerts++
		}
		if link, ok := strings.CutPrefix(line, "runbook_url:"); ok {
			links++
			if _, err := os.Stat("../" + strings.Trim(strings.TrimSpace(link), `"`)); err != nil {
				t.Error(err)
			}
		}
	}
	if alerts == 0 || alerts != links {
		t.Errorf("%d alerts, %d runbooks", alerts, links)
	}
}
