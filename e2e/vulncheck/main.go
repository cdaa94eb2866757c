// Command vulncheck fails when a Go module has a known vulnerability that it imports or reaches, unless an OpenVEX document
// says why the module is not affected. It needs no network but the Go module proxy, because the Go vulnerability database
// is a module too.
//
// It judges the toolchain that go.mod declares, and not the one that happens to run it: a release is built by the former.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/openvex/go-vex/pkg/vex"
)

func main() {
	vexFile := flag.String("vex", "", "the OpenVEX `document` about the modules")
	database := flag.String("db", "", "the `URL` of the vulnerability database; empty: made of the module golang.org/x/vulndb")
	systems := flag.String("os", "linux", "the `systems` to look at, with commas")
	tests := flag.Bool("test", false, "look at the tests too")
	tags := flag.String("tags", "", "build `tags`, with commas")
	flag.Parse()
	c := &checker{ctx: context.Background(), database: *database, tests: *tests, tags: *tags, used: map[string]bool{}}
	if err := c.run(*vexFile, flag.Args(), strings.Split(*systems, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "vulncheck:", err)
		os.Exit(1)
	}
}

// checker scans modules and remembers which statements it needed.
type checker struct {
	ctx      context.Context //nolint:containedctx // the whole program has one
	database string
	tests    bool
	tags     string
	document *vex.VEX
	used     map[string]bool
}

func (c *checker) run(vexFile string, modules, systems []string) error {
	if len(modules) == 0 {
		return errors.New("name the directories of the modules to check")
	}
	if err := c.readDocument(vexFile); err != nil {
		return err
	}
	if c.database == "" {
		directory, err := os.MkdirTemp("", "vulndb")
		if err != nil {
			return err
		}
		defer os.RemoveAll(directory)
		if err := c.makeDatabase(directory); err != nil {
			return err
		}
		c.database = "file://" + directory
	}
	failures := 0
	for _, module := range modules {
		for _, system := range systems {
			n, err := c.check(module, system)
			if err != nil {
				return fmt.Errorf("%s: %w", module, err)
			}
			failures += n
		}
	}
	for i := range c.document.Statements {
		if name := string(c.document.Statements[i].Vulnerability.Name); !c.used[name] {
			fmt.Printf("%s says something about %s, which no module needs any more: remove that statement\n", vexFile, name)
			failures++
		}
	}
	if failures > 0 {
		return fmt.Errorf("%d problems", failures)
	}
	return nil
}

// readDocument reads and validates the OpenVEX document.
func (c *checker) readDocument(file string) error {
	c.document = &vex.VEX{}
	if file == "" {
		return nil
	}
	document, err := vex.Open(file)
	if err != nil {
		return err
	}
	for i := range document.Statements {
		if err := document.Statements[i].Validate(); err != nil {
			return fmt.Errorf("%s: statement %d: %w", file, i+1, err)
		}
	}
	c.document = document
	return nil
}

// makeDatabase writes the database of the module golang.org/x/vulndb as govulncheck reads it.
func (c *checker) makeDatabase(directory string) error {
	// go list does not say where a module is until it is downloaded
	if _, err := c.output("", "mod", "download", "golang.org/x/vulndb"); err != nil {
		return err
	}
	source, err := c.output("", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/vulndb")
	if err != nil {
		return err
	}
	_, err = c.output("", "tool", "indexdb", "-vulns", filepath.Join(strings.TrimSpace(source), "data", "osv"), "-out", directory)
	return err
}

// check scans a module as it is built for a system. It returns how many of its vulnerabilities no statement covers.
func (c *checker) check(directory, system string) (int, error) {
	name, toolchain, err := c.module(directory)
	if err != nil {
		return 0, err
	}
	findings, version, err := c.scan(directory, system, toolchain)
	if err != nil {
		return 0, err
	}
	failures, covered := 0, 0
	for _, id := range slices.Sorted(maps.Keys(findings)) {
		switch f := findings[id]; {
		case f.detail == required:
		case c.covers(name, f):
			covered++
		default:
			failures++
			fix := "no version fixes it"
			if f.fixed != "" {
				fix = "fixed in " + f.fixed
			}
			fmt.Printf("%s (%s): %s: %s %s is %s: %s\n", name, system, f.id, f.module, f.version, f.where, fix)
		}
	}
	fmt.Printf("%s (%s, %s): %d not covered, %d covered by a VEX statement\n", name, system, version, failures, covered)
	return failures, nil
}

// module returns the name of the module in a directory, and the toolchain that it declares.
func (c *checker) module(directory string) (name, toolchain string, err error) {
	out, err := c.output(directory, "mod", "edit", "-json")
	if err != nil {
		return "", "", err
	}
	var file struct {
		Module    struct{ Path string }
		Toolchain string
	}
	err = json.Unmarshal([]byte(out), &file)
	return file.Module.Path, file.Toolchain, err
}

// covers tells whether the document's last statement about a finding says that the module is not affected.
func (c *checker) covers(name string, f finding) bool {
	statements := c.document.Matches(f.id, "pkg:golang/"+name, []string{"pkg:golang/" + f.module + "@" + f.version})
	if len(statements) == 0 || statements[len(statements)-1].Status != vex.StatusNotAffected {
		return false
	}
	c.used[string(statements[len(statements)-1].Vulnerability.Name)] = true
	return true
}

// output runs a go command in a directory, or in this module if it is empty.
func (c *checker) output(directory string, args ...string) (string, error) {
	var out, errs bytes.Buffer
	command := exec.CommandContext(c.ctx, "go", args...)
	command.Dir, command.Stdout, command.Stderr = directory, &out, &errs
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, &errs)
	}
	return out.String(), nil
}
