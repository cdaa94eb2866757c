//go:build cluster

package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"videosdk-auth-endpoint/e2e/internal/modules"

	"sigs.k8s.io/yaml"
)

// fresh makes a namespace that enforces Pod Security restricted, and removes it when the test ends. Nothing waits for that.
func fresh(t *testing.T, name string) {
	t.Helper()
	run(t, "", "kubectl", "delete", "namespace", name, "--ignore-not-found", "--wait", "--timeout=120s")
	t.Cleanup(func() {
		// at once, so that nothing of the next test's host is led here while the namespace goes
		_, _ = try(context.Background(), "", "kubectl", "-n", name, "delete", "ingress", "--all")
		_, _ = try(context.Background(), "", "kubectl", "delete", "namespace", name, "--wait=false")
	})
	run(t, fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q,"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`, name), "kubectl", "apply", "-f", "-")
}

// define brings the definitions of the custom resources that the chart can make. Those that the cluster has stay as they are.
func define(t *testing.T) {
	t.Helper()
	gateway, operator := modules.Dir(t, modules.Gateway), modules.Dir(t, modules.PrometheusOperator)
	for name, file := range map[string]string{
		"httproutes.gateway.networking.k8s.io":  gateway + "/config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
		"servicemonitors.monitoring.coreos.com": operator + "/example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
		"prometheusrules.monitoring.coreos.com": operator + "/example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
	} {
		if _, err := try(t.Context(), "", "kubectl", "get", "crd", name); err == nil {
			continue
		}
		t.Cleanup(func() { _, _ = try(context.Background(), "", "kubectl", "delete", "crd", name) })
		run(t, "", "kubectl", "create", "-f", file)
		eventually(t, time.Minute, name+" is served", func() bool { // at first it has no conditions, which kubectl wait takes for an error
			_, err := try(t.Context(), "", "kubectl", "wait", "--for=condition=Established", "crd/"+name, "--timeout=10s")
			return err == nil
		})
	}
}

// object is a manifest, or what the API server has of it.
type object = map[string]any

// render returns what the chart makes of a file of values in e2e/chart. There are no Pods, as nothing here is about them.
func render(t *testing.T, namespace, values string) string {
	t.Helper()
	return run(t, "", "helm", "template", values, chart, "--namespace="+namespace, "--skip-tests", "--values=../chart/testdata/"+values+".yaml",
		"--set=replicaCount=0,autoscaling.minReplicas=1", // an autoscaler that changes nothing meanwhile
		"--set=service.ipFamilyPolicy=SingleStack,service.ipFamilies={IPv4}",
		"--set=serviceMonitor.namespace="+namespace+",prometheusRule.namespace="+namespace+",dashboard.namespace="+namespace)
}

// overlay is what kustomize makes of the example in k8s/.
func overlay(t *testing.T, namespace string) string {
	t.Helper()
	dir := t.TempDir()
	example(t, dir)
	text := "resources: [k8s/overlays/example]\nnamespace: " + namespace + "\nreplicas: [{name: videosdk-auth-endpoint, count: 0}]\n"
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return run(t, "", "kubectl", "kustomize", dir)
}

// decode returns the objects of manifests, in their order.
func decode(t *testing.T, manifests string) (all []object) {
	t.Helper()
	for document := range strings.SplitSeq("\n"+manifests, "\n---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(document), &o); err != nil {
			t.Fatal(err)
		}
		if o != nil {
			all = append(all, o)
		}
	}
	return all
}

// live asks the API server for what it has of the objects.
func live(t *testing.T, objects []object) (all []object) {
	t.Helper()
	content, err := json.Marshal(object{"apiVersion": "v1", "kind": "List", "items": objects})
	if err != nil {
		t.Fatal(err)
	}
	var got object
	if err := json.Unmarshal([]byte(run(t, string(content), "kubectl", "get", "-f", "-", "-o", "json", "--show-managed-fields")), &got); err != nil {
		t.Fatal(err)
	}
	if got["kind"] != "List" { // of one there is no list
		return []object{got}
	}
	for _, item := range got["items"].([]any) {
		all = append(all, item.(object))
	}
	return all
}

// TestAppliedTwice applies all that the chart and k8s/ make, as kubectl does and as Argo CD and Flux do, and applies it again. The
// second time nothing changes, there is nothing to be different, and what the API server has is what was rendered.
func TestAppliedTwice(t *testing.T) {
	define(t)
	for way, flags := range map[string][]string{"client": nil, "server": {"--server-side"}} {
		namespace := "videosdk-applied-" + way
		fresh(t, namespace)
		for name, manifests := range map[string]string{
			"overlay": overlay(t, namespace), "default": render(t, namespace, "default"), "all": render(t, namespace, "all"),
			"guarded": render(t, namespace, "guarded"), "secret": render(t, namespace, "secret"),
		} {
			t.Run(way+"/"+name, func(t *testing.T) {
				apply := func() { run(t, manifests, "kubectl", append([]string{"apply", "-f", "-"}, flags...)...) }
				objects := decode(t, manifests)
				apply()
				applied(t, objects, apply)
				if out, err := try(t.Context(), manifests, "kubectl", append([]string{"diff", "-f", "-"}, flags...)...); err != nil || out != "" {
					t.Errorf("kubectl diff: %v\n%s", err, out)
				}
				for i, got := range live(t, objects) {
					for _, difference := range drift(objects[i], got) {
						t.Errorf("%s: %s", objects[i]["kind"], difference)
					}
				}
			})
		}
	}
	t.Run("what would be found", func(t *testing.T) { driftIsFound(t, "videosdk-applied-client") })
}

// applied applies objects again, and fails if more than a controller's report on them changes.
func applied(t *testing.T, objects []object, apply func()) {
	t.Helper()
	eventually(t, 30*time.Second, "no controller has anything to report any more", func() bool {
		before := live(t, objects)
		apply()
		after := live(t, objects)
		same := true
		for i := range objects {
			was, is := writes(before[i]), writes(after[i])
			same = same && was == is
			if was, is := settled(before[i]), settled(after[i]); !reflect.DeepEqual(was, is) {
				t.Fatalf("%s is changed by a second apply: %v", objects[i]["kind"], differences("", was, is, true))
			}
		}
		return same
	})
}

// writes changes with each write of an object.
func writes(o object) any { return o["metadata"].(object)["resourceVersion"] }

// settled is an object without what controllers write: its status, an annotation, the fields that they manage, and the number that
// counts each write.
func settled(o object) object {
	o, meta := maps.Clone(o), maps.Clone(o["metadata"].(object))
	delete(o, "status")
	delete(meta, "resourceVersion")
	annotations := object{}
	if all, ok := meta["annotations"].(object); ok {
		maps.Copy(annotations, all)
	}
	delete(annotations, "deployment.kubernetes.io/revision")
	managers, _ := meta["managedFields"].([]any)
	meta["managedFields"] = slices.DeleteFunc(slices.Clone(managers), func(manager any) bool {
		return !strings.HasPrefix(manager.(object)["manager"].(string), "kubectl")
	})
	meta["annotations"], o["metadata"] = annotations, meta
	return o
}

// whole are the kinds whose spec must be rendered with all that an API server adds. For custom resources Argo CD compares lists as
// a whole, and of the others no default is left to it either.
var whole = []string{"HTTPRoute", "ServiceMonitor", "PrometheusRule", "NetworkPolicy", "PodDisruptionBudget", "Ingress", "HorizontalPodAutoscaler"}

// drift is where the API server has something else than what was rendered.
func drift(rendered, live object) (all []string) {
	kind, _ := rendered["kind"].(string)
	for name, want := range rendered {
		all = append(all, differences(name, want, live[name], name == "spec" && slices.Contains(whole, kind))...)
	}
	return all
}

// differences compares what was rendered with what there is: only the fields that were rendered, unless it is to be exact.
func differences(path string, want, got any, exact bool) (all []string) {
	switch want := want.(type) {
	case object:
		fields, _ := got.(object)
		for name, value := range want {
			all = append(all, differences(path+"."+name, value, fields[name], exact)...)
		}
		for name, value := range fields {
			// how it scales is the user's, and the API server completes it
			if _, ok := want[name]; !ok && exact && !strings.HasPrefix(path, "spec.behavior") {
				all = append(all, fmt.Sprintf("%s.%s is not rendered, and there it is %v", path, name, value))
			}
		}
	case []any:
		items, _ := got.([]any)
		if len(items) != len(want) {
			return []string{fmt.Sprintf("%s has %d items, rendered are %d", path, len(items), len(want))}
		}
		for i, item := range want {
			all = append(all, differences(fmt.Sprintf("%s[%d]", path, i), item, items[i], exact)...)
		}
	default:
		if fmt.Sprint(want) != fmt.Sprint(got) { // a quantity may be rendered as a number, and is text there
			all = append(all, fmt.Sprintf("%s is %v, rendered is %v", path, got, want))
		}
	}
	return all
}

// driftIsFound leaves out what the chart renders for the sake of a second apply.
func driftIsFound(t *testing.T, namespace string) {
	all := render(t, namespace, "all")
	for _, c := range []struct{ kind, old, new, want string }{
		{"HTTPRoute", "          weight: 1\n", "", "spec.rules[0].backendRefs[0].weight is not rendered"},
		{"HTTPRoute", "group: gateway.networking.k8s.io\n      ", "", "spec.parentRefs[0].group is not rendered"},
		{"NetworkPolicy", "protocol: TCP\n", "\n", "protocol is not rendered"},
		{"PodDisruptionBudget", "maxUnavailable: 25%", `maxUnavailable: "25%"`, ""},
	} {
		wrong := strings.Replace(all, c.old, c.new, 1)
		if wrong == all {
			t.Fatalf("the rendering has no %q", c.old)
		}
		objects := slices.DeleteFunc(decode(t, wrong), func(o object) bool { return o["kind"] != c.kind })
		content, err := yaml.Marshal(objects[0])
		if err != nil {
			t.Fatal(err)
		}
		run(t, string(content), "kubectl", "apply", "-f", "-")
		found := drift(objects[0], live(t, objects)[0])
		if !strings.Contains(strings.Join(found, "\n"), c.want) || (len(found) > 0) != (c.want != "") {
			t.Errorf("%s without %q: %q, want %q", c.kind, c.old, found, c.want)
		}
	}
	// an empty list, which the API server drops
	objects := slices.DeleteFunc(decode(t, render(t, namespace, "default")), func(o object) bool { return o["kind"] != "NetworkPolicy" })
	objects[0]["spec"].(object)["egress"] = []any{}
	content, err := yaml.Marshal(objects[0])
	if err != nil {
		t.Fatal(err)
	}
	var generations []any
	for range 3 {
		run(t, string(content), "kubectl", "apply", "-f", "-")
		generations = append(generations, live(t, objects)[0]["metadata"].(object)["generation"])
	}
	t.Logf("generations with an empty list: %v", generations)
	if generations[1] == generations[2] {
		t.Errorf("with an empty list a second apply changes nothing: the test looks for what does not exist")
	}
}
