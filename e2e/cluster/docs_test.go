//go:build cluster

package cluster_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"videosdk-auth-endpoint/internal/servicetest"
)

var (
	// command finds the blocks of shell commands and the commands within a line.
	command    = regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```$|`((?:kubectl|helm) [^`…]+)`")
	otherBlock = regexp.MustCompile("(?ms)^ *```[a-rt-z]+\n.*?^ *```$")
	comment    = regexp.MustCompile(`(?m)^\s*#.*$|\s+# .*$`)
	valuesFile = regexp.MustCompile("(?ms)^ *```yaml\n *# values.yaml\n(.*?)^ *```$")
)

// elsewhere are the documented commands that this test does not run, and why.
var elsewhere = map[string]string{
	"make image":  ".ci/run builds the image from the same Dockerfile",
	"docker push": "there is no registry; the node was given the image",
	"kind load":   "the node was given the image",
	"make e2e":    "this is it",
	// these are named as what not to use, with no object
	"kubectl scale": "it is advised against", "kubectl edit": "it is advised against", "kubectl rollout undo": "it is advised against", "kubectl apply": "it is advised against",
	"helm rollback": "its arguments follow", "helm upgrade": "its arguments follow", "helm test": "its arguments stand elsewhere",
}

// speaking are parts of commands that find something here.
var speaking = []string{`.outcome == "invalid"`, `.decision == "REASON"`, "helm -n video history", "get secret SECRET", "--previous"}

// operator types what the documentation says, and fills in what it leaves open.
type operator struct {
	dir    string
	values map[string]any
	fixed  []string // pairs of regular expressions and what stands in their place
	fill   []string // the same, with those that change
	typed  []string // what was run, and how long it took
}

// docs reads a page.
func docs(t *testing.T, page string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../../docs", page))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// commands are those of a page, in their order.
func commands(page string) []string {
	var all []string
	for _, found := range command.FindAllStringSubmatch(otherBlock.ReplaceAllString(page, ""), -1) {
		block := comment.ReplaceAllString(found[1], "") + strings.ReplaceAll(found[2], "\n", " ")
		for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", "")) {
			if line = strings.Join(strings.Fields(line), " "); line != "" {
				all = append(all, line)
			}
		}
	}
	return all
}

// shell has what the reader has and the node has not: docker, whose image is the service's binary, and a name server.
const shell = `set -o pipefail
docker() { shift 3; "$BINARY" "$@"; } # run --rm IMAGE
videosdk-auth-endpoint() { HTTP_PROXY="http://$INGRESS" "$BINARY" "$@"; }
curl() { command curl --silent --show-error --fail-with-body --connect-to "token.example.com:80:$INGRESS" "$@"; }
`

// run runs a command as it stands on a page.
func (o *operator) run(t *testing.T, binary, line string) {
	t.Helper()
	filled := line
	for i := 0; i < len(o.fill); i += 2 {
		filled = regexp.MustCompile(o.fill[i]).ReplaceAllString(filled, o.fill[i+1])
	}
	begun := time.Now()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", shell+filled)
	cmd.Dir = o.dir
	cmd.Env = append(os.Environ(), "BINARY="+binary, "INGRESS="+strings.TrimPrefix(*ingress, "http://"), "PWD="+o.dir)
	out, err := cmd.CombinedOutput()
	// diff says by its status that there is a difference
	for _, says := range speaking {
		if strings.Contains(line, says) && len(out) == 0 {
			t.Errorf("%s\nprints nothing, although there is something to find", filled)
		}
	}
	exit, _ := errors.AsType[*exec.ExitError](err)
	if err != nil && (!strings.HasPrefix(line, "kubectl diff") || exit.ExitCode() != 1) {
		t.Errorf("%s\n%v: %s", filled, err, out)
	}
	o.typed = append(o.typed, fmt.Sprintf("%5.1f s  %s", time.Since(begun).Seconds(), line))
}

// TestCommands runs every command of docs/kubernetes.md, docs/operate.md, docs/rotate.md and the runbooks, from top to bottom, on a release that
// is installed as they say. After each page an upgrade must pass that forces nothing.
func TestCommands(t *testing.T) {
	remove := func() {
		for _, name := range []string{"video", "videosdk"} {
			_, _ = try(t.Context(), "", "kubectl", "delete", "namespace", name, "--ignore-not-found", "--wait", "--timeout=120s")
		}
	}
	remove()
	defer remove()
	binary := servicetest.Binary(t)
	o := &operator{dir: workspace(t)}
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"issuer": "https://id.example.com", "jwks_uri": "https://id.example.com/keys"}`)
	}))
	defer provider.Close()
	name, tag := cutLast(*image, ":")
	o.fixed = []string{
		// the release that is installed here is the checkout
		`oci://ghcr\.io/\w+/charts/videosdk-auth-endpoint`, "charts/videosdk-auth-endpoint",
		`ghcr\.io/\w+/videosdk-auth-endpoint(:[\w.]+)?`, *image,
		`https://github\.com/\S+/releases/\S+\.yaml`, "<(kubectl kustomize k8s/base)",
		`https://token.example.com`, "http://token.example.com",
		`\bNAMESPACE\b`, "video", `\bRELEASE\b`, "auth", `\bCHART\b`, "charts/videosdk-auth-endpoint", `\bSECRET\b`, "videosdk-api-keys",
		`\bURL\b`, "http://token.example.com", `\bFILE\b`, "bearer.txt",
		`\bENTRY\b`, "api-keys", `\bREASON\b`, "missing", `\bISSUER\b`, provider.URL,
	}
	kubernetes := docs(t, "kubernetes.md")
	o.valuesOf(t, kubernetes, name, tag)
	pages := []string{"kubernetes.md", "operate.md", "rotate.md"}
	runbooks, err := filepath.Glob("../../docs/runbooks/*.md")
	if err != nil || len(runbooks) < 10 {
		t.Fatalf("%d runbooks: %v", len(runbooks), err)
	}
	for _, runbook := range runbooks {
		pages = append(pages, "runbooks/"+filepath.Base(runbook))
	}
	known, replaced := map[string]bool{}, time.Time{}
	for _, page := range pages {
		if page == "runbooks/VideosdkNoReadyReplica.md" && *node {
			kill9(t)
		}
		for _, line := range commands(docs(t, page)) {
			if known[line] || left(line) {
				continue
			}
			known[line] = true
			o.look(t, line)
			switch {
			case strings.HasPrefix(line, "helm -n video test"):
				o.address(t)
			case strings.Contains(line, "-f values.yaml --force-conflicts"):
				conflict(t, o.dir)
			case strings.Contains(line, "--from-env-file=zoom.env | kubectl replace"):
				o.write(t, "zoom.env", newPair)
				replaced = time.Now()
			case strings.HasPrefix(line, "videosdk-auth-endpoint token --from URL"):
				inUse(t, replaced)
				o.write(t, ".env", newPair)
			}
			if !*node && (strings.Contains(line, "--previous") || strings.Contains(line, "Last State:")) {
				t.Logf("left out, as no Pod can be killed without -node: %s", line)
				continue
			}
			o.run(t, binary, line)
		}
		o.run(t, binary, "helm -n video upgrade auth charts/videosdk-auth-endpoint -f values.yaml --wait --timeout 2m")
		if t.Failed() {
			t.Fatalf("%s: its commands, or the upgrade after them, failed", page)
		}
		if page == "operate.md" {
			misfortune(t, o.dir)
		}
	}
	t.Logf("%d commands were run, and an upgrade after each of %d pages:\n%s", len(known), len(pages), strings.Join(o.typed, "\n"))
	if len(known) < 50 {
		t.Error("the test does not find them")
	}
}

// left says that a command is run elsewhere, or by nobody.
func left(line string) bool {
	for prefix := range elsewhere {
		whole := strings.Count(prefix, " ") == 1 && slices.Contains([]string{"make", "docker", "kind"}, strings.Fields(prefix)[0])
		if line == prefix || whole && strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

// aPod prints the name of a Pod that stays, one that has restarted if there is one.
const aPod = `kubectl -n video get pods -l app.kubernetes.io/instance=auth -o json | jq -r '.items | map(select(.metadata.deletionTimestamp == null))
	| sort_by(.status.containerStatuses[0].restartCount) | last | .metadata.name'`

// look fills in what changes: a Pod, the node, and the last revision that worked.
func (o *operator) look(t *testing.T, line string) {
	t.Helper()
	o.fill = slices.Clone(o.fixed)
	for placeholder, ask := range map[string]string{
		"POD":      aPod,
		"NODE":     `kubectl get nodes -o jsonpath='{.items[0].metadata.name}'`,
		"REVISION": `helm -n video history auth -o json | jq 'map(select(.status == "deployed")) | last | .revision'`,
	} {
		if strings.Contains(line, placeholder) {
			o.fill = append(o.fill, `\b`+placeholder+`\b`, strings.TrimSpace(run(t, "", "bash", "-c", ask)))
		}
	}
}

// workspace is a folder like a checkout, in which the reader has set the image in the example of k8s/, and has written the
// credentials into a file.
func workspace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	example(t, dir)
	if err := os.CopyFS(filepath.Join(dir, "charts"), os.DirFS("../../charts")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "zoom.env"), []byte("ZOOM_VIDEO_SDK_KEY=your-key\nZOOM_VIDEO_SDK_SECRET=your-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "", "kubectl", "create", "namespace", "videosdk")
	run(t, secretYAML("videosdk-credentials", "key-1", "secret-1"), "kubectl", "-n", "videosdk", "apply", "-f", "-")
	return dir
}

// valuesOf takes the page's values.yaml, and changes what this cluster needs: another ingress controller, and no cert-manager.
func (o *operator) valuesOf(t *testing.T, page, name, tag string) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(valuesFile.FindStringSubmatch(page)[1]), &o.values); err != nil {
		t.Fatal(err)
	}
	o.values["image"] = map[string]any{"repository": name, "tag": tag}
	ingress := o.values["ingress"].(map[string]any)
	ingress["className"] = *class
	delete(ingress, "tls")
	o.values["config"].(map[string]any)["OTEL_SERVICE_NAME"] = "tokens" // a runbook looks for such variables
	o.save(t)
}

func (o *operator) save(t *testing.T) {
	t.Helper()
	content, err := yaml.Marshal(o.values)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.dir, "values.yaml"), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// address has helm test ask the Service by its address, as this cluster may have no name server.
func (o *operator) address(t *testing.T) {
	t.Helper()
	address := run(t, "", "kubectl", "-n", "video", "get", "service", "auth-videosdk-auth-endpoint", "-o", "jsonpath={.spec.clusterIP}")
	o.values["tests"].(map[string]any)["url"] = "http://" + address + "/"
	o.save(t)
	run(t, "", "helm", "-n", "video", "upgrade", "auth", filepath.Join(o.dir, "charts/videosdk-auth-endpoint"), "-f", filepath.Join(o.dir, "values.yaml"), "--wait")
}

// conflict does what the documentation advises against, and sees that the next upgrade stops at it.
func conflict(t *testing.T, dir string) {
	t.Helper()
	run(t, "", "kubectl", "-n", "video", "scale", "deployment", "auth-videosdk-auth-endpoint", "--replicas=4")
	out, err := try(t.Context(), "", "helm", "-n", "video", "upgrade", "auth", filepath.Join(dir, "charts/videosdk-auth-endpoint"), "-f", filepath.Join(dir, "values.yaml"), "--wait")
	if err == nil || !strings.Contains(out, "conflict") {
		t.Errorf("no conflict after kubectl scale: %v %s", err, out)
	}
}

// newPair is what Zoom's page shows after a rotation.
const newPair = "ZOOM_VIDEO_SDK_KEY=new-key\nZOOM_VIDEO_SDK_SECRET=new-secret\n"

// write makes a file as the reader does.
func (o *operator) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// inUse waits until every Pod has a pair that is younger than the change. The kubelet looks at a Pod that changes at once, at
// others within a minute.
func inUse(t *testing.T, change time.Time) {
	t.Helper()
	kubectl := func(args ...string) string { return run(t, "", "kubectl", append([]string{"-n", "video"}, args...)...) }
	kubectl("annotate", "pods", "-l", "app.kubernetes.io/instance=auth", "e2e/changed=rotated")
	loaded := regexp.MustCompile(`(?m)^videosdk_credential_last_load_timestamp_seconds (\S+)$`)
	eventually(t, 2*time.Minute, "every Pod has the new pair", func() bool {
		names := strings.Fields(kubectl("get", "pods", "-l", "app.kubernetes.io/instance=auth", "-o", "jsonpath={.items[*].metadata.name}"))
		return len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool {
			found := loaded.FindStringSubmatch(run(t, "", "kubectl", "get", "--raw", "/api/v1/namespaces/video/pods/"+name+":9090/proxy/metrics"))
			if found == nil {
				t.Fatalf("%s does not say when it loaded the pair", name)
			}
			at, err := strconv.ParseFloat(found[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			return at < float64(change.Unix())
		})
	})
}

// misfortune is what the runbooks are for: a request that is refused, one that is invalid, and a Pod that is being made, whose log
// can't be read.
func misfortune(t *testing.T, dir string) {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(dir, "bearer.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range []http.Header{{}, {"Authorization": {"Bearer " + strings.TrimSpace(string(key))}}} {
		if _, _, err := sendWith(t.Context(), http.DefaultClient, http.MethodPost, host, "/", `{}`, header); err != nil {
			t.Fatal(err)
		}
	}
	run(t, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"being-made","labels":{"app.kubernetes.io/name":"videosdk-auth-endpoint"}},
		"spec":{"containers":[{"name":"c","image":"registry.invalid/none","imagePullPolicy":"Never"}]}}`, "kubectl", "-n", "video", "apply", "-f", "-")
}

// kill9 kills the process of a Pod, and waits until it serves again.
func kill9(t *testing.T) {
	t.Helper()
	pod := strings.TrimSpace(run(t, "", "bash", "-c", aPod))
	signalIn(t, "video", pod, syscall.SIGKILL)
	run(t, "", "kubectl", "-n", "video", "wait", "pod/"+pod, "--for=jsonpath={.status.containerStatuses[0].restartCount}=1", "--timeout=60s")
	run(t, "", "kubectl", "-n", "video", "wait", "pod/"+pod, "--for=condition=Ready", "--timeout=60s")
}
