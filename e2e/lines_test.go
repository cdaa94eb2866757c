package e2e_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"

	"videosdk-auth-endpoint/internal/servicetest"
)

// TestDroppedLines: whoever reads the log hangs, and lines are dropped. Prometheus scrapes and evaluates as often as it
// does where the chart and the operator set nothing else, every 30 seconds. The test prints when the alert fired.
func TestDroppedLines(t *testing.T) {
	t.Parallel()
	hung := make(chan struct{})
	s := servicetest.StartCommand(t, servicetest.Command(t, []string{
		"PORT=0", "ADMIN_PORT=0", "ZOOM_VIDEO_SDK_KEY=hidden-key", "ZOOM_VIDEO_SDK_SECRET=hidden-secret",
	}), func(line string) bool {
		if strings.Contains(line, `"message":"request"`) {
			<-hung
		}
		return true
	})
	t.Cleanup(func() { close(hung) })
	rules, err := os.ReadFile(chart + "/files/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := runPrometheus(t, "30s", string(rules), fmt.Sprintf(`
scrape_configs:
  - job_name: videosdk-auth-endpoint
    static_configs:
      - targets: [%s]
        labels: {namespace: prod, pod: auth-6d5f7c8b9-abcde, app_kubernetes_io_instance: auth}
`, strings.TrimPrefix(s.Admin, "http://")), t.TempDir())
	const counter = "videosdk_log_lines_dropped_total"
	scraped := func() bool { return len(p.query(t, counter+" == 0")) == 1 }
	servicetest.Eventually(t, 2*time.Minute, "the first scrape", scraped)

	for metric(get(t, s.Admin+"/metrics"), counter) == 0 {
		for range 100 {
			if status, err := post(t.Context(), s.URL, requests[0], nil); err != nil || status != 200 {
				t.Fatalf("a blocked log stops tokens: %d %v", status, err)
			}
		}
	}
	dropped := metric(get(t, s.Admin+"/metrics"), counter)
	const firing = `ALERTS{alertname="VideosdkLogLinesDropped", alertstate="firing", namespace="prod"}`
	fires := func() bool { return len(p.query(t, firing)) == 1 }
	took := servicetest.Eventually(t, 5*time.Minute, "the alert fires", fires)
	t.Logf("%.0f lines were dropped, and the alert fired %.0f s after the first", dropped, took.Seconds())

	panels := readDashboard(t)
	panel := panels[slices.IndexFunc(panels, func(p sdk.Panel) bool { return *p.Title == "Log lines dropped" })]
	expr := panel.Targets[0].(*prometheus.Dataquery).Expr
	variables := []string{"$__rate_interval", "2m", "$__range", "1h", "$namespace", "prod", "$release", "auth"}
	expr = strings.NewReplacer(variables...).Replace(expr)
	if found := p.query(t, expr); len(found) != 1 || found[0].value <= 0 || found[0].labels["pod"] != "6d5f7c8b9-abcde" {
		t.Errorf("the panel shows %v", found)
	}
}
