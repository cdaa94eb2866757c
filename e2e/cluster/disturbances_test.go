//go:build cluster

package cluster_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// table counts the requests that were sent and lost while something disturbed the release.
type table struct{ rows []string }

var disturbances table

func (d *table) add(name string, sent, lost int64) {
	d.rows = append(d.rows, fmt.Sprintf("| %s | %d | %d |", name, sent, lost))
}

func (d *table) String() string {
	return "\n| disturbance | requests sent | lost |\n|---|---|---|\n" + strings.Join(d.rows, "\n")
}

// none ends the load after a while, and fails if a request was lost.
func (l *load) none(t *testing.T, name string) {
	t.Helper()
	sent, lost := l.stop(t, 200)
	disturbances.add(name, sent, lost)
	if lost > 0 {
		t.Errorf("%s: %d of %d requests lost", name, lost, sent)
	}
}

// upgrade changes values of the release.
func upgrade(t *testing.T, args ...string) {
	t.Helper()
	helm(t, append([]string{"upgrade", release, chart, "--reuse-values", "--wait", "--timeout=120s"}, args...)...)
}

// deployed is the last revision of the release that worked.
func deployed(t *testing.T) string {
	t.Helper()
	var revisions []struct {
		Revision int
		Status   string
	}
	if err := json.Unmarshal([]byte(run(t, "", "helm", "-n", namespace, "history", release, "-o", "json")), &revisions); err != nil {
		t.Fatal(err)
	}
	last := 0
	for _, r := range revisions {
		if r.Status == "deployed" {
			last = r.Revision
		}
	}
	return strconv.Itoa(last)
}

// serving names the Pods that are ready.
func serving(t *testing.T) []string {
	t.Helper()
	const template = `go-template={{range .items}}{{$name := .metadata.name}}{{if not .metadata.deletionTimestamp}}{{range .status.conditions}}` +
		`{{if and (eq .type "Ready") (eq .status "True")}}{{$name}} {{end}}{{end}}{{end}}{{end}}`
	return strings.Fields(kubectl(t, "get", "pods", "-l", selector, "-o", template))
}

// brokenPolicy upgrades to a policy that does not compile. The Pods of before have theirs in them: one that is evicted and one
// that restarts come back.
func brokenPolicy(t *testing.T) {
	upgrade(t, "--set-string", "policy=true")
	good, before := deployed(t), pods(t)
	l := startLoad(t)
	if out, err := try(t.Context(), "", "helm", "-n", namespace, "upgrade", release, chart, "--reuse-values", "--wait", "--timeout=20s", "--set-string", "policy=request.role =="); err == nil {
		t.Fatalf("the upgrade passed: %s", out)
	}
	if said := kubectl(t, "describe", "pods", "-l", selector); !strings.Contains(said, "AUTH_POLICY: at 1:") {
		t.Errorf("the description does not say what is wrong: %s", said)
	}
	back := func(what string) {
		eventually(t, time.Minute, "two Pods serve after "+what, func() bool { return len(serving(t)) == 2 })
	}
	evict(t, before[0])
	back("an eviction")
	l.none(t, "a policy that does not compile, and an eviction")

	if *node {
		l, known := startLoad(t), restarts(t)
		signal(t, before[1], syscall.SIGKILL)
		eventually(t, time.Minute, "a restart", func() bool { return restarts(t) > known })
		back("a restart")
		until := l.lost.Load()
		sent, lost := l.stop(t, 200)
		disturbances.add("the same, and a Pod is killed", sent, lost)
		if lost > until {
			t.Errorf("%d requests lost after the Pod was ready again", lost-until)
		}
	}

	l = startLoad(t)
	helm(t, "rollback", release, good, "--wait", "--timeout=120s")
	ready(t)
	l.none(t, "the rollback of that")
	upgrade(t, "--set-string", "policy=")
	evict(t, pods(t)[0]) // the next steps count restarts from none
	evict(t, pods(t)[0])
	ready(t)
}

// watch collects the words that kubectl prints of objects, at first and at each change, until it is stopped.
func watch(t *testing.T, path, kind string, which ...string) (stop func() []string) {
	t.Helper()
	var lines strings.Builder
	var mutex sync.Mutex
	args := append([]string{"-n", namespace, "get", "--watch", "-o", "jsonpath={" + path + "}{\"\\n\"}", kind}, which...)
	cmd := exec.CommandContext(t.Context(), "kubectl", args...)
	cmd.Stdout = writer(func(p []byte) { mutex.Lock(); defer mutex.Unlock(); lines.Write(p) })
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() []string {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		mutex.Lock()
		defer mutex.Unlock()
		words := strings.Fields(lines.String())
		if len(words) == 0 {
			t.Errorf("nothing was seen: kubectl %s", strings.Join(args, " "))
		}
		return words
	}
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

// autoscaler switches the autoscaler on while five Pods run. It has no metrics here: what it writes is its maximum.
func autoscaler(t *testing.T) {
	upgrade(t, "--set", "replicaCount=5")
	l, stop := startLoad(t), watch(t, ".spec.replicas", "deployment", fullname)
	upgrade(t, "--set", "autoscaling.enabled=true")
	written := func(n string) {
		eventually(t, time.Minute, "the autoscaler has written "+n, func() bool {
			return kubectl(t, "get", "deployment", fullname, "-o", "jsonpath={.spec.replicas}") == n
		})
	}
	upgrade(t, "--set", "autoscaling.maxReplicas=4")
	written("4")
	upgrade(t, "--set", "config.LOG_LEVEL=error")
	ready(t)
	numbers := stop()
	for _, n := range numbers {
		if n != "5" && n != "4" {
			t.Errorf("the Deployment asked for %v Pods: there were five, and the autoscaler wrote four", numbers)
			break
		}
	}
	l.none(t, "an autoscaler is switched on")

	l = startLoad(t)
	off := []string{"--set", "autoscaling.enabled=false,replicaCount=2,config.LOG_LEVEL=info"}
	if out, err := try(t.Context(), "", "helm", append([]string{"-n", namespace, "upgrade", release, chart, "--reuse-values"}, off...)...); err == nil || !strings.Contains(out, ".spec.replicas") {
		t.Errorf("no conflict over what the autoscaler has written: the documentation says --force-conflicts for nothing: %v %s", err, out)
	}
	upgrade(t, append(off, "--force-conflicts")...)
	ready(t)
	if n := len(pods(t)); n != 2 {
		t.Errorf("%d Pods", n)
	}
	l.none(t, "it is switched off")
}

// misspeltEntry replaces the Secret by one that lacks an entry. The pair from before stays in use, and the service says so and
// names the entry that it doesn't use.
func misspeltEntry(t *testing.T) {
	run(t, "apiVersion: v1\nkind: Secret\nmetadata: {name: credentials}\nstringData: {ZOOM_VIDEO_SDK_KEY: key-2, ZOOM_VIDEO_SDK_SECRT: secret-2}\n",
		"kubectl", "-n", namespace, "replace", "-f", "-")
	// the kubelet looks at a Pod that changes at once, at others within about a minute
	kubectl(t, "annotate", "pods", "-l", selector, "e2e/changed=1")
	for _, pod := range pods(t) {
		eventually(t, 2*time.Minute, pod+" counts a pair that it could not read, and names the misspelt entry", func() bool {
			return strings.Contains(podMetrics(t, pod), `videosdk_credential_reloads_total{result="error"} 1`) &&
				strings.Contains(kubectl(t, "logs", pod), "ZOOM_VIDEO_SDK_SECRT")
		})
	}
	token(t, host, "key-1", "secret-1")
	run(t, secretYAML("credentials", "key-1", "secret-1"), "kubectl", "-n", namespace, "replace", "-f", "-")
}

// secondRelease puts a release of another name beside the first, with the same host, and takes it away again: what somebody does
// who wants another name for the objects, in one order or the other. Then the same for another path.
func secondRelease(t *testing.T) {
	for _, c := range []struct{ name, path string }{{"another name", "/"}, {"another path", "/token"}} {
		l := startLoad(t)
		helm(t, append([]string{"install", "second", chart, "--wait", "--timeout=120s"}, values("credentials.existingSecret=credentials", "fullnameOverride=second", "config.TOKEN_PATH="+c.path)...)...)
		eventually(t, time.Minute, "a token at "+c.path, func() bool {
			status, _, err := send(t.Context(), http.DefaultClient, http.MethodPost, host, c.path, readme)
			return err == nil && status == http.StatusOK
		})
		helm(t, "uninstall", "second", "--wait", "--timeout=120s")
		l.none(t, c.name+" by a second release")
	}
}
