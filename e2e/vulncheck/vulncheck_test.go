package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/openvex/go-vex/pkg/vex"
)

var binary, database string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		directory, err := os.MkdirTemp("", "vulncheck")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(directory)
		binary, database = filepath.Join(directory, "vulncheck"), filepath.Join(directory, "db")
		for _, command := range []string{
			"go build -o " + binary + " .",
			"go mod download golang.org/x/vulndb",
			"go tool indexdb -out " + database + ` -vulns "$(go list -m -f {{.Dir}} golang.org/x/vulndb)/data/osv"`,
		} {
			if out, err := exec.Command("bash", "-c", command).CombinedOutput(); err != nil {
				panic(fmt.Sprintf("%s: %v\n%s", command, err, out))
			}
		}
		return m.Run()
	}())
}

// scratch is a module that configures HTTP/2 with a version of golang.org/x/net, to be built by a toolchain.
func scratch(t *testing.T, toolchain, net string) string {
	t.Helper()
	directory := t.TempDir()
	for name, content := range map[string]string{
		"go.mod": "module scratch\n\ngo 1.26.0\n\ntoolchain " + toolchain + "\n\nrequire golang.org/x/net " + net + "\n",
		"main.go": `package main

import (
	"net/http"

	"golang.org/x/net/http2"
)

func main() {
	server := new(http.Server)
	_ = http2.ConfigureServer(server, nil)
	_ = server.ListenAndServe()
}
`,
	} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tidy := exec.CommandContext(t.Context(), "go", "mod", "tidy")
	tidy.Dir = directory
	if out, err := tidy.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return directory
}

// statement is one about the scratch module.
func statement(id, status, justification, component string) map[string]any {
	s := map[string]any{
		"vulnerability": map[string]any{"name": id},
		"products": []any{map[string]any{
			"@id":           "pkg:golang/scratch",
			"subcomponents": []any{map[string]any{"@id": component}},
		}},
		"status": status,
	}
	if justification != "" {
		s["justification"] = justification
	}
	if status == "affected" {
		s["action_statement"] = "update it"
	}
	return s
}

func check(t *testing.T, module string, statements ...map[string]any) (out string, passed bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "vex.json")
	content, err := json.Marshal(map[string]any{
		"@context": "https://openvex.dev/ns/v0.2.0", "@id": "urn:test", "author": "test", "version": 1,
		"timestamp": "2026-11-25T00:00:00Z", "statements": statements,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := exec.CommandContext(t.Context(), binary, "-db", "file://"+database, "-vex", file, module).CombinedOutput()
	return string(all), err == nil
}

const (
	notReachable = "vulnerable_code_not_in_execute_path"
	oldNet       = "pkg:golang/golang.org/x/net@v0.59.0"
)

var advisory = regexp.MustCompile(`GO-\d+-\d+`)

func TestOldModule(t *testing.T) {
	module := scratch(t, "go1.26.11", "v0.59.0")
	out, passed := check(t, module)
	if passed || !strings.Contains(out, "GO-2026-6603: golang.org/x/net v0.59.0 is called: golang.org/x/net/http2.") ||
		!strings.Contains(out, "fixed in v0.60.0") || strings.Contains(out, "stdlib") {
		t.Fatalf("passed %v:\n%s", passed, out)
	}
	// covering says the same about each advisory that was just found
	covering := func(status, justification, component string) (all []map[string]any) {
		for _, id := range advisory.FindAllString(out, -1) {
			all = append(all, statement(id, status, justification, component))
		}
		return all
	}
	for name, c := range map[string]struct {
		statements []map[string]any
		passes     bool
		says       string
	}{
		"every advisory covered":           {covering("not_affected", notReachable, oldNet), true, "0 not covered"},
		"all but the first":                {covering("not_affected", notReachable, oldNet)[1:], false, "1 not covered"},
		"for another version":              {covering("not_affected", notReachable, "pkg:golang/golang.org/x/net@v0.58.0"), false, "remove that statement"},
		"for another module":               {covering("not_affected", notReachable, "pkg:golang/golang.org/x/text@v0.59.0"), false, "remove that statement"},
		"affected is not an excuse":        {covering("affected", "", oldNet), false, "GO-2026-6603: golang.org/x/net"},
		"not affected, without the reason": {covering("not_affected", "", oldNet), false, "justification"},
		"a reason that is not one":         {covering("not_affected", "trust_me", oldNet), false, "justification"},
		"a statement that nothing needs": {
			append(covering("not_affected", notReachable, oldNet), statement("GO-2020-0001", "not_affected", notReachable, oldNet)),
			false, "GO-2020-0001, which no module needs any more",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if out, passed := check(t, module, c.statements...); passed != c.passes || !strings.Contains(out, c.says) {
				t.Errorf("passed %v, wanted %q:\n%s", passed, c.says, out)
			}
		})
	}
}

func TestDeclaredToolchain(t *testing.T) {
	for _, c := range []struct {
		toolchain string
		passes    bool
		says      string
	}{
		{"go1.26.8", false, "stdlib v1.26.8 is called"},
		{"go1.26.11", true, "scratch (linux, go1.26.11): 0 not covered"},
	} {
		t.Run(c.toolchain, func(t *testing.T) {
			if out, passed := check(t, scratch(t, c.toolchain, "v0.62.0")); passed != c.passes || !strings.Contains(out, c.says) {
				t.Errorf("passed %v, wanted %q:\n%s", passed, c.says, out)
			}
		})
	}
}

// Trivy and Grype look for statements with go-vex too, by these names of the product and its parts.
func TestScannersFindTheStatements(t *testing.T) {
	document, err := vex.Open("../../.vex/videosdk-auth-endpoint.openvex.json")
	if err != nil {
		t.Fatal(err)
	}
	const (
		trivyEcho = "pkg:golang/github.com/labstack/echo/v4@v4.16.0"
		syftEcho  = "pkg:golang/github.com/labstack/echo@v4.16.0#v4"
	)
	for _, id := range []string{"CVE-2026-118653", "GHSA-246p-cpwv-v3jq", "GO-2026-6872", "CVE-2026-118651", "GHSA-99jh-6h7p-pp36", "GO-2026-6875"} {
		for name, c := range map[string]struct{ product, part string }{
			"Trivy, a binary":         {"pkg:golang/videosdk-auth-endpoint", trivyEcho},
			"Trivy, a binary's build": {"pkg:golang/videosdk-auth-endpoint@v1.0.0", trivyEcho},
			"Trivy, the image":        {"pkg:oci/videosdk-auth-endpoint@sha256:00?arch=amd64&repository_url=ghcr.io%2Fexample%2Fvideosdk-auth-endpoint", trivyEcho},
			"Grype, the image":        {"pkg:oci/videosdk-auth-endpoint@sha256:00?repository_url=ghcr.io/example/videosdk-auth-endpoint", syftEcho},
			"Grype, the SBOM":         {"pkg:generic/videosdk-auth-endpoint@1.0.0", syftEcho},
		} {
			found := document.Matches(id, c.product, []string{c.part})
			if len(found) != 1 || found[0].Status != vex.StatusNotAffected {
				t.Errorf("%s: %s: %d statements", name, id, len(found))
			}
			if other := document.Matches(id, c.product, []string{strings.ReplaceAll(c.part, "4.16.0", "4.15.0")}); len(other) != 0 {
				t.Errorf("%s: %s: the statements count for another version of Echo", name, id)
			}
		}
	}
}
