// Package parts builds the programs that the tests run beside the service: the real Prometheus, Helm and others. They are
// built once, and kept in the user's folder of caches, where they survive a clean checkout. One is built anew when go.mod
// has another version of something in it, and for another version of Go.
package parts

import (
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// part is a program, by the path of its package. Its version is the one in go.mod, unless it stands behind the path.
type part struct {
	name, pkg, tags string
}

var all = []part{
	// All discoveries of targets but those by file, by HTTP and in Kubernetes are left out: they are SDKs of every
	// cloud, and three quarters of what there is to compile and to download. Helm has Kubernetes' client anyway.
	{"prometheus", "github.com/prometheus/prometheus/cmd/prometheus", "remove_all_sd,enable_kubernetes_sd"},
	{"promtool", "github.com/prometheus/prometheus/cmd/promtool", "remove_all_sd"},
	{"otelcol", "./otelcol", ""},
	{"oauth2-proxy", "github.com/oauth2-proxy/oauth2-proxy/v7", ""},
	{"helm3", "helm.sh/helm/v3/cmd/helm", ""},
	{"helm4", "helm.sh/helm/v4/cmd/helm", ""},
	{"helm-unittest", "github.com/helm-unittest/helm-unittest/cmd/helm-unittest", ""},
	{"helm-docs", "github.com/norwoodj/helm-docs/cmd/helm-docs", ""},
	{"kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform", ""},
	// Its module can't share a go.mod with Helm: it needs APIs that newer Kubernetes modules no longer have.
	{"kube-score", "github.com/zegl/kube-score/cmd/kube-score@v1.20.0", ""},
}

// onNode are for make e2e where this machine is the cluster's node. They are built only by name, as few machines are one.
var onNode = []part{
	{"metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server@v0.9.0", ""},
	{"kube-router", "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router@v2.1.0", ""},
}

// Path returns where a program is, and builds it if it is not there yet.
func Path(t testing.TB, name string) string {
	t.Helper()
	path, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Find is Path for what is not a test.
func Find(name string) (string, error) {
	w, err := open()
	if err != nil {
		return "", err
	}
	for _, p := range slices.Concat(all, onNode) {
		if p.name == name {
			return w.find(p, os.Stderr)
		}
	}
	return "", fmt.Errorf("there is no part %q", name)
}

// Build builds those of the named programs that are missing, or all but those onNode, and says what it does.
func Build(out io.Writer, names ...string) error {
	w, err := open()
	if err != nil {
		return err
	}
	missing := slices.Clone(all)
	if len(names) > 0 {
		missing = slices.DeleteFunc(slices.Concat(all, onNode), func(p part) bool { return !slices.Contains(names, p.name) })
	}
	missing = slices.DeleteFunc(missing, func(p part) bool { return w.kept(p) != "" })
	if len(missing) > 0 {
		fmt.Fprintln(out, "== building programs that the tests run beside the service. All that make test needs take "+
			"about seven minutes of one core, 390 MB in the folder of caches, and 2 GB in Go's build cache.")
	}
	for i, p := range missing {
		fmt.Fprintf(out, "[%d/%d] ", i+1, len(missing))
		if _, err := w.find(p, out); err != nil {
			return err
		}
	}
	return nil
}

// workshop is where programs are built, and where they are kept.
type workshop struct {
	module string // the folder of the module that this package is in, and that its users run in
	mod    string // what is in its go.mod
	kit    string // the folder of the programs
}

func open() (*workshop, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return nil, err
	}
	file := strings.TrimSpace(string(out))
	mod, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	w := &workshop{filepath.Dir(file), string(mod), filepath.Join(cache, "videosdk-auth-endpoint")}
	return w, os.MkdirAll(w.kit, 0o755)
}

// kept is where the program is; empty when it has to be built.
func (w *workshop) kept(p part) string {
	found, _ := filepath.Glob(w.prefix(p) + "*") // the pattern is well-formed
	for _, path := range found {
		info, err := buildinfo.ReadFile(path)
		if err == nil && (strings.Contains(p.pkg, "@") || linkedFrom(info, w.mod)) {
			now := time.Now()
			_ = os.Chtimes(path, now, now) // prune sees that it is in use
			return path
		}
	}
	return ""
}

// linkedFrom tells whether a program has the versions of modules that stand in a go.mod.
func linkedFrom(info *buildinfo.BuildInfo, mod string) bool {
	for _, m := range info.Deps {
		line := "\t" + m.Path + " " + m.Version
		if !strings.Contains(mod, line+"\n") && !strings.Contains(mod, line+" ") {
			return false
		}
		if m.Replace != nil && !strings.Contains(mod, " => "+m.Replace.Path+" "+m.Replace.Version+"\n") {
			return false
		}
	}
	return true
}

// prefix is how the path of the program begins, with a hash of all that it is made of but the modules.
func (w *workshop) prefix(p part) string {
	hash := sha256.New()
	fmt.Fprintln(hash, p, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if strings.HasPrefix(p.pkg, ".") {
		files, _ := filepath.Glob(filepath.Join(w.module, p.pkg, "*.go")) // the pattern is well-formed
		for _, file := range files {
			content, _ := os.ReadFile(file) // what can't be read can't be built either, which says why
			_, _ = hash.Write(content)
		}
	}
	return filepath.Join(w.kit, fmt.Sprintf("%s-%x-", p.name, hash.Sum(nil)[:4]))
}

// building is held while a program is built, so that tests that run side by side don't build it twice.
var building sync.Mutex

func (w *workshop) find(p part, out io.Writer) (string, error) {
	building.Lock()
	defer building.Unlock()
	if path := w.kept(p); path != "" {
		return path, nil
	}
	fmt.Fprintf(out, "building %s, once: ", p.name)
	begun := time.Now()
	path, err := w.build(p)
	if err != nil {
		return "", err
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return "", err
	}
	file, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(out, "%s, %d s, %d MB\n", info.Main.Version, int(time.Since(begun).Seconds()), file.Size()>>20)
	return path, w.prune(p)
}

// build links the program beside its place and then moves it there, so that nobody finds half of it.
func (w *workshop) build(p part) (string, error) {
	dir, err := os.MkdirTemp(w.kit, "building-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	// "go install" takes a version, and names the program itself
	cmd := exec.Command("go", "install", "-tags", p.tags, "-ldflags", "-s -w", p.pkg)
	cmd.Dir = w.module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOBIN="+dir)
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, output)
	}
	built, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(built) != 1 {
		return "", fmt.Errorf("%s made %v: %w", cmd, built, err)
	}
	path := w.prefix(p) + strings.TrimPrefix(filepath.Base(dir), "building-")
	return path, os.Rename(built[0], path)
}

// prune removes what the program was before, unless somebody used it within the last two weeks.
func (w *workshop) prune(p part) error {
	others, err := filepath.Glob(filepath.Join(w.kit, p.name+"-*-*"))
	for _, other := range others {
		if file, statErr := os.Stat(other); statErr == nil && time.Since(file.ModTime()) > 14*24*time.Hour {
			err = errors.Join(err, os.Remove(other))
		}
	}
	return err
}
