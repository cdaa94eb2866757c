//go:build cluster

package cluster_test

import (
	"context"
	"flag"
	"regexp"
	"strings"
	"testing"
)

var (
	published = flag.String("published", "", "the URL of a published chart, as oci://HOST/PATH/NAME; its registry speaks plain HTTP")
	version   = flag.String("version", "", "its version")
)

var digest = regexp.MustCompile(`[^\s"]+@(sha256:[0-9a-f]{64})`)

// TestPublishedChart installs a chart from its registry as somebody would who has nothing but its address. The nodes pull
// the image that the chart names by digest, and no value says where the image is.
func TestPublishedChart(t *testing.T) {
	if *published == "" {
		t.Skip("no -published")
	}
	const namespace, release = "videosdk-published", "published"
	remove := func() {
		_, _ = try(context.Background(), "", "kubectl", "delete", "namespace", namespace, "--ignore-not-found", "--wait", "--timeout=120s")
	}
	remove()
	t.Cleanup(remove)
	run(t, `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"`+namespace+`","labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`,
		"kubectl", "apply", "-f", "-")
	run(t, secretYAML("credentials", "key-1", "secret-1"), "kubectl", "-n", namespace, "apply", "-f", "-")

	chart := []string{*published, "--version", *version, "--plain-http"}
	image := digest.FindStringSubmatch(run(t, "", "helm", append([]string{"show", "values"}, chart...)...) + " " +
		run(t, "", "helm", append([]string{"show", "chart"}, chart...)...))
	if image == nil {
		t.Fatal("the chart names no image by digest")
	}
	install := func(verb string, more ...string) {
		run(t, "", "helm", append(append([]string{"-n", namespace, verb, release}, chart...),
			append([]string{"--wait", "--timeout=120s", "--set", "credentials.existingSecret=credentials"}, more...)...)...)
	}
	install("install")
	running := run(t, "", "kubectl", "-n", namespace, "get", "pods", "-o", "jsonpath={.items[*].spec.containers[*].image}")
	if fields := strings.Fields(running); len(fields) != 2 || fields[0] != image[0] || fields[1] != image[0] {
		t.Errorf("the Pods run %q, want two of %s", running, image[0])
	}
	pulled := run(t, "", "kubectl", "-n", namespace, "get", "events", "-o", "jsonpath={.items[*].message}")
	if !strings.Contains(pulled, `Successfully pulled image "`+image[0]+`"`) {
		t.Errorf("no node pulled %s: %s", image[0], pulled)
	}
	// by the Service's address, as this cluster may have no DNS
	address := run(t, "", "kubectl", "-n", namespace, "get", "service", release+"-videosdk-auth-endpoint", "-o", "jsonpath={.spec.clusterIP}")
	install("upgrade", "--set", "tests.url=http://"+address+"/")
	run(t, "", "helm", "-n", namespace, "test", release, "--timeout=60s")
}
