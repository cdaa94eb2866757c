package chart_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"videosdk-auth-endpoint/e2e/internal/modules"

	"sigs.k8s.io/yaml"
)

// documented are the custom resources in the documentation's examples, of the systems that they are for.
var documented = slices.Concat(rendered, []customResources{
	{modules.ExternalSecrets, "deploy/crds/bundle.yaml"},
	{modules.SealedSecrets, "helm/sealed-secrets/crds/*.yaml"},
	{modules.SecretsStore, "config/crd/bases/*.yaml"},
	{modules.Traefik, "docs/content/reference/dynamic-configuration/traefik.io_*.yaml"},
	{modules.ArgoCD, "manifests/crds/*-crd.yaml"},
	{modules.FluxOperator, "config/data/flux/v2.9.5/*-controller.yaml"},
})

// example is a YAML document of the documentation.
type example struct{ name, text string }

var yamlBlock = regexp.MustCompile("(?ms)^( *)```ya?ml\n(.*?)^ *```$")

// examples are all YAML documents of the documentation.
func examples(t *testing.T) (all []example) {
	t.Helper()
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/*/*.md", chart + "/*.md"} {
		pages, err := filepath.Glob(pattern)
		if err != nil || len(pages) == 0 {
			t.Fatalf("%s: %d pages, %v", pattern, len(pages), err)
		}
		for _, page := range pages {
			content, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			for _, block := range yamlBlock.FindAllStringSubmatch(string(content), -1) {
				text := strings.ReplaceAll("\n"+block[2], "\n"+block[1], "\n")[1:] // a block in a list is indented
				for document := range strings.SplitSeq(text, "\n---\n") {
					first, _, _ := strings.Cut(document, "\n")
					all = append(all, example{filepath.Base(page) + ": " + first, document})
				}
			}
		}
	}
	return all
}

// chartValues returns what is for the chart in an example: all of it, or what Argo CD and Flux hand on.
func chartValues(known, content map[string]any) map[string]any {
	within := func(names ...string) (found map[string]any) {
		found = content
		for _, name := range names {
			found, _ = found[name].(map[string]any)
		}
		return found
	}
	switch content["kind"] {
	case "Application":
		return within("spec", "source", "helm", "valuesObject")
	case "HelmRelease":
		return within("spec", "values")
	}
	for name := range content {
		if known[name] == nil {
			return nil // another program's
		}
	}
	return content
}

// TestExamples: every manifest in the documentation is valid for the API that it is for, and the chart takes all values. A field
// that such an API does not know is found.
func TestExamples(t *testing.T) {
	schemas := makeSchemas(t, documented...)
	var known map[string]any
	read(t, chart+"/values.yaml", &known)
	manifests, rendered := map[string]string{}, 0
	for _, e := range examples(t) {
		t.Run(e.name, func(t *testing.T) {
			var content map[string]any
			if err := yaml.UnmarshalStrict([]byte(e.text), &content); err != nil {
				t.Fatal(err)
			}
			if content["apiVersion"] != nil || content["kind"] != nil {
				if out, err := conform(t, schemas, []byte(e.text)); err != nil || !strings.Contains(out, "Valid: 1, Invalid: 0, Errors: 0, Skipped: 0") {
					t.Errorf("%v\n%s", err, out)
				}
				kind, _ := content["kind"].(string)
				manifests[kind] = e.text
			}
			values := chartValues(known, content)
			if len(values) == 0 {
				return
			}
			rendered++
			if credentials, ok := values["credentials"].(map[string]any); ok && credentials["existingSecret"] == nil {
				credentials["existingSecret"] = "" // in place of that of testdata
			}
			out, errs, err := template(t, "helm4", "default", "--values="+write(t, values))
			if err != nil {
				t.Fatalf("%v\n%s", err, errs)
			}
			if out, err := conform(t, schemas, []byte(out)); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	if len(manifests) < 7 || rendered < 10 {
		t.Errorf("%d kinds of manifests and %d examples of values: the test does not find them", len(manifests), rendered)
	}
	for _, c := range []struct{ kind, old, new string }{
		{"ExternalSecret", "remoteRef:", "remoteReference:"},
		{"ExternalSecret", "secretStoreRef:", "secretStore:"},
		{"SealedSecret", "encryptedData:", "encryptData:"},
		{"SecretProviderClass", "parameters:", "parameter:"},
		{"Middleware", "average:", "averages:"},
		{"Application", "repoURL:", "repoUrl:"},
		{"Application", "selfHeal: true", "selfHeal: yes please"},
		{"OCIRepository", "layerSelector:", "layersSelector:"},
		{"HelmRelease", "chartRef:", "chartReference:"},
		{"HelmRelease", "kind: HelmRelease", "kind: HelmReleases"},
	} {
		t.Run("wrong/"+c.kind+" "+c.new, func(t *testing.T) {
			wrong := strings.Replace(manifests[c.kind], c.old, c.new, 1)
			if wrong == manifests[c.kind] {
				t.Fatalf("no example of %s has %q", c.kind, c.old)
			}
			if out, err := conform(t, schemas, []byte(wrong)); err == nil {
				t.Errorf("not found:\n%s", out)
			}
		})
	}
}
