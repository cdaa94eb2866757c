package chart_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"videosdk-auth-endpoint/e2e/parts"

	"sigs.k8s.io/yaml"
)

// observed renders one object of a release in the namespace prod, with what it needs to be observed.
func observed(t *testing.T, release, object string, set ...string) []byte {
	t.Helper()
	args := []string{
		"template", release, chart, "--namespace=prod", "--kube-version=" + kubernetes, "--values=testdata/default.yaml",
		"--set=prometheusRule.enabled=true,dashboard.enabled=true", "--show-only=templates/" + object + ".yaml",
	}
	out, errs, err := command(t, nil, "helm4", append(args, set...)...)
	if err != nil {
		t.Fatalf("helm template: %v\n%s", err, errs)
	}
	return []byte(out)
}

// twoReleases has what Prometheus sees of two releases: blue is not ready, and green is well.
const twoReleases = `
rule_files: [blue.yaml, green.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: videosdk_ready{namespace="prod", app_kubernetes_io_instance="blue", pod="a"}
        values: 0+0x20
      - series: videosdk_ready{namespace="prod", app_kubernetes_io_instance="green", pod="b"}
        values: 1+0x20
      - series: videosdk_ready{namespace="staging", app_kubernetes_io_instance="blue", pod="c"}
        values: 0+0x20
    alert_rule_test:
      - eval_time: 10m
        alertname: VideosdkNoReadyReplica
        exp_alerts:
          - exp_labels: {severity: critical, reason: not ready, namespace: prod, app_kubernetes_io_instance: blue}
            exp_annotations:
              summary: "No Video SDK token endpoint is ready: prod/blue"
              description: For 2 minutes every replica has been starting or draining. Nobody gets a token there.
              runbook: docs/runbooks/VideosdkNoReadyReplica.md
`

// TestTwoReleases: two releases of one namespace bring rules and dashboards that have no part in each other. An alert
// comes once, from the rules of the release that it is about.
func TestTwoReleases(t *testing.T) {
	dir := t.TempDir()
	names := map[string]bool{}
	for _, release := range []string{"blue", "green"} {
		var rule struct{ Spec json.RawMessage }
		if err := yaml.Unmarshal(observed(t, release, "prometheusrule"), &rule); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(rule.Spec), `namespace=~`) {
			t.Errorf("%s has a rule about other releases", release)
		}
		// Prometheus refuses two groups of one name in a file, and takes them in two.
		if err := os.WriteFile(filepath.Join(dir, release+".yaml"), rule.Spec, 0o600); err != nil {
			t.Fatal(err)
		}
		var board struct {
			Metadata struct{ Name string }
			Data     map[string]string
		}
		if err := yaml.Unmarshal(observed(t, release, "dashboard"), &board); err != nil {
			t.Fatal(err)
		}
		for file, content := range board.Data {
			var grafana struct{ UID, Title string }
			if err := json.Unmarshal([]byte(content), &grafana); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{
				"ConfigMap " + board.Metadata.Name, "file " + file, "uid " + grafana.UID, "title " + grafana.Title,
			} {
				if names[name] {
					t.Errorf("both releases have the %s", name)
				}
				names[name] = true
			}
			if len(grafana.UID) > 40 {
				t.Errorf("Grafana takes no uid of %d characters", len(grafana.UID))
			}
		}
	}
	if len(names) != 8 {
		t.Errorf("names: %v", names)
	}
	if err := os.WriteFile(filepath.Join(dir, "test.yaml"), []byte(twoReleases), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, err := command(t, nil, "promtool", "test", "rules", filepath.Join(dir, "test.yaml")); err != nil {
		t.Errorf("%v\n%s%s", err, out, errs)
	}
}

// TestDashboardLinks: the dashboard stays JSON whether its links are kept or left out.
func TestDashboardLinks(t *testing.T) {
	for want, set := range map[int][]string{0: nil, 1: {"--set=docsUrl=https://git.example.com/tokens/main/"}} {
		var board struct{ Data map[string]string }
		if err := yaml.Unmarshal(observed(t, "auth", "dashboard", set...), &board); err != nil {
			t.Fatal(err)
		}
		for _, content := range board.Data {
			if !json.Valid([]byte(content)) {
				t.Errorf("not JSON with %v", set)
			}
			if links := strings.Count(content, "${docs}/"); min(links, 1) != want {
				t.Errorf("%d links with %v", links, set)
			}
			if strings.Contains(content, "docs.invalid") != (want == 0) {
				t.Errorf("the address of the documentation with %v", set)
			}
		}
	}
}

// TestDashboardByHand: the command in docs/observing.md prints the dashboard that Grafana can import.
func TestDashboardByHand(t *testing.T) {
	content, err := os.ReadFile("../../docs/observing.md")
	if err != nil {
		t.Fatal(err)
	}
	_, documented, _ := strings.Cut(string(content), "```sh\nhelm template")
	documented, _, _ = strings.Cut(documented, "```")
	file := filepath.Join(t.TempDir(), "dashboard.json")
	line := strings.NewReplacer(
		"charts/", "../../charts/", "values.yaml", "testdata/all.yaml --kube-version="+kubernetes, "> dashboard.json", "> "+file,
	).Replace(parts.Path(t, "helm4") + " template" + documented)
	if out, err := exec.CommandContext(t.Context(), "bash", "-o", "pipefail", "-c", line).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	var board struct{ Title string }
	if content, err = os.ReadFile(file); err == nil {
		err = json.Unmarshal(content, &board)
	}
	if err != nil || !strings.Contains(board.Title, "/auth)") {
		t.Errorf("%v %q", err, board.Title)
	}
}
