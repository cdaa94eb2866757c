// Command manifests renders the chart into plain manifests for kustomize: one file per object, without what only Helm needs.
// It is run in its module's folder:
//
//	go run ./manifests ../../k8s/base
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"videosdk-auth-endpoint/e2e/parts"
)

const (
	name   = "videosdk-auth-endpoint"
	header = "# Rendered from the chart by `make manifests`: change it there.\n"
)

// source is Helm's comment that names the template.
var source = regexp.MustCompile(`(?m)^# Source: .*\n`)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./manifests DIR")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run replaces the YAML files of the directory.
func run(dir string) error {
	rendering, err := template()
	if err != nil {
		return err
	}
	files, err := split(rendering)
	if err != nil {
		return err
	}
	files["kustomization.yaml"] = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - " +
		strings.Join(slices.Sorted(maps.Keys(files)), "\n  - ") + "\n"

	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range old {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	for file, content := range files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(header+content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// template is what Helm makes of the chart; Ingress and what needs an operator are off by default.
func template() ([]byte, error) {
	helm, err := parts.Find("helm4")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(helm, "template", name, "../../charts/"+name, "--skip-tests",
		"--set", "credentials.existingSecret=videosdk-credentials",
		// nobody can have the domain .invalid: an overlay has to say where the image is
		"--set", "image.repository=registry.invalid/"+name)
	cmd.Stderr = os.Stderr
	return cmd.Output()
}

// split turns the rendering into files named after the kind of their object.
func split(rendering []byte) (map[string]string, error) {
	files := map[string]string{}
	decoder := yaml.NewDecoder(bytes.NewReader(rendering))
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return files, nil
		} else if err != nil {
			return nil, err
		}
		if len(document.Content) == 0 || document.Content[0].Kind != yaml.MappingNode {
			continue
		}
		object := document.Content[0]
		file := strings.ToLower(value(object, "kind").Value) + ".yaml"
		if _, ok := files[file]; ok {
			return nil, fmt.Errorf("two objects for %s", file)
		}
		clean(object)
		content, err := encode(&document)
		if err != nil {
			return nil, err
		}
		files[file] = content
	}
}

// clean takes out the namespace, which kustomize sets, and what says that Helm manages the object.
func clean(object *yaml.Node) {
	metadata := value(object, "metadata")
	remove(metadata, "namespace")
	for _, labels := range []*yaml.Node{value(metadata, "labels"), value(object, "spec", "template", "metadata", "labels")} {
		remove(labels, "helm.sh/chart")
		remove(labels, "app.kubernetes.io/managed-by")
	}
}

// value returns what is at the path in a mapping, or nil.
func value(node *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		i := index(node, key)
		if i < 0 {
			return nil
		}
		node = node.Content[i+1]
	}
	return node
}

func remove(mapping *yaml.Node, key string) {
	if i := index(mapping, key); i >= 0 {
		mapping.Content = slices.Delete(mapping.Content, i, i+2)
	}
}

// index is where the key stands in the mapping, whose content alternates keys and values.
func index(mapping *yaml.Node, key string) int {
	if mapping == nil {
		return -1
	}
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return i
		}
	}
	return -1
}

// encode keeps the comments of the chart.
func encode(document *yaml.Node) (string, error) {
	var b strings.Builder
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(document); err != nil {
		return "", err
	}
	if err := encoder.Close(); err != nil {
		return "", err
	}
	return strings.TrimLeft(source.ReplaceAllString(b.String(), ""), "\n"), nil
}
