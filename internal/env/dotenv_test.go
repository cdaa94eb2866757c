package env_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"videosdk-auth-endpoint/internal/env"
)

// TestParseAsNodeDoes reads each file that npm's dotenv was recorded with; see testdata/record.cjs.
func TestParseAsNodeDoes(t *testing.T) {
	content, err := os.ReadFile("testdata/dotenv.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Text      string
		Variables map[string]string
	}
	if err := json.Unmarshal(content, &cases); err != nil || len(cases) < 1000 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		if got, _ := env.Parse(c.Text); !maps.Equal(got, c.Variables) {
			t.Errorf("%q: got %q, want %q", c.Text, got, c.Variables)
		}
	}
}

// TestRemarks: what may not mean what it seems to is named by its line, never by its value.
func TestRemarks(t *testing.T) {
	const (
		ignored  = ": want NAME=value; the line is ignored"
		unclosed = ": the value starts with a quote and does not end with it, so the quote is part of the value"
		cut      = ": the value ends at the #; put quotes around a value that has a # in it"
	)
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing to say", "\ufeff# as in the sample\n\n  # another\nexport A=b # c\nB='c#d' # e\nC=\"d\ne\"\nD= # empty\nE=$b\nF=\n", nil},
		{"lines that are not variables", "hidden\nA=b\n\n hidden hidden=2\r\nB=c\nhidden", []string{"line 1" + ignored, "line 4" + ignored, "line 6" + ignored}},
		{"quotes that are not closed", "A=b\nB='hidden\nC=\"hidden\" hidden\nD=e", []string{"line 2" + unclosed, "line 3" + unclosed}},
		{"a value with a # in it", "A=\"b\nc\"\nB=hidden#hidden\nC=hidden # no\n", []string{"line 3" + cut}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, remarks := env.Parse(c.text)
			if !slices.Equal(remarks, c.want) {
				t.Errorf("got %q, want %q", remarks, c.want)
			}
		})
	}
}

func TestAddFile(t *testing.T) {
	for _, name := range []string{"SET", "EMPTY", "NEW"} {
		t.Setenv(name, "")
	}
	t.Setenv("SET", "environment")
	os.Unsetenv("NEW") // Setenv puts back what was before
	path := t.TempDir() + "/.env"
	if remarks, err := env.AddFile(path); remarks != nil || err != nil {
		t.Errorf("no file: %q, %v", remarks, err)
	}
	if err := os.WriteFile(path, []byte("SET=file\nEMPTY=file\nNEW=$file\nhidden\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	remarks, err := env.AddFile(path)
	if err != nil || len(remarks) != 1 || !strings.HasPrefix(remarks[0], path+": line 4: ") {
		t.Errorf("%q, %v", remarks, err)
	}
	if got := fmt.Sprint(os.Getenv("SET"), "|", os.Getenv("EMPTY"), "|", os.Getenv("NEW")); got != "environment||$file" {
		t.Errorf("got %s", got)
	}
	if _, err := env.AddFile(t.TempDir()); err == nil || !strings.Contains(err.Error(), ": this is a directory") {
		t.Errorf("a directory: %v", err)
	}
}

// FuzzParse: a file holds anything. No remark quotes it, and a line that assigns is never remarked on as one that doesn't.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"A=b", "export A='b\nc' # d", "A=\"b\\nc", "hidden\r\nB: c#d", "\ufeffA=`b`"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		variables, remarks := env.Parse(text)
		lines := strings.Count(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n") + 1
		if len(variables) > lines || len(remarks) > lines {
			t.Fatalf("%q: %d variables and %d remarks in %d lines", text, len(variables), len(remarks), lines)
		}
		for name, value := range variables {
			if name == "" || strings.ContainsAny(name, "= \n") || !strings.Contains(text, name) {
				t.Fatalf("%q: %q=%q", text, name, value)
			}
		}
		last := 0
		for _, remark := range remarks {
			var line int
			if _, err := fmt.Sscanf(remark, "line %d: ", &line); err != nil || line < last || line > lines {
				t.Fatalf("%q: %q after line %d", text, remark, last)
			}
			last = line
		}
	})
}
