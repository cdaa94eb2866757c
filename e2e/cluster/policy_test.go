//go:build cluster

package cluster_test

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// namespaces of TestNetworkPolicy besides the release's own.
const (
	scraper  = "videosdk-e2e-scraper" // may read the metrics
	gateway  = "videosdk-e2e-gateway" // may ask for tokens, once networkPolicy.from names it
	stranger = "videosdk-e2e-stranger"
)

// TestNetworkPolicy asks from several namespaces for tokens and metrics, and from the release's Pods for something outside, and
// sees who is let through. Each namespace has a Pod with the service in it, which can ask and be asked.
func TestNetworkPolicy(t *testing.T) {
	all := []string{namespace, scraper, gateway, stranger}
	for _, name := range all {
		fresh(t, name)
		run(t, "", "kubectl", "-n", name, "wait", "--for=create", "serviceaccount/default", "--timeout=60s") // no Pod before that
		run(t, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: client
      image: %q
      env: [{name: ZOOM_VIDEO_SDK_KEY, value: key}, {name: ZOOM_VIDEO_SDK_SECRET, value: secret}]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`, *image), "kubectl", "-n", name, "apply", "-f", "-")
	}
	for _, name := range all {
		run(t, "", "kubectl", "-n", name, "wait", "pod/client", "--for=condition=Ready", "--timeout=60s")
	}
	enforcement(t)

	run(t, secretYAML("credentials", "key-1", "secret-1"), "kubectl", "-n", namespace, "apply", "-f", "-")
	peers := func(name string) string {
		return `[{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "` + name + `"}}}]`
	}
	helm(t, append([]string{"install", release, chart, "--wait", "--timeout=120s", "--set-json", "networkPolicy.metricsFrom=" + peers(scraper)},
		values("credentials.existingSecret=credentials")...)...)
	const pods = "deployment/" + fullname
	const tokens, metrics, both, none = "tokens", "metrics", "tokens, metrics", ""
	for _, c := range []struct {
		name string
		set  []string
		in   map[string]string // what each namespace reaches of the release
		out  map[string]bool   // which namespaces the release reaches
	}{
		{
			"as the chart is", nil,
			map[string]string{namespace: both, scraper: both, gateway: tokens, stranger: tokens},
			map[string]bool{namespace: false, gateway: false, stranger: false},
		},
		{
			"with networkPolicy.from and networkPolicy.egress",
			[]string{"--set-json", "networkPolicy.from=" + peers(gateway), "--set-json", `networkPolicy.egress=[{"to": ` + peers(gateway) + `}]`},
			map[string]string{namespace: both, scraper: metrics, gateway: tokens, stranger: none},
			map[string]bool{namespace: false, gateway: true, stranger: false},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.set != nil {
				upgrade(t, c.set...)
			}
			ready(t)
			var in map[string]string
			var out map[string]bool
			defer func() { t.Logf("in: %v, out: %v", in, out) }()
			as := func() bool {
				address := kubectl(t, "get", "pods", "-l", selector, "-o", `go-template={{range .items}}{{if not .metadata.deletionTimestamp}}{{.status.podIP}} {{end}}{{end}}`)
				address, _, _ = strings.Cut(address, " ")
				in, out = map[string]string{}, map[string]bool{}
				for _, name := range all {
					var reached []string
					for _, port := range []struct{ name, number string }{{tokens, "4000"}, {metrics, "9090"}} {
						if connects(t, name, "client", address+":"+port.number) {
							reached = append(reached, port.name)
						}
					}
					in[name] = strings.Join(reached, ", ")
				}
				for name := range c.out {
					out[name] = connects(t, namespace, pods, clientAddress(t, name))
				}
				return maps.Equal(in, c.in) && maps.Equal(out, c.out)
			}
			eventually(t, time.Minute, "the policy is in force", as)
			if !as() {
				t.Error("it was in force for a moment only")
			}
			// the ingress controller is let in, and so are the node's probes
			token(t, host, "key-1", "secret-1")
		})
	}
}

func clientAddress(t *testing.T, namespace string) string {
	t.Helper()
	return run(t, "", "kubectl", "-n", namespace, "get", "pod", "client", "-o", "jsonpath={.status.podIP}") + ":4000"
}

// connects tells whether a Pod gets an answer from an address, be it a good one.
func connects(t *testing.T, namespace, pod, address string) bool {
	t.Helper()
	out, err := try(t.Context(), "", "kubectl", "-n", namespace, "exec", pod, "--", "/videosdk-auth-endpoint", "token", "--from", "http://"+address+"/", "--session-name", "a", "--role", "0")
	switch {
	case err == nil || strings.Contains(out, " answers "):
		return true
	case strings.Contains(out, "dial tcp "+address) || strings.Contains(out, "deadline exceeded"):
		return false
	}
	t.Fatalf("%s/%s and %s: %v: %s", namespace, pod, address, err, out)
	return false
}

// enforcement sees that NetworkPolicies are enforced. Where the cluster doesn't, kube-router does, beside the test.
func enforcement(t *testing.T) {
	t.Helper()
	to := clientAddress(t, gateway)
	if !connects(t, stranger, "client", to) {
		t.Fatal("Pods don't reach each other without any policy")
	}
	const isolated = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: isolated}\nspec: {podSelector: {}, policyTypes: [Egress]}\n"
	run(t, isolated, "kubectl", "-n", stranger, "apply", "-f", "-")
	enforced := func() bool {
		for range 10 {
			if !connects(t, stranger, "client", to) {
				return true
			}
		}
		return false
	}
	if !enforced() {
		if !*node {
			t.Skip("left out: the cluster does not enforce NetworkPolicies, and without -node nothing can be started that does")
		}
		if _, err := exec.LookPath("ipset"); err != nil {
			t.Fatalf("kube-router needs it: %v", err)
		}
		t.Cleanup(func() { // what kube-router leaves behind
			for _, chain := range []string{"INPUT", "FORWARD", "OUTPUT"} {
				if out, err := try(context.Background(), "", "iptables", "--wait", "--flush", "KUBE-ROUTER-"+chain); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			}
		})
		daemon(t, "kube-router", "--kubeconfig="+kubeconfig(), "--hostname-override="+kubectl(t, "get", "nodes", "-o", "jsonpath={.items[0].metadata.name}"),
			"--run-firewall=true", "--run-router=false", "--run-service-proxy=false", "--health-port=0")
		eventually(t, 30*time.Second, "kube-router enforces NetworkPolicies", enforced)
	}
	run(t, "", "kubectl", "-n", stranger, "delete", "networkpolicy", "isolated")
	eventually(t, 30*time.Second, "the way is free again", func() bool { return connects(t, stranger, "client", to) })
}
