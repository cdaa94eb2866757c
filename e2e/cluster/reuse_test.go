//go:build cluster

package cluster_test

import (
	"strings"
	"testing"

	"videosdk-auth-endpoint/e2e/parts"
)

// TestReuseValues installs the chart as it was packaged before values were added and removed, and upgrades the release to the
// present one with --reuse-values, by Helm 3 and by the Helm that is on the PATH. No request is lost.
func TestReuseValues(t *testing.T) {
	for _, c := range []struct{ name, helm string }{{"helm3", parts.Path(t, "helm3")}, {"path", "helm"}} {
		helm, namespace := c.helm, "videosdk-reuse-"+c.name
		version := strings.TrimSpace(run(t, "", helm, "version", "--short"))
		t.Run(version, func(t *testing.T) {
			fresh(t, namespace)
			run(t, secretYAML("credentials", "key-1", "secret-1"), "kubectl", "-n", namespace, "apply", "-f", "-")
			ask := func(args ...string) { run(t, "", helm, append([]string{"-n", namespace}, args...)...) }
			ask(append([]string{"install", release, "../chart/testdata/previous.tgz", "--wait", "--timeout=120s"},
				values("credentials.existingSecret=credentials", "policy=request.role != 7", "config.LOG_LEVEL=warn")...)...)
			token(t, host, "key-1", "secret-1")
			l := startLoad(t)
			ask("upgrade", release, chart, "--reuse-values", "--wait", "--timeout=120s")
			sent, lost := l.stop(t, 400)
			t.Logf("an upgrade from an older chart by Helm %s: %d requests sent, %d lost", version, sent, lost)
			if lost > 0 {
				t.Errorf("%d requests lost", lost)
			}
			pods := run(t, "", "kubectl", "-n", namespace, "get", "deployment", fullname, "-o", "jsonpath={.spec.template.spec.containers[0].env}")
			for _, want := range []string{`{"name":"AUTH_POLICY","value":"request.role != 7"}`, `{"name":"LOG_LEVEL","value":"warn"}`} {
				if !strings.Contains(pods, want) {
					t.Errorf("no %s in %s", want, pods)
				}
			}
			ask("uninstall", release) // the other one has the same host
		})
	}
}
