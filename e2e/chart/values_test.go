package chart_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// write puts values into a file and returns its name.
func write(t *testing.T, values any) string {
	t.Helper()
	content, err := yaml.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// paths lists every value of the chart.
func paths(values map[string]any, prefix string) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = append(all, prefix+name)
		if child, ok := values[name].(map[string]any); ok {
			all = append(all, paths(child, prefix+name+".")...)
		}
	}
	return all
}

// nested makes a map in which the value stands at the path.
func nested(path string, value any) map[string]any {
	for _, name := range slices.Backward(strings.Split(path, ".")) {
		value = map[string]any{name: value}
	}
	return value.(map[string]any)
}

// everything switches on what is off by default, and sets no more of it than it must have.
var everything = map[string]any{
	"autoscaling":    map[string]any{"enabled": true},
	"ingress":        map[string]any{"enabled": true},
	"httpRoute":      map[string]any{"enabled": true, "parentRefs": []any{map[string]any{"name": "gateway"}}},
	"serviceMonitor": map[string]any{"enabled": true},
	"prometheusRule": map[string]any{"enabled": true},
	"dashboard":      map[string]any{"enabled": true},
	"trustedCA":      map[string]any{"existingConfigMap": "authorities"},
	"apiKeys":        map[string]any{"existingSecret": "api-keys"},
	"logHashKey":     map[string]any{"existingSecret": "log-hash"},
	"tests":          map[string]any{"bearer": map[string]any{"existingSecret": "bearer"}},
}

// TestNull: a key whose children are commented out is null. That is the same as no key, and nothing breaks.
func TestNull(t *testing.T) {
	var values map[string]any
	read(t, chart+"/values.yaml", &values)
	on := write(t, everything)
	want, errs, err := template(t, "helm4", "default", "--values="+on)
	if err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	required := []string{"image", "image.repository", "credentials", "credentials.existingSecret"}
	set := append(paths(everything, ""), "replicaCount")
	// Kubernetes' own fields in these: null takes them out
	free := []string{"resources", "podSecurityContext.", "securityContext.", "startupProbe.", "livenessProbe.", "readinessProbe."}
	for _, path := range paths(values, "") {
		if slices.Contains(required, path) {
			continue
		}
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			got, errs, err := template(t, "helm4", "default", "--values="+on, "--values="+write(t, nested(path, nil)))
			if err != nil && path != "httpRoute.parentRefs" && !strings.Contains(errs, "without a CPU request") {
				t.Fatalf("%v\n%s", err, errs)
			}
			changes := slices.Contains(set, path) || slices.ContainsFunc(free, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
			if !changes && got != want {
				t.Error("null and no key are not rendered alike")
			}
		})
	}
}

// previous is the chart as it was packaged before values were added and removed.
const previous = "testdata/previous.tgz"

// TestReuseValues: --reuse-values brings all values of an older chart, with their defaults, in place of this one's. Those that it
// lacks have their defaults, and those that are gone do no harm. The cluster test makes such an upgrade.
func TestReuseValues(t *testing.T) {
	for _, helm := range helms {
		t.Run(helm, func(t *testing.T) {
			old := filepath.Join(t.TempDir(), filepath.Base(chart))
			if err := os.CopyFS(old, os.DirFS(chart)); err != nil {
				t.Fatal(err)
			}
			values, errs, err := command(t, nil, helm, "show", "values", previous)
			if err != nil {
				t.Fatalf("%v\n%s", err, errs)
			}
			for _, gone := range []string{"AUTH_POLICY:", "runbookBaseUrl:"} {
				if !strings.Contains(values, gone) {
					t.Errorf("the older chart has no %s", gone)
				}
			}
			if err := os.WriteFile(filepath.Join(old, "values.yaml"), []byte(values), 0o600); err != nil {
				t.Fatal(err)
			}
			on := write(t, everything)
			want, errs, err := template(t, helm, "default", "--values="+on)
			if err != nil {
				t.Fatalf("%v\n%s", err, errs)
			}
			got, errs, err := command(t, nil, helm, "template", "auth", old, "--namespace=test", "--kube-version="+kubernetes, "--values=testdata/default.yaml", "--values="+on)
			if err != nil {
				t.Fatalf("%v\n%s", err, errs)
			}
			if got != want {
				t.Error("the values of the version before are not rendered as this version's own")
			}
		})
	}
}

// TestHabits: what people set in every chart is taken here too.
func TestHabits(t *testing.T) {
	for _, set := range []string{
		"image.tag=1",              // a number to Helm
		"enabled=true",             // the condition of an umbrella chart
		"global.imageRegistry=x",   // of other charts below the same umbrella
		"config.AUTH_AUDIENCE=",    // what is empty is not set
		"podAnnotations=null",      // and so is null
		"config=null,service=null", // sections too
	} {
		t.Run(set, func(t *testing.T) {
			if _, errs, err := template(t, "helm4", "default", "--set="+set); err != nil {
				t.Errorf("%v\n%s", err, errs)
			}
		})
	}
}

// restrictedV2 is what OpenShift's security context constraints "restricted-v2" say of users and groups: a pod runs as a user of
// its namespace's range and has a group of it. What a pod leaves out is filled in, and what is out of the range is refused.
// https://docs.redhat.com/en/documentation/openshift_container_platform/4.19/html/authentication_and_authorization/managing-pod-security-policies
func restrictedV2(pod *corev1.PodSpec) []string {
	const from, to = 1_000_680_000, 1_000_689_999
	var refusals []string
	within := func(field string, id *int64) {
		if id != nil && (*id < from || *id > to) {
			refusals = append(refusals, fmt.Sprintf("%s: %d must be in the ranges: [%d, %d]", field, *id, from, to))
		}
	}
	if c := pod.SecurityContext; c != nil {
		within("runAsUser", c.RunAsUser)
		within("fsGroup", c.FSGroup)
		for _, group := range c.SupplementalGroups {
			within("supplementalGroups", &group)
		}
	}
	for _, container := range slices.Concat(pod.InitContainers, pod.Containers) {
		if c := container.SecurityContext; c != nil {
			within(container.Name+".runAsUser", c.RunAsUser)
		}
	}
	for _, volume := range pod.Volumes {
		if volume.HostPath != nil {
			refusals = append(refusals, "hostPath volumes are not allowed to be used")
		}
	}
	return refusals
}

// TestOpenShift: restricted-v2 takes the pods of an OpenShift, and would not take those of another cluster.
func TestOpenShift(t *testing.T) {
	refusals := func(t *testing.T, args ...string) (all []string) {
		t.Helper()
		out, errs, err := template(t, "helm4", "default", args...)
		if err != nil {
			t.Fatalf("%v\n%s", err, errs)
		}
		pods := podTemplates(t, []byte(out))
		for _, pod := range pods {
			all = append(all, restrictedV2(&pod.Spec)...)
		}
		if len(pods) != 2 {
			t.Errorf("%d pods", len(pods))
		}
		return all
	}
	for name, args := range map[string][]string{
		"auto":  {"--api-versions=security.openshift.io/v1"},
		"force": {"--set=global.compatibility.openshift.adaptSecurityContext=force"},
	} {
		if got := refusals(t, args...); len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
	for name, args := range map[string][]string{
		"another cluster": nil,
		"disabled":        {"--api-versions=security.openshift.io/v1", "--set=global.compatibility.openshift.adaptSecurityContext=disabled"},
	} {
		if got := refusals(t, args...); len(got) != 4 {
			t.Errorf("%s: %v, want user and group of two pods", name, got)
		}
	}
}
