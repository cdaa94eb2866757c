package chart_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"videosdk-auth-endpoint/e2e/internal/modules"
)

// schemaFile is where kubeconform looks for the schema of a kind, in the folder of schemas.
const schemaFile = "/{{.Group}}/{{.ResourceAPIVersion}}/{{.ResourceKind}}.json"

const (
	definitionPrefix = "#/definitions/"
	objectMeta       = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
)

// customResources are the files of CustomResourceDefinitions in a module's source.
type customResources struct{ module, files string }

// rendered are those of the kinds that the chart makes.
var rendered = []customResources{
	{modules.PrometheusOperator, "example/prometheus-operator-crd/*.yaml"},
	{modules.Gateway, "config/crd/standard/*.yaml"},
}

type schema = map[string]any

// makeSchemas writes a JSON schema for every kind of the API, and for the custom resources, and returns the folder.
func makeSchemas(t *testing.T, custom ...customResources) string {
	t.Helper()
	var swagger struct{ Definitions map[string]schema }
	content, err := os.ReadFile(modules.Dir(t, modules.Kubernetes) + "/api/openapi-spec/swagger.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &swagger); err != nil {
		t.Fatal(err)
	}
	for name, definition := range swagger.Definitions {
		swagger.Definitions[name] = closed(definition).(schema)
	}
	// the API takes numbers here too
	swagger.Definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = schema{"type": []string{"string", "number"}}

	dir := t.TempDir()
	for _, definition := range swagger.Definitions {
		kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 { // with more, it is a part of many requests and no object
			continue
		}
		kind := kinds[0].(schema)
		writeSchema(t, dir, kind["group"].(string), kind["version"].(string), kind["kind"].(string), definition, swagger.Definitions)
	}
	for _, c := range custom {
		customSchemas(t, dir, filepath.Join(modules.Dir(t, c.module), c.files), swagger.Definitions)
	}
	return dir
}

// customSchemas writes the schemas in the CustomResourceDefinitions of the files.
func customSchemas(t *testing.T, dir, pattern string, definitions map[string]schema) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(files), err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects(t, content) {
			if o.Kind != "CustomResourceDefinition" {
				continue
			}
			var definition struct {
				Group    string
				Names    struct{ Kind string }
				Versions []struct {
					Name   string
					Schema struct{ OpenAPIV3Schema schema }
				}
			}
			if err := json.Unmarshal(o.Spec, &definition); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			for _, version := range definition.Versions {
				root := closed(version.Schema.OpenAPIV3Schema).(schema)
				root["properties"].(schema)["metadata"] = schema{"$ref": definitionPrefix + objectMeta}
				writeSchema(t, dir, definition.Group, version.Name, definition.Names.Kind, root, definitions)
			}
		}
	}
}

// writeSchema writes a schema together with the definitions that it needs.
func writeSchema(t *testing.T, dir, group, version, kind string, root schema, definitions map[string]schema) {
	t.Helper()
	if group == "" { // as kubeconform has it for v1
		group = version
	}
	needed := schema{}
	collect(root, definitions, needed)
	root = maps.Clone(root)
	root["definitions"] = needed
	content, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, group, version, strings.ToLower(kind)+".json")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// collect adds the definitions that a node refers to, and those that they refer to.
func collect(node any, definitions map[string]schema, needed schema) {
	switch node := node.(type) {
	case schema:
		if ref, ok := node["$ref"].(string); ok {
			name := strings.TrimPrefix(ref, definitionPrefix)
			if _, ok := needed[name]; !ok {
				needed[name] = definitions[name]
				collect(definitions[name], definitions, needed)
			}
		}
		for _, child := range node {
			collect(child, definitions, needed)
		}
	case []any:
		for _, child := range node {
			collect(child, definitions, needed)
		}
	}
}

// closed turns an OpenAPI schema into a JSON schema that refuses fields which it does not name.
func closed(node any) any {
	switch node := node.(type) {
	case schema:
		if node["format"] == "int-or-string" {
			return schema{"type": []string{"integer", "string"}}
		}
		result := schema{}
		for key, child := range node {
			switch key {
			case "properties": // its keys are names of fields
				fields := schema{}
				for name, field := range child.(schema) {
					fields[name] = closed(field)
				}
				result[key] = fields
			case "description", "x-kubernetes-validations": // long, and nothing that is checked here
			case "allOf", "anyOf", "oneOf", "not": // these add to a schema that is closed itself
				result[key] = child
			default:
				result[key] = closed(child)
			}
		}
		_, listed := node["properties"].(schema)
		_, others := node["additionalProperties"]
		if listed && !others && node["x-kubernetes-preserve-unknown-fields"] != true && node["type"] == "object" {
			result["additionalProperties"] = false
		}
		return result
	case []any:
		result := slices.Clone(node)
		for i, child := range result {
			result[i] = closed(child)
		}
		return result
	default:
		return node
	}
}
