// Package chart_test proves the Helm chart and the manifests made of it without a cluster, with the tools that users have.
// Package parts builds them the first time that the tests run.
// Run them with -count=1: Go keeps results of tests, and does not see that files outside of this module changed.
package chart_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"videosdk-auth-endpoint/e2e/parts"
	"videosdk-auth-endpoint/internal/servicetest"
)

const (
	chart      = "../../charts/videosdk-auth-endpoint"
	base       = "../../k8s/base"
	overlay    = "../../k8s/overlays/example"
	kubernetes = "1.37.2"
)

var (
	helms = []string{"helm3", "helm4"}
	// valueFiles are ways to use the chart, in testdata.
	valueFiles = []string{"default", "all", "secret", "guarded"}
)

// command runs a program and returns its output.
func command(t *testing.T, stdin []byte, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), parts.Path(t, name), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// template renders the chart; release and namespace have names unlike the chart's, so that a fixed one is found.
func template(t *testing.T, helm, values string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	// Helm built without its release flags takes Kubernetes for a very old one
	args = append([]string{"template", "auth", chart, "--namespace=test", "--kube-version=" + kubernetes, "--values=testdata/" + values + ".yaml"}, args...)
	return command(t, nil, helm, args...)
}

// render returns the manifests that Helm 4 makes.
func render(t *testing.T, values string) []byte {
	t.Helper()
	out, errs, err := template(t, "helm4", values)
	if err != nil {
		t.Fatalf("helm template: %v\n%s", err, errs)
	}
	return []byte(out)
}

// build returns the manifests that kustomize makes of the overlay.
func build(t *testing.T) []byte {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), overlay)
	if err != nil {
		t.Fatal(err)
	}
	manifests, err := resources.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return manifests
}

// renderings are all manifests that users may get.
func renderings(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{"overlay": build(t)}
	for _, values := range valueFiles {
		all[values] = render(t, values)
	}
	return all
}

// object is what the tests look at in a manifest.
type object struct {
	APIVersion, Kind string
	Metadata         struct{ Name, Namespace string }
	Spec             json.RawMessage
}

// objects splits manifests.
func objects(t *testing.T, manifests []byte) []object {
	t.Helper()
	var all []object
	for decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096); ; {
		var o object
		if err := decoder.Decode(&o); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if o.Kind != "" { // empty documents have none
			all = append(all, o)
		}
	}
}

// podTemplates are the pods of manifests, and those that its Deployments make, by kind and name.
func podTemplates(t *testing.T, manifests []byte) map[string]corev1.PodTemplateSpec {
	t.Helper()
	all := map[string]corev1.PodTemplateSpec{}
	for _, o := range objects(t, manifests) {
		var pod corev1.PodTemplateSpec
		var err error
		switch o.Kind {
		case "Pod":
			err = json.Unmarshal(o.Spec, &pod.Spec)
		case "Deployment":
			err = json.Unmarshal(o.Spec, &struct{ Template *corev1.PodTemplateSpec }{&pod})
		default:
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		all[o.Kind+" "+o.Metadata.Name] = pod
	}
	return all
}

// read decodes a YAML file.
func read(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// TestLint: Helm finds nothing to warn about.
func TestLint(t *testing.T) {
	for _, helm := range helms {
		for _, values := range valueFiles {
			t.Run(helm+"/"+values, func(t *testing.T) {
				out, errs, err := command(t, nil, helm, "lint", "--strict", "--kube-version="+kubernetes, "--values=testdata/"+values+".yaml", chart)
				if err != nil || strings.Contains(out, "WARNING") {
					t.Errorf("%v\n%s%s", err, out, errs)
				}
			})
		}
	}
}

// TestHelmVersions: Helm 3 and Helm 4 make the same of the chart, so the other tests need only one of them.
func TestHelmVersions(t *testing.T) {
	lines := func(rendering string) []string { // Helm 4 has more empty lines
		return slices.DeleteFunc(strings.Split(rendering, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
	}
	for _, values := range valueFiles {
		t.Run(values, func(t *testing.T) {
			out, errs, err := template(t, "helm3", values)
			if err != nil {
				t.Fatalf("%v\n%s", err, errs)
			}
			if !slices.Equal(lines(out), lines(string(render(t, values)))) {
				t.Error("the renderings differ")
			}
		})
	}
}

// TestUnits: the chart's own suites pass.
func TestUnits(t *testing.T) {
	// a copy, as helm-unittest makes a folder for snapshots
	folder := filepath.Join(t.TempDir(), filepath.Base(chart))
	if err := os.CopyFS(folder, os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	out, errs, err := command(t, nil, "helm-unittest", "--strict", folder)
	summary := out[max(0, strings.LastIndex(out, "\nCharts:")):]
	if err != nil || !regexp.MustCompile(`Tests: +[1-9][0-9]* passed`).MatchString(summary) {
		t.Errorf("%v\n%s%s", err, out, errs)
	}
	t.Log(summary)
}

// conform holds manifests against the schemas in the folder.
func conform(t *testing.T, schemas string, manifests []byte) (string, error) {
	t.Helper()
	out, errs, err := command(t, manifests, "kubeconform", "-strict", "-summary", "-schema-location="+schemas+schemaFile)
	return out + errs, err
}

// TestSchemas: every object is valid for the API, and a field that the API does not know is found.
func TestSchemas(t *testing.T) {
	dir := makeSchemas(t, rendered...)
	for name, manifests := range renderings(t) {
		t.Run(name, func(t *testing.T) {
			out, err := conform(t, dir, manifests)
			if want := fmt.Sprintf("Valid: %d, Invalid: 0, Errors: 0, Skipped: 0", len(objects(t, manifests))); err != nil || !strings.Contains(out, want) {
				t.Errorf("%v\n%s", err, out)
			}
			t.Log(out)
		})
	}
	all := string(render(t, "all"))
	for _, c := range []struct{ name, old, new, want string }{
		{"field of a Deployment", "terminationGracePeriodSeconds:", "terminationGracePeriod:", "Deployment"},
		{"field of a probe", "failureThreshold:", "failureTreshold:", "Deployment"},
		{"number as text", "revisionHistoryLimit: 2", `revisionHistoryLimit: "2"`, "Deployment"},
		{"text as a number", "name: PORT\n              value: \"4000\"", "name: PORT\n              value: 4000", "Deployment"},
		{"field twice", "terminationGracePeriodSeconds:", "terminationGracePeriodSeconds: 1\n      terminationGracePeriodSeconds:", "already set"},
		{"field of a HorizontalPodAutoscaler", "averageUtilization:", "averageUtilisation:", "HorizontalPodAutoscaler"},
		{"field of a PrometheusRule", "alert:", "alarm:", "PrometheusRule"},
		{"field of a ServiceMonitor", "scrapeTimeout:", "scrapeTimeOut:", "ServiceMonitor"},
		{"metadata of a ServiceMonitor", "kind: ServiceMonitor\nmetadata:", "kind: ServiceMonitor\nmetadata:\n  label: {}", "ServiceMonitor"},
		{"field of an HTTPRoute", "parentRefs:", "parentRef:", "HTTPRoute"},
		{"value of an HTTPRoute", "type: PathPrefix", "type: Prefix", "HTTPRoute"},
		{"kind", "kind: ServiceMonitor", "kind: ServiceMonitors", "could not find schema"},
	} {
		t.Run("wrong/"+c.name, func(t *testing.T) {
			wrong := strings.Replace(all, c.old, c.new, 1)
			if wrong == all {
				t.Fatalf("the rendering has no %q", c.old)
			}
			if out, err := conform(t, dir, []byte(wrong)); err == nil || !strings.Contains(out, c.want) {
				t.Errorf("not found: %v\n%s", err, out)
			}
		})
	}
}

// TestRules: Prometheus takes the rules as they are rendered, and their runbooks have the URL that was asked for.
func TestRules(t *testing.T) {
	rules := slices.DeleteFunc(objects(t, render(t, "all")), func(o object) bool { return o.Kind != "PrometheusRule" })
	if len(rules) != 1 {
		t.Fatalf("%d PrometheusRules", len(rules))
	}
	file := filepath.Join(t.TempDir(), "rules.json")
	if err := os.WriteFile(file, rules[0].Spec, 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, err := command(t, nil, "promtool", "check", "rules", "--lint=all", "--lint-fatal", file)
	if err != nil {
		t.Errorf("%v\n%s", err, errs)
	}
	t.Log(out)
	spec := string(rules[0].Spec)
	alerts := strings.Count(spec, `"alert":`)
	if runbooks := strings.Count(spec, `"runbook_url":"https://example.com/videosdk-auth-endpoint/docs/runbooks/`); alerts == 0 || runbooks != alerts {
		t.Errorf("%d alerts, %d runbooks", alerts, runbooks)
	}
}

// TestPodSecurity: every pod is allowed where Pod Security "restricted" is enforced.
func TestPodSecurity(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	refusals := func(meta *metav1.ObjectMeta, spec *corev1.PodSpec) string {
		level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, meta, spec))
		return result.ForbiddenDetail()
	}
	for name, manifests := range renderings(t) {
		pods := podTemplates(t, manifests)
		for of, pod := range pods {
			if detail := refusals(&pod.ObjectMeta, &pod.Spec); detail != "" {
				t.Errorf("%s: %s: %s", name, of, detail)
			}
			pod.Spec.HostNetwork = true
			if refusals(&pod.ObjectMeta, &pod.Spec) == "" {
				t.Error("a pod on the host's network is not refused")
			}
		}
		if len(pods) == 0 {
			t.Errorf("%s has no pods", name)
		}
	}
}

// TestRefusals: what can't work is refused before anything is installed, and the error says what to change.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name string
		set  []string
		want string
	}{
		{"no credentials", []string{"credentials.existingSecret="}, "videosdk-auth-endpoint needs credentials: set credentials.existingSecret"},
		{"key without secret", []string{"credentials.existingSecret=", "credentials.key=k"}, "set credentials.secret too"},
		{"secret without key", []string{"credentials.existingSecret=", "credentials.secret=s"}, "set credentials.key too"},
		{"two sources", []string{"credentials.key=k", "credentials.secret=s"}, "has two sources of credentials"},
		{"misspelt value", []string{"replicaCuont=3"}, "'replicaCuont' not allowed"},
		{"misspelt value of the image", []string{"image.tagg=1"}, "at '/image': additional properties 'tagg' not allowed"},
		{"value of an older chart", []string{"config.AUTH_POLICY=true"}, "at '/config/AUTH_POLICY': value must be one of ''"},
		{"misspelt variable", []string{"config.TOKEN_TTL=1h"}, "at '/config': additional properties 'TOKEN_TTL' not allowed"},
		{"variable of the chart", []string{"config.PORT=1"}, "'PORT' not allowed"},
		{"text for a number", []string{"replicaCount=many"}, "at '/replicaCount': got string, want null or integer"},
		{"number for a switch", []string{"ingress.enabled=1"}, "at '/ingress/enabled': got number, want null or boolean"},
		{"kind of Service", []string{"service.type=Headless"}, "at '/service/type': value must be one of"},
		{"digest", []string{"image.digest=latest"}, "at '/image/digest'"},
		{"variable set twice", []string{"extraEnv[0].name=PORT"}, "sets PORT itself: take it out of extraEnv"},
		{"memory limit", []string{"resources.limits.memory=1G"}, `can't derive GOMEMLIMIT from resources.limits.memory "1G"`},
		{"users' tokens for any audience", []string{"config.AUTH_ISSUER=https://id.example.com"}, "set config.AUTH_AUDIENCE"},
		{"proxy that anybody could be", []string{"config.AUTH_PROXY_HEADER=X-Forwarded-User"}, "set config.TRUSTED_PROXIES"},
		{"two policies", []string{"policy=request.role == 0", "extraEnv[0].name=AUTH_POLICY_FILE"}, "sets AUTH_POLICY_FILE itself"},
		{"no image", []string{"image.repository="}, "videosdk-auth-endpoint needs an image: set image.repository"},
		{"misspelt switch of OpenShift", []string{"global.compatibility.openshift.adaptSecurityContexts=force"}, "'adaptSecurityContexts' not allowed"},
		{"audience that would lose digits", []string{"config.AUTH_ISSUER=https://id.example.com", "config.AUTH_AUDIENCE=123456789012345678"}, "at '/config/AUTH_AUDIENCE': got number, want null or string or array"},
		{"HTTPRoute without a Gateway", []string{"httpRoute.enabled=true"}, "set httpRoute.parentRefs"},
	} {
		for _, helm := range helms {
			t.Run(helm+"/"+c.name, func(t *testing.T) {
				out, errs, err := template(t, helm, "default", "--set="+strings.Join(c.set, ","))
				if err == nil || !strings.Contains(errs, c.want) || out != "" {
					t.Errorf("want %q, got %v\n%s%s", c.want, err, errs, out)
				}
			})
		}
	}
	t.Run("old Kubernetes", func(t *testing.T) {
		if _, errs, err := template(t, "helm4", "default", "--kube-version=1.28.0"); err == nil || !strings.Contains(errs, "requires kubeVersion") {
			t.Errorf("%v\n%s", err, errs)
		}
	})
}

// TestReadme: the chart's README is what helm-docs makes of the values, and every value has its comment.
func TestReadme(t *testing.T) {
	out, errs, err := command(t, nil, "helm-docs", "--chart-search-root="+chart, "--sort-values-order=file", "--dry-run")
	if err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	readme, err := os.ReadFile(chart + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(out) != strings.TrimSpace(string(readme)) {
		t.Error("README.md is stale: run `helm-docs --sort-values-order=file` on the chart")
	}
	// not --documentation-strict-mode: it does not see comments that begin with "# --"
	if rows := regexp.MustCompile(`(?m)^\|.*\|\s*\|$`).FindAllString(out, -1); len(rows) > 0 {
		t.Errorf("values without a comment: %q", rows)
	}
}

// TestVariables: whatever the service can be told, the chart can tell it, and nothing else.
func TestVariables(t *testing.T) {
	out, err := servicetest.Command(t, nil, "help").Output()
	if err != nil {
		t.Fatal(err)
	}
	help := string(out)
	// the OpenTelemetry SDK reads these itself
	known := []string{"OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"}
	for _, match := range regexp.MustCompile(`(?m)^([A-Z][A-Z0-9_]+) `).FindAllStringSubmatch(help, -1) {
		known = append(known, match[1])
	}
	// the chart has other values for these
	own := []string{
		"HOST", "METRICS", // a pod has its own address, and a port for metrics
		"PORT", "ADMIN_PORT", // ports of the container are fixed; service.port is the one that clients see
		"SHUTDOWN_DELAY", "SHUTDOWN_TIMEOUT", // shutdown gives the grace period too
		"ZOOM_VIDEO_SDK_KEY", "ZOOM_VIDEO_SDK_SECRET", "ZOOM_VIDEO_SDK_KEY_FILE", "ZOOM_VIDEO_SDK_SECRET_FILE", // credentials
		"LOG_HASH_KEY",                        // logHashKey, as it is a secret
		"AUTH_API_KEYS_FILE", "AUTH_API_KEYS", // apiKeys, from a Secret
		"AUTH_POLICY", "AUTH_POLICY_FILE", // policy, as a part of the pods
	}
	for _, name := range own {
		if !slices.Contains(known, name) {
			t.Errorf("the service does not know %s", name)
		}
	}
	known = slices.DeleteFunc(known, func(name string) bool { return slices.Contains(own, name) })
	slices.Sort(known)
	if len(known) < 20 {
		t.Errorf("only %v", known)
	}

	var values struct{ Config map[string]any }
	read(t, chart+"/values.yaml", &values)
	var schema struct {
		Properties struct {
			Config struct{ Properties map[string]any }
		}
	}
	read(t, chart+"/values.schema.json", &schema)
	maps.DeleteFunc(schema.Properties.Config.Properties, func(_ string, of any) bool { // those of older charts
		return of.(map[string]any)["$ref"] == "#/definitions/gone"
	})
	var all struct{ Config map[string]any }
	read(t, "testdata/all.yaml", &all)
	for name, config := range map[string]map[string]any{
		"values.yaml": values.Config, "values.schema.json": schema.Properties.Config.Properties, "testdata/all.yaml": all.Config,
	} {
		if got := slices.Sorted(maps.Keys(config)); !slices.Equal(got, known) {
			t.Errorf("config of %s is\n%v, the service knows\n%v", name, got, known)
		}
	}
}

// TestManifests: k8s/base is what the chart renders today.
func TestManifests(t *testing.T) {
	dir := t.TempDir()
	if errs, err := exec.CommandContext(t.Context(), "go", "run", "./manifests", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	if got, want := contents(t, base), contents(t, dir); !maps.Equal(got, want) {
		for file := range maps.Keys(want) {
			if got[file] != want[file] {
				t.Logf("%s differs", file)
			}
		}
		t.Errorf("k8s/base is stale: run `make manifests`. It has %v, the chart makes %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// contents reads the files of a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestOverlay: kustomize sets what the example says it sets, and nothing of Helm is left.
func TestOverlay(t *testing.T) {
	manifests := build(t)
	var kinds []string
	for _, o := range objects(t, manifests) {
		kinds = append(kinds, o.Kind)
		if o.Metadata.Namespace != "videosdk" {
			t.Errorf("%s is in the namespace %q", o.Kind, o.Metadata.Namespace)
		}
	}
	slices.Sort(kinds)
	if want := []string{"Deployment", "Ingress", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"}; !slices.Equal(kinds, want) {
		t.Errorf("%v, want %v", kinds, want)
	}
	for _, want := range []string{"replicas: 3\n", "image: ghcr.io/", "host: tokens.example.com\n", "secretName: videosdk-credentials\n", "value: https://app.example.com\n"} {
		if !bytes.Contains(manifests, []byte(want)) {
			t.Errorf("no %q in\n%s", want, manifests)
		}
	}
	if bytes.Contains(bytes.ToLower(manifests), []byte("helm")) {
		t.Errorf("Helm is left in\n%s", manifests)
	}
}
