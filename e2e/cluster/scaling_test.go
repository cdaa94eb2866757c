//go:build cluster

package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestScaling has the autoscaler go from two Pods to four while many ask for tokens, and back when they are gone. No request
// is lost, and at no time does it turn around.
func TestScaling(t *testing.T) {
	fresh(t, namespace)
	metricsServer(t)
	run(t, secretYAML("credentials", "key-1", "secret-1"), "kubectl", "-n", namespace, "apply", "-f", "-")
	const down = `autoscaling.behavior.scaleDown={"stabilizationWindowSeconds": 15}` // the default is five minutes
	helm(t, append([]string{"install", release, chart, "--wait", "--timeout=120s", "--set-json", down}, values("credentials.existingSecret=credentials",
		"autoscaling.enabled=true", "autoscaling.maxReplicas=4", "autoscaling.targetCPUUtilizationPercentage=60", "resources.requests.cpu=50m")...)...)
	scaledTo(t, 2)
	token(t, host, "key-1", "secret-1")

	stop := watch(t, ".spec.replicas", "deployment", fullname)
	l := startLoad(t)
	peak, end := context.WithCancel(t.Context())
	defer end()
	for range 64 { // so many that they get through on a slow machine too
		l.client(peak, 20*time.Millisecond, &http.Transport{})
	}
	scaledTo(t, 4)
	begun, answered, used := time.Now(), l.sent.Load(), cpu(t)
	l.more(t, 20_000)
	answered, used = l.sent.Load()-answered, cpu(t)-used
	t.Logf("at the peak, %.0f requests a second, each for %.0f µs of the Pods' CPU:\n%s",
		float64(answered)/time.Since(begun).Seconds(), used/float64(answered)*1e6, kubectl(t, "get", "hpa"))
	end()
	scaledTo(t, 2)
	l.more(t, 4000)
	l.none(t, "the autoscaler goes from 2 Pods to 4 and back")
	numbers := stop()
	top := slices.Index(numbers, "4")
	falling := func(a, b string) int { return strings.Compare(b, a) }
	if top < 0 || !slices.IsSorted(numbers[:top]) || !slices.IsSortedFunc(numbers[top:], falling) || numbers[len(numbers)-1] != "2" {
		t.Error("it turned around on the way")
	}
	t.Logf("the Deployment asked for %v Pods", slices.Compact(numbers))
	t.Log(disturbances.String())
}

// cpu is the time in seconds that the Pods' processes have spent.
func cpu(t *testing.T) float64 {
	t.Helper()
	total := 0.0
	for _, pod := range pods(t) {
		total += metric(t, pod, "process_cpu_seconds_total")
	}
	return total
}

// more returns after n more requests.
func (l *load) more(t *testing.T, n int64) {
	t.Helper()
	until := l.sent.Load() + n
	eventually(t, time.Minute, "the load's next requests", func() bool { return l.sent.Load() >= until })
}

// scaledTo waits until the autoscaler has asked for n Pods, all of them are ready, and it has looked again and wants no others.
func scaledTo(t *testing.T, n int) {
	t.Helper()
	begun := time.Now()
	eventually(t, 2*time.Minute, fmt.Sprintf("%d Pods", n), func() bool {
		there := kubectl(t, "get", "deployment", fullname, "-o", "jsonpath={.spec.replicas} {.status.replicas} {.status.readyReplicas}")
		wanted := kubectl(t, "get", "hpa", fullname, "-o", "jsonpath={.status.currentReplicas} {.status.desiredReplicas}")
		return there == fmt.Sprintf("%d %d %d", n, n, n) && wanted == fmt.Sprintf("%d %d", n, n)
	})
	t.Logf("%d Pods after %v", n, time.Since(begun).Round(time.Second))
}

// metricsServer starts one on this node, unless the cluster has one.
func metricsServer(t *testing.T) {
	t.Helper()
	const usage = "/apis/metrics.k8s.io/v1beta1/nodes"
	if _, err := try(t.Context(), "", "kubectl", "get", "--raw", usage); err == nil {
		t.Log("the cluster has a metrics server of its own")
		return
	}
	if !*node {
		t.Skip("left out: the cluster has no metrics server, and without -node none can be started beside it")
	}
	port := freePort(t)
	address := kubectl(t, "get", "nodes", "-o", `jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}`)
	daemon(t, "metrics-server", "--kubeconfig="+kubeconfig(), "--authentication-kubeconfig="+kubeconfig(), "--authorization-kubeconfig="+kubeconfig(),
		fmt.Sprintf("--secure-port=%d", port), "--cert-dir="+t.TempDir(), "--kubelet-insecure-tls", "--kubelet-preferred-address-types=InternalIP", "--metric-resolution=10s", "--kubelet-request-timeout=5s")
	apply(t, fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: metrics-server, namespace: kube-system}
spec: {ports: [{name: https, port: 443, targetPort: %[2]d}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: metrics-server, namespace: kube-system, labels: {kubernetes.io/service-name: metrics-server}}
addressType: IPv4
ports: [{name: https, port: %[2]d}]
endpoints: [{addresses: [%[1]s]}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  service: {name: metrics-server, namespace: kube-system}
  group: metrics.k8s.io
  version: v1beta1
  insecureSkipTLSVerify: true
  groupPriorityMinimum: 100
  versionPriority: 100
---
# This API server has no client certificate to show, so the metrics server does not know for whom it asks.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: e2e-usage}
rules:
  - {apiGroups: [metrics.k8s.io], resources: [pods, nodes], verbs: [get, list]}
  - {nonResourceURLs: [/apis, /apis/*], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: e2e-usage}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: e2e-usage}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: system:anonymous}]
`, address, port))
	eventually(t, 90*time.Second, "the node's usage", func() bool {
		out, err := try(t.Context(), "", "kubectl", "get", "--raw", usage)
		var nodes struct{ Items []struct{} }
		return err == nil && json.Unmarshal([]byte(out), &nodes) == nil && len(nodes.Items) > 0
	})
}

// apply makes objects for as long as the test takes.
func apply(t *testing.T, objects string) {
	t.Helper()
	run(t, objects, "kubectl", "apply", "-f", "-")
	t.Cleanup(func() {
		if out, err := try(context.Background(), objects, "kubectl", "delete", "-f", "-", "--ignore-not-found", "--timeout=60s"); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
}
