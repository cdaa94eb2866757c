package docs_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestMakeHelp: make help lists every target that the Makefile documents, and each target that is one of a user's is
// documented.
func TestMakeHelp(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("there is no make on this machine, and so no make help")
	}
	makefile, err := os.ReadFile(root + "/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-C", root, "help").Output()
	if err != nil {
		t.Fatal(err)
	}
	var listed, documented []string
	for line := range strings.Lines(string(out)) {
		listed = append(listed, strings.Fields(line)[0])
	}
	for _, target := range regexp.MustCompile(`(?m)^([^\s:#=]+):[^=\n]*##`).FindAllStringSubmatch(string(makefile), -1) {
		documented = append(documented, target[1])
	}
	if !slices.Equal(listed, documented) {
		t.Errorf("make help lists %q, the Makefile documents %q", listed, documented)
	}
	if !slices.Contains(listed, "e2e") {
		t.Errorf("%q: a name with a digit is missing", listed)
	}
}
