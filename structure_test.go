package main_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// serviceFiles parses the service's own code, tests aside, by folder.
func serviceFiles(t *testing.T) (*token.FileSet, map[string][]*ast.File) {
	t.Helper()
	files, folders := token.NewFileSet(), map[string][]*ast.File{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "e2e" || entry.Name() == "dist" || entry.Name() == "node_modules" || len(name) > 1 && entry.Name()[0] == '.'):
			return filepath.SkipDir
		case filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(files, name, nil, 0)
		folders[path.Dir(filepath.ToSlash(name))] = append(folders[path.Dir(filepath.ToSlash(name))], file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, folders
}

// TestEchoAtTheEdge: one file knows the framework, so that another version, or another framework, is a change to one file.
func TestEchoAtTheEdge(t *testing.T) {
	files, folders := serviceFiles(t)
	var importers []string
	for _, folder := range folders {
		for _, file := range folder {
			if slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return strings.Contains(i.Path.Value, "labstack/echo") }) {
				importers = append(importers, filepath.ToSlash(files.File(file.Pos()).Name()))
			}
		}
	}
	if !slices.Equal(importers, []string{"handler/edge.go"}) {
		t.Errorf("Echo is imported by %v; want handler/edge.go alone", importers)
	}
}

// TestNoCircles: whoever reads a package can start at a file that uses no other, and read on from there.
func TestNoCircles(t *testing.T) {
	files, folders := serviceFiles(t)
	for _, name := range []string{".", "handler", "internal/guard", "signer", "telemetry"} {
		uses := usesOf(t, files, name, folders[name])
		if len(uses) < 3 {
			t.Errorf("%s: %d files use another: the test does not see them", name, len(uses))
		}
		for len(uses) > 0 { // take away whatever uses only what was taken away before
			before := len(uses)
			for file, used := range uses {
				if !slices.ContainsFunc(used, func(other string) bool { return uses[other] != nil }) {
					delete(uses, file)
				}
			}
			if len(uses) == before {
				t.Errorf("these files lie in a circle of uses, or use one that does: %v", uses)
				break
			}
		}
	}
}

// usesOf lists for each file the other files of its package whose declarations it uses. What other packages declare does
// not matter, so they are empty to the type checker, and what it then misses is not an error.
func usesOf(t *testing.T, files *token.FileSet, name string, folder []*ast.File) map[string][]string {
	t.Helper()
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: emptyPackages{}, Error: func(error) {}}
	pkg, _ := config.Check(name, files, folder, info)
	uses := map[string][]string{}
	for identifier, object := range info.Uses {
		if object.Pkg() != pkg || !object.Pos().IsValid() {
			continue
		}
		user, used := files.File(identifier.Pos()).Name(), files.File(object.Pos()).Name()
		if user != used && !slices.Contains(uses[user], used) {
			uses[user] = append(uses[user], used)
		}
	}
	return uses
}

type emptyPackages struct{}

func (emptyPackages) Import(name string) (*types.Package, error) {
	pkg := types.NewPackage(name, path.Base(name))
	pkg.MarkComplete()
	return pkg, nil
}

// TestSizes: a file is read in one go, and a function on one screen.
func TestSizes(t *testing.T) {
	files, folders := serviceFiles(t)
	for _, folder := range folders {
		for _, file := range folder {
			if lines := files.File(file.Pos()).LineCount(); lines > 250 {
				t.Errorf("%s has %d lines; want 250 at most", files.File(file.Pos()).Name(), lines)
			}
			for _, d := range file.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if lines := files.Position(f.End()).Line - files.Position(f.Pos()).Line + 1; lines > 50 {
					t.Errorf("%s: %s has %d lines; want 50 at most", files.Position(f.Pos()), f.Name.Name, lines)
				}
			}
		}
	}
}

// TestWidth: code and comments fit beside one another on a screen. Only the tags of a configuration may be longer, as a
// tag can't be wrapped.
func TestWidth(t *testing.T) {
	files, folders := serviceFiles(t)
	for _, folder := range folders {
		for _, file := range folder {
			name := files.File(file.Pos()).Name()
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			number := 0
			for line := range strings.Lines(string(content)) {
				number++
				length := utf8.RuneCountInString(strings.TrimRight(line, "\r\n"))
				if length > 120 && !strings.Contains(line, `envconfig:"`) {
					t.Errorf("%s:%d has %d characters; want 120 at most", name, number, length)
				}
			}
		}
	}
}

// TestImage: the image is built from every folder that the service is compiled from.
func TestImage(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{$.Dir}}{{end}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"Dockerfile": "COPY %[1]s %[1]s", ".dockerignore": "!%s"} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(content), "\n")
		for dir := range strings.FieldsSeq(string(out)) {
			folder, err := filepath.Rel(root, dir)
			if err != nil {
				t.Fatal(err)
			}
			folder, _, _ = strings.Cut(filepath.ToSlash(folder), "/")
			if line := fmt.Sprintf(want, folder); folder != "." && !slices.Contains(lines, line) {
				t.Errorf("%s has no line %q", file, line)
			}
		}
	}
}
