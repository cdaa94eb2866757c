package parts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"videosdk-auth-endpoint/e2e/parts"
)

// TestAPartIsBuiltOnce, and nothing but the program stays in the cache.
func TestAPartIsBuiltOnce(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("GOMODCACHE", goEnv(t, "GOMODCACHE"))
	t.Setenv("GOCACHE", goEnv(t, "GOCACHE"))
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache) // where macOS has its caches
	path := parts.Path(t, "kubeconform")
	first, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.Stat(parts.Path(t, "kubeconform"))
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(first, second) {
		t.Error("it was built twice")
	}
	if kept, err := os.ReadDir(filepath.Dir(path)); err != nil || len(kept) != 1 {
		t.Errorf("the cache has %v in it, want the program: %v", kept, err)
	}
	if out, err := exec.Command(path, "-v").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestLinkedFrom: a program is used as long as go.mod has the versions that it was linked from.
func TestLinkedFrom(t *testing.T) {
	const mod = "require (\n\texample.com/a v1.0.0\n\texample.com/b v1.2.0 // indirect\n)\n\nreplace example.com/b v1.2.0 => example.com/c v0.4.0\n"
	replaced := func(version string) *debug.Module {
		return &debug.Module{Path: "example.com/b", Version: "v1.2.0", Replace: &debug.Module{Path: "example.com/c", Version: version}}
	}
	for _, c := range []struct {
		name string
		dep  *debug.Module
		want bool
	}{
		{"the same version", &debug.Module{Path: "example.com/a", Version: "v1.0.0"}, true},
		{"another version", &debug.Module{Path: "example.com/a", Version: "v1.0.1"}, false},
		{"a version that begins like it", &debug.Module{Path: "example.com/a", Version: "v1.0"}, false},
		{"a module that is gone", &debug.Module{Path: "example.com/d", Version: "v1.0.0"}, false},
		{"the same replacement", replaced("v0.4.0"), true},
		{"another replacement", replaced("v0.3.0"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := parts.LinkedFrom(&debug.BuildInfo{Deps: []*debug.Module{c.dep}}, mod); got != c.want {
				t.Errorf("%t, want %t", got, c.want)
			}
		})
	}
}

func TestUnknownPart(t *testing.T) {
	if path, err := parts.Find("elsewhere"); err == nil {
		t.Errorf("found %s", path)
	}
}
