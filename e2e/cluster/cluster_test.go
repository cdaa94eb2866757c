//go:build cluster

// Package cluster_test installs the chart and the plain manifests on the cluster that KUBECONFIG names, behind its ingress
// controller, and disturbs them under load. It needs kubectl and helm on the PATH, and nothing of ours in the cluster.
package cluster_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var (
	image   = flag.String("image", "", "the image to install, as NAME:TAG; the nodes must have it")
	ingress = flag.String("ingress", "http://127.0.0.1", "the URL of the ingress controller")
	class   = flag.String("ingress-class", "traefik", "its ingress class")
	node    = flag.Bool("node", false, "this machine is the node: a process of a Pod can be stopped")
)

const (
	namespace = "videosdk-e2e"
	release   = "tokens"
	fullname  = release + "-videosdk-auth-endpoint"
	host      = "token.example.com"
	chart     = "../../charts/videosdk-auth-endpoint"
	selector  = "app.kubernetes.io/instance=" + release + ",app.kubernetes.io/name=videosdk-auth-endpoint"
	readme    = `{"sessionName": "Cool Cars", "role": 1, "sessionKey": "session123", "userIdentity": "user123"}`
)

// try runs a command and returns what it prints, both outputs.
func try(ctx context.Context, stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func run(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	out, err := try(t.Context(), stdin, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, "", "kubectl", append([]string{"-n", namespace}, args...)...)
}

func helm(t *testing.T, args ...string) {
	t.Helper()
	run(t, "", "helm", append([]string{"-n", namespace}, args...)...)
}

// values are the chart's settings for this test.
func values(more ...string) []string {
	name, tag := cutLast(*image, ":")
	args := []string{
		"--set", "image.repository=" + name, "--set", "image.tag=" + tag,
		"--set", "ingress.enabled=true", "--set", "ingress.className=" + *class, "--set", "ingress.hosts={" + host + "}",
	}
	for _, value := range more {
		args = append(args, "--set", value)
	}
	return args
}

// eventually asks again until what it waits for is there.
func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("%s: not within %v", what, limit)
		case <-again.C:
		}
	}
}

func send(ctx context.Context, client *http.Client, method, virtualHost, path, body string) (int, string, error) {
	return sendWith(ctx, client, method, virtualHost, path, body, http.Header{})
}

func sendWith(ctx context.Context, client *http.Client, method, virtualHost, path, body string, header http.Header) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, method, *ingress+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Host, request.Header = virtualHost, header
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(content), err
}

// verify returns the app_key of an answer's token, if the secret signed it.
func verify(body, secret string) (string, error) {
	var token struct{ Signature string }
	if err := json.Unmarshal([]byte(body), &token); err != nil {
		return "", fmt.Errorf("%s: %w", body, err)
	}
	signed, signature := cutLast(token.Signature, ".")
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	if signature != base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) {
		return "", fmt.Errorf("the signature is not by that secret: %s", body)
	}
	_, payload := cutLast(signed, ".")
	var claims struct {
		AppKey string `json:"app_key"`
	}
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	return claims.AppKey, err
}

// cutLast cuts around the last separator; without one, after is empty.
func cutLast(s, separator string) (before, after string) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i+len(separator):]
}

func token(t *testing.T, virtualHost, key, secret string) {
	t.Helper()
	var problem error
	defer func() {
		if t.Failed() {
			t.Log(problem)
		}
	}()
	eventually(t, 30*time.Second, "a token through the ingress", func() bool {
		status, body, err := send(t.Context(), http.DefaultClient, http.MethodPost, virtualHost, "/", readme)
		if err != nil || status != http.StatusOK {
			problem = fmt.Errorf("%d %s %w", status, body, err)
			return false
		}
		seen, err := verify(body, secret)
		if err != nil || seen != key {
			t.Fatalf("app_key %q: %v", seen, err)
		}
		return true
	})
}

// pods names the Pods that are there and not on their way out.
func pods(t *testing.T) []string {
	t.Helper()
	out := kubectl(t, "get", "pods", "-l", selector, "-o", `go-template={{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}} {{end}}{{end}}`)
	return strings.Fields(out)
}

func restarts(t *testing.T) int {
	t.Helper()
	n := 0
	for count := range strings.FieldsSeq(kubectl(t, "get", "pods", "-l", selector, "-o", "jsonpath={.items[*].status.containerStatuses[*].restartCount}")) {
		i, err := strconv.Atoi(count)
		if err != nil {
			t.Fatal(err)
		}
		n += i
	}
	return n
}

// load sends requests at a steady rate until it is stopped.
type load struct {
	sent, lost atomic.Int64
	example    atomic.Value
	cancel     context.CancelFunc
	done       sync.WaitGroup
}

// startLoad sends 200 requests a second through the ingress, over eight clients, half of which open a new connection for
// each request.
func startLoad(t *testing.T) *load {
	t.Helper()
	return startLoadTo(t, ingressAddress())
}

// ingressAddress is the ingress controller's, with its port.
func ingressAddress() string {
	host := strings.TrimPrefix(*ingress, "http://")
	if _, _, err := net.SplitHostPort(host); err != nil {
		return net.JoinHostPort(host, "80")
	}
	return host
}

// startLoadTo sends the same to that address.
func startLoadTo(t *testing.T, address string) *load {
	t.Helper()
	l := &load{}
	ctx, cancel := context.WithCancel(t.Context())
	l.cancel = cancel
	for worker := range 8 {
		l.client(ctx, 40*time.Millisecond, transportTo(address, worker%2 == 0))
	}
	t.Cleanup(func() { l.cancel(); l.done.Wait() })
	return l
}

// client sends a request at each tick, until the context ends.
func (l *load) client(ctx context.Context, every time.Duration, transport *http.Transport) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: transport}
	l.done.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			// one that is under way when the load stops counts too
			status, body, err := send(context.WithoutCancel(ctx), client, http.MethodPost, host, "/", readme)
			l.sent.Add(1)
			if err != nil || status != http.StatusOK {
				l.lost.Add(1)
				l.example.Store(fmt.Sprintf("%d %s %v", status, body, err))
			}
		}
	})
}

// transportTo sends to that address, whatever a URL says, and over a new connection each time if asked to.
func transportTo(address string, newConnections bool) *http.Transport {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	return &http.Transport{DisableKeepAlives: newConnections, DialContext: dial}
}

// stop ends the load after at least n more requests, and returns the counts.
func (l *load) stop(t *testing.T, n int64) (sent, lost int64) {
	t.Helper()
	until := l.sent.Load() + n
	eventually(t, time.Minute, "the load's last requests", func() bool { return l.sent.Load() >= until })
	l.cancel()
	l.done.Wait()
	if example := l.example.Load(); example != nil {
		t.Logf("the last lost request: %s", example)
	}
	return l.sent.Load(), l.lost.Load()
}

func secretYAML(name, key, secret string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: %s}\nstringData: {ZOOM_VIDEO_SDK_KEY: %q, ZOOM_VIDEO_SDK_SECRET: %q}\n", name, key, secret)
}

func TestCluster(t *testing.T) {
	if *image == "" {
		t.Fatal("no -image")
	}
	remove := func() {
		_, _ = try(context.Background(), "", "kubectl", "delete", "namespace", namespace, "--ignore-not-found", "--wait", "--timeout=120s")
	}
	remove()
	t.Cleanup(remove)
	run(t, fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q,"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`, namespace), "kubectl", "apply", "-f", "-")

	t.Cleanup(func() { t.Log(disturbances.String()) })

	const liveness = "liveness restarts a process that hangs"
	for _, step := range []struct {
		name string
		test func(*testing.T)
	}{
		{"a value that is missing or misspelt fails with a sentence", refusals},
		{"a Secret that is not there, or lacks an entry, is seen in the Pod's description", wrongSecret},
		{"install, and every Pod is ready under Pod Security restricted", install},
		{"helm test gets a token that verifies", helmTest},
		{"the README's request through the ingress", func(t *testing.T) { token(t, host, "key-1", "secret-1") }},
		{"no metrics through the ingress", metricsAreHidden},
		{"upgrade, rollback and eviction lose no request", disturb},
		{"a killed Pod", kill},
		{"a policy that does not compile harms no Pod of before, and a rollback takes it away", brokenPolicy},
		{"an autoscaler takes over the number of Pods that runs, and hands it back", autoscaler},
		{"full load stays below the memory limit", fullLoad},
		{"slow clients harm neither a Pod nor other clients", slowClients},
		{liveness, hang},
		{"a Secret with a misspelt entry is not used", misspeltEntry},
		{"a rotated Secret is used without a restart", rotate},
		{"another name and another path by a second release", secondRelease},
		{"a guarded endpoint asks for a key, and the policy for a reason", guard},
		{"uninstall leaves nothing", uninstall},
		{"k8s/ by kubectl apply -k", manifests},
	} {
		if step.name == liveness && !*node {
			t.Logf("left out, as no process can be stopped without -node: %s", step.name)
			continue
		}
		if !t.Run(step.name, step.test) {
			t.Log(try(context.Background(), "", "kubectl", "-n", namespace, "get", "all,events"))
			t.FailNow() // the next steps build on this one
		}
	}
}

func refusals(t *testing.T) {
	for _, c := range []struct{ name, set, want string }{
		{"no credentials", "replicaCount=1", "set credentials.existingSecret to the name of a Secret"},
		{"a misspelt value", "replicasCount=1", "replicasCount"},
		{"a misspelt variable", "config.LOG_LEVELS=debug", "LOG_LEVELS"},
	} {
		out, err := try(t.Context(), "", "helm", append([]string{"-n", namespace, "install", "refused", chart}, values(c.set)...)...)
		if err == nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v %s", c.name, err, out)
		}
	}
}

func wrongSecret(t *testing.T) {
	run(t, secretYAML("credentials", "key-1", "secret-1"), "kubectl", "-n", namespace, "apply", "-f", "-")
	for _, c := range []struct{ name, existing, entry, want string }{
		{"no-secret", "wrong-name", "ZOOM_VIDEO_SDK_KEY", `secret "wrong-name" not found`},
		{"no-entry", "credentials", "WRONG_ENTRY", "ZOOM_VIDEO_SDK_KEY_FILE: there is no such file"},
	} {
		helm(t, append([]string{"install", c.name, chart}, values("replicaCount=1", "ingress.enabled=false", "credentials.existingSecret="+c.existing, "credentials.keyName="+c.entry)...)...)
		eventually(t, time.Minute, c.want, func() bool {
			// it fails where a Pod ends meanwhile
			out, _ := try(t.Context(), "", "kubectl", "-n", namespace, "describe", "pods")
			return strings.Contains(out, c.want)
		})
		helm(t, "uninstall", c.name, "--wait")
	}
}

func install(t *testing.T) {
	helm(t, append([]string{"install", release, chart, "--wait", "--timeout=120s"}, values("credentials.existingSecret=credentials")...)...)
	if n := len(pods(t)); n != 2 {
		t.Errorf("%d Pods", n)
	}
}

// helmTest asks the Service by its address, as this cluster may have no DNS.
func helmTest(t *testing.T) {
	address := kubectl(t, "get", "service", fullname, "-o", "jsonpath={.spec.clusterIP}")
	helm(t, "upgrade", release, chart, "--reuse-values", "--wait", "--timeout=120s", "--set", "tests.url=http://"+address+"/")
	helm(t, "test", release, "--timeout=60s")
}

func metricsAreHidden(t *testing.T) {
	status, body, err := send(t.Context(), http.DefaultClient, http.MethodGet, host, "/metrics", "")
	if err != nil || status != http.StatusNotFound || strings.Contains(body, "videosdk_") {
		t.Errorf("/metrics through the ingress: %d %v", status, err)
	}
	if !strings.Contains(podMetrics(t, pods(t)[0]), "videosdk_ready 1") {
		t.Error("no metrics on the metrics port")
	}
}

func podMetrics(t *testing.T, pod string) string {
	t.Helper()
	return run(t, "", "kubectl", "get", "--raw", "/api/v1/namespaces/"+namespace+"/pods/"+pod+":9090/proxy/metrics")
}

// metric is the value of a series without labels.
func metric(t *testing.T, pod, name string) float64 {
	t.Helper()
	for line := range strings.Lines(podMetrics(t, pod)) {
		if series, value, _ := strings.Cut(strings.TrimSpace(line), " "); series == name {
			number, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return number
		}
	}
	t.Fatalf("%s has no %s", pod, name)
	return 0
}

func evict(t *testing.T, pod string) {
	t.Helper()
	body := fmt.Sprintf(`{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":%q,"namespace":%q}}`, pod, namespace)
	run(t, body, "kubectl", "create", "--raw", "/api/v1/namespaces/"+namespace+"/pods/"+pod+"/eviction", "-f", "-")
	kubectl(t, "wait", "--for=delete", "pod/"+pod, "--timeout=60s")
}

func ready(t *testing.T) {
	t.Helper()
	kubectl(t, "rollout", "status", "deployment/"+fullname, "--timeout=120s")
}

func disturb(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"an upgrade", func() {
			helm(t, "upgrade", release, chart, "--reuse-values", "--wait", "--timeout=120s", "--set", "config.LOG_LEVEL=warn")
		}},
		{"a rollback", func() { helm(t, "rollback", release, "--wait", "--timeout=120s") }},
		{"an eviction", func() { evict(t, pods(t)[0]); ready(t) }},
	} {
		before := strings.Join(pods(t), " ")
		l := startLoad(t)
		c.do()
		l.none(t, c.name)
		if strings.Join(pods(t), " ") == before {
			t.Errorf("%s replaced no Pod", c.name)
		}
	}
}

// kill tells how many requests are lost with a Pod that ends without notice: those under way in it, and those that the
// ingress sends to its address until the Pod is off its list or serves again. Then none is lost any more.
func kill(t *testing.T) {
	l, pod := startLoad(t), pods(t)[0]
	if *node {
		signal(t, pod, syscall.SIGKILL)
		eventually(t, time.Minute, "a restart", func() bool { return restarts(t) == 1 })
	} else {
		kubectl(t, "delete", "pod", pod, "--grace-period=0", "--force")
	}
	ready(t)
	until := l.lost.Load()
	sent, lost := l.stop(t, 200)
	if *node {
		evict(t, pod) // the next steps count restarts from none
		ready(t)
	}
	disturbances.add("a Pod is killed", sent, lost)
	if lost > until {
		t.Errorf("%d requests lost after the Pod was ready again", lost-until)
	}
}

// fullLoad sends as fast as the cluster answers, over 64 connections.
func fullLoad(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	var answered, failed atomic.Int64
	var workers sync.WaitGroup
	for range 64 {
		workers.Go(func() {
			for ctx.Err() == nil {
				status, _, err := send(t.Context(), client, http.MethodPost, host, "/", readme)
				if err != nil || status != http.StatusOK {
					failed.Add(1)
					continue
				}
				answered.Add(1)
			}
		})
	}
	workers.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d requests failed", failed.Load())
	}
	for _, pod := range pods(t) {
		resident := metric(t, pod, "process_resident_memory_bytes")
		t.Logf("%d requests answered; %s uses %.0f MiB of 128", answered.Load(), pod, resident/(1<<20))
		if resident > 128<<20 {
			t.Errorf("above the limit")
		}
	}
	if n := restarts(t); n > 0 {
		t.Errorf("%d restarts", n)
	}
}

// signal sends a signal to the process of a Pod, which runs on this machine.
func signal(t *testing.T, pod string, sig syscall.Signal) {
	t.Helper()
	signalIn(t, namespace, pod, sig)
}

func signalIn(t *testing.T, namespace, pod string, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(process(t, namespace, pod), sig); err != nil {
		t.Fatal(err)
	}
}

// process is the one of a Pod, which runs on this machine.
func process(t *testing.T, namespace, pod string) (pid int) {
	t.Helper()
	uid := run(t, "", "kubectl", "-n", namespace, "get", "pod", pod, "-o", "jsonpath={.metadata.uid}")
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range groups {
		cgroup, _ := os.ReadFile(file) // one that has ended can't be read
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		if !bytes.Contains(cgroup, []byte(uid)) || !bytes.HasPrefix(command, []byte("/videosdk-auth-endpoint\x00")) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	t.Fatalf("no process of %s on this machine", pod)
	return 0
}

// hang stops the process of one Pod, as a deadlock would.
func hang(t *testing.T) {
	pod := pods(t)[0]
	signal(t, pod, syscall.SIGSTOP)
	begun := time.Now()
	eventually(t, 3*time.Minute, "a restart", func() bool { return restarts(t) == 1 })
	t.Logf("restarted after %v", time.Since(begun).Round(time.Second))
	ready(t)
	evict(t, pod) // the next step counts restarts from none
	ready(t)
}

func rotate(t *testing.T) {
	before := strings.Join(pods(t), " ")
	run(t, secretYAML("credentials", "key-2", "secret-2"), "kubectl", "-n", namespace, "replace", "-f", "-")
	begun := time.Now()
	inUse := 0
	// ten tokens in a row, so that every Pod has it
	eventually(t, 3*time.Minute, "tokens of the new credentials", func() bool {
		status, body, err := send(t.Context(), http.DefaultClient, http.MethodPost, host, "/", readme)
		if err != nil || status != http.StatusOK {
			t.Fatalf("%d %s %v", status, body, err)
		}
		if key, err := verify(body, "secret-2"); err == nil && key == "key-2" {
			inUse++
		} else if key, err := verify(body, "secret-1"); err != nil || key != "key-1" {
			t.Fatalf("a mix of both generations: %q %v", key, err)
		} else {
			inUse = 0
		}
		return inUse == 10
	})
	t.Logf("in use %v after kubectl replace", time.Since(begun).Round(time.Second))
	if after := strings.Join(pods(t), " "); after != before || restarts(t) > 0 {
		t.Errorf("Pods were %s, are %s, %d restarts", before, after, restarts(t))
	}
}

// guard sets an API key and a policy, takes another key, and another policy.
func guard(t *testing.T) {
	secret := func(name, entry, value string) {
		run(t, fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: %s}\nstringData: {%s: %q}\n", name, entry, value), "kubectl", "-n", namespace, "apply", "-f", "-")
	}
	newKey := func() (key, line string) {
		// stdout alone: what it says to whoever reads it is on stderr
		out, err := exec.CommandContext(t.Context(), "kubectl", "-n", namespace, "exec", "deployment/"+fullname, "--", "/videosdk-auth-endpoint", "apikey", "backend").Output()
		if err != nil {
			t.Fatal(err)
		}
		key, line, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
		return key, line
	}
	upgrade := func(policy string) {
		helm(t, "upgrade", release, chart, "--reuse-values", "--wait", "--timeout=120s", "--set", "apiKeys.existingSecret=api-keys,tests.bearer.existingSecret=bearer", "--set-string", "policy="+policy)
		// those from before serve on until the ingress has heard
		eventually(t, time.Minute, "the Pods from before are gone", func() bool {
			return len(strings.Fields(kubectl(t, "get", "pods", "-l", selector, "-o", "name"))) == 2
		})
	}
	ask := func(key, body string) int {
		header := http.Header{}
		if key != "" {
			header.Set("Authorization", "Bearer "+key)
		}
		status, _, err := sendWith(t.Context(), http.DefaultClient, http.MethodPost, host, "/", body, header)
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	want := func(what, key, body string, status int) {
		t.Helper()
		if got := ask(key, body); got != status {
			t.Errorf("%s: %d, want %d", what, got, status)
		}
	}
	const participant = `{"sessionName": "Cool Cars", "role": 0}`

	first, firstLine := newKey()
	secret("api-keys", "api-keys", firstLine)
	secret("bearer", "bearer", first)
	upgrade("request.role == 0")
	want("no key", "", participant, http.StatusUnauthorized)
	want("a participant", first, participant, http.StatusOK)
	want("a host, whom the policy denies", first, readme, http.StatusForbidden)
	helm(t, "test", release, "--timeout=60s")

	before := strings.Join(pods(t), " ")
	second, secondLine := newKey()
	secret("api-keys", "api-keys", secondLine)
	begun, inUse := time.Now(), 0
	// ten answers in a row, so that every Pod has it
	eventually(t, 3*time.Minute, "the new key alone", func() bool {
		if inUse++; ask(second, participant) != http.StatusOK || ask(first, participant) != http.StatusUnauthorized {
			inUse = 0
		}
		return inUse == 10
	})
	t.Logf("another API key in use %v after kubectl apply", time.Since(begun).Round(time.Second))
	if after := strings.Join(pods(t), " "); after != before || restarts(t) > 0 {
		t.Errorf("Pods were %s, are %s, %d restarts", before, after, restarts(t))
	}

	upgrade(`caller.subject == "backend"`)
	if after := strings.Join(pods(t), " "); after == before {
		t.Error("another policy, and the same Pods")
	}
	want("a host, whom the new policy allows", second, readme, http.StatusOK)
}

// kinds are all that the chart can make, and what belongs to it.
const kinds = "deployment,replicaset,pod,service,endpointslice,ingress,hpa,pdb,serviceaccount,networkpolicy,configmap,secret"

func uninstall(t *testing.T) {
	helm(t, "uninstall", release, "--wait", "--timeout=120s")
	eventually(t, time.Minute, "everything gone", func() bool {
		return strings.TrimSpace(kubectl(t, "get", kinds, "-l", "app.kubernetes.io/instance="+release, "-o", "name")) == ""
	})
	// those that this test made, and the one that Kubernetes puts into every namespace
	left := strings.TrimSpace(strings.Replace(kubectl(t, "get", "secret,configmap", "-o", "name"), "configmap/kube-root-ca.crt\n", "", 1))
	if left != "secret/api-keys\nsecret/bearer\nsecret/credentials" {
		t.Errorf("left: %s", left)
	}
}

// example copies k8s/ into the folder, with the image in its example.
func example(t *testing.T, dir string) {
	t.Helper()
	if err := os.CopyFS(filepath.Join(dir, "k8s"), os.DirFS("../../k8s")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "k8s/overlays/example/kustomization.yaml")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	name, tag := cutLast(*image, ":")
	content = regexp.MustCompile(`newName: .*\n( +)newTag: .*`).ReplaceAll(content, []byte("newName: "+name+"\n${1}newTag: "+tag))
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func manifests(t *testing.T) {
	dir := t.TempDir()
	example(t, dir)
	text := "resources: [k8s/overlays/example]\nnamespace: " + namespace + "\n"
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, secretYAML("videosdk-credentials", "key-3", "secret-3"), "kubectl", "-n", namespace, "apply", "-f", "-")
	kubectl(t, "apply", "-k", dir)
	kubectl(t, "rollout", "status", "deployment/videosdk-auth-endpoint", "--timeout=120s")
	served := kubectl(t, "get", "ingress", "-o", "jsonpath={.items[0].spec.rules[0].host}")
	token(t, served, "key-3", "secret-3")
	kubectl(t, "diff", "-k", dir) // it fails where there is a difference
	kubectl(t, "delete", "-k", dir, "--wait", "--timeout=120s")
}
