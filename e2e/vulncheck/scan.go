package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/vuln/scan"
)

// finding is a vulnerability as a module has it. Detail orders how close it is: required, imported or called.
type finding struct {
	id, module, version, fixed, where string
	detail                            int
}

const (
	required = iota
	imported
	called
)

// scan runs govulncheck, and returns the closest finding of each vulnerability in each module, and the Go version it saw.
func (c *checker) scan(directory, system, toolchain string) (map[string]finding, string, error) {
	args := []string{"-C", directory, "-db", c.database, "-format", "json", "-tags", c.tags}
	if c.tests {
		args = append(args, "-test")
	}
	// govulncheck asks the go command of its own environment which Go it looks at
	environment := map[string]string{"GOOS": system, "CGO_ENABLED": "0"}
	if toolchain != "" {
		environment["GOTOOLCHAIN"] = toolchain
	}
	for variable, value := range environment {
		if err := os.Setenv(variable, value); err != nil {
			return nil, "", err
		}
	}
	var out, errs bytes.Buffer
	command := scan.Command(c.ctx, append(args, "./...")...)
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Start(); err != nil {
		return nil, "", err
	}
	if err := command.Wait(); err != nil {
		return nil, "", fmt.Errorf("govulncheck: %w: %s", err, &errs)
	}
	return read(&out)
}

// message is what of govulncheck's output counts here.
type message struct {
	Config *struct {
		GoVersion string `json:"go_version"`
	}
	Finding *struct {
		OSV          string
		FixedVersion string `json:"fixed_version"`
		Trace        []struct{ Module, Version, Package, Function, Receiver string }
	}
}

func read(from io.Reader) (map[string]finding, string, error) {
	findings, version := map[string]finding{}, ""
	for decoder := json.NewDecoder(from); ; {
		var m message
		if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, "", fmt.Errorf("govulncheck's output: %w", err)
		}
		if m.Config != nil {
			version = m.Config.GoVersion
		}
		if m.Finding == nil {
			continue
		}
		last := m.Finding.Trace[0]
		f := finding{m.Finding.OSV, last.Module, last.Version, m.Finding.FixedVersion, "required", required}
		if last.Package != "" {
			f.where, f.detail = "imported as "+last.Package, imported
		}
		if last.Function != "" {
			f.where, f.detail = "called: "+strings.Trim(last.Package+"."+last.Receiver+"."+last.Function, "."), called
		}
		if key := f.id + " " + f.module; findings[key].id == "" || findings[key].detail < f.detail {
			findings[key] = f
		}
	}
	if version == "" {
		return nil, "", errors.New("govulncheck did not say which Go it looked at")
	}
	return findings, version, nil
}
