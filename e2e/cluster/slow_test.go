//go:build cluster

package cluster_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"videosdk-auth-endpoint/e2e/internal/slow"
)

func TestMain(m *testing.M) {
	slow.Main()
	os.Exit(m.Run())
}

// slowClients has many clients keep the service waiting, by the Service and through the ingress, which passes a body on as
// it comes. Healthy clients beside them lose nothing on either way. The Pods stay ready and below their memory limit.
func slowClients(t *testing.T) {
	service := net.JoinHostPort(kubectl(t, "get", "service", fullname, "-o", "jsonpath={.spec.clusterIP}"), "80")
	through := ingressAddress()
	undisturbed(t, service, through)
	known := restarts(t)
	conditions := watch(t, ".endpoints[*].conditions.ready", "endpointslice", "-l", "kubernetes.io/service-name="+fullname)
	body, lines := slow.Clients{Number: 2500, Send: slow.Body(8_000)}, slow.Clients{Number: 2500, Send: slow.Lines(7_900)}
	neverRead := slow.Clients{Number: 2500, Send: slow.Requests(10_000), NeverRead: true}
	fewer := neverRead
	fewer.Number = 500 // the ingress takes megabytes for each, and more of them would measure how fast it does
	for _, c := range []struct {
		name, to string
		slow.Clients
	}{
		{"2,500 bodies of 8 KB less one byte, by the Service", service, body},
		{"the same bodies through the ingress", through, body},
		{"2,500 headers of lines of 6 bytes, by the Service", service, lines},
		{"the same headers through the ingress", through, lines},
		{"2,500 clients that never read, by the Service", service, neverRead},
		{"500 such clients through the ingress", through, fewer},
	} {
		direct, proxied := startLoadTo(t, service), startLoadTo(t, through)
		saw, most := attack(t, c.to, c.Clients)
		t.Logf("%s: at most %s of 128 MiB; the slow clients saw %s", c.name, most, slow.String(saw))
		if most.sum() > 128 {
			t.Errorf("%s: above the limit", c.name)
		}
		direct.none(t, c.name+", healthy clients by the Service")
		proxied.none(t, c.name+", healthy clients through the ingress")
	}
	if n := restarts(t) - known; n > 0 {
		t.Errorf("%d restarts: %s", n, kubectl(t, "describe", "pods", "-l", selector))
	}
	for _, ready := range conditions() {
		if ready != "true" {
			t.Errorf("a Pod was not ready: %s", kubectl(t, "get", "events"))
		}
	}
}

// undisturbed waits until nothing but two Pods that serve is left of what was done before, and until everybody who leads
// clients to them knows it: those addresses answer twenty requests in a row, each over a new connection. kube-proxy hears
// of a change later than kubectl, and a connection that it leads to a Pod of before is refused.
func undisturbed(t *testing.T, addresses ...string) {
	t.Helper()
	eventually(t, time.Minute, "two Pods that serve, and no others", func() bool {
		return len(serving(t)) == 2 && len(strings.Fields(kubectl(t, "get", "pods", "-l", selector, "-o", "name"))) == 2
	})
	for _, address := range addresses {
		client := &http.Client{Timeout: 10 * time.Second, Transport: transportTo(address, true)}
		eventually(t, time.Minute, "twenty answers by "+address, func() bool {
			for range 20 {
				status, _, err := send(t.Context(), client, http.MethodPost, host, "/", readme)
				if err != nil || status != http.StatusOK {
					return false
				}
			}
			return true
		})
	}
}

// attack lasts six seconds from when all slow clients are there: each comes twice. It returns what they saw, and the
// most memory that a Pod had.
func attack(t *testing.T, to string, clients slow.Clients) (saw map[string]int, most usage) {
	t.Helper()
	clients.Hold = 3 * time.Second
	var meters []func() usage // none without -node
	for _, pod := range pods(t) {
		if *node {
			meters = append(meters, meter(t, pod))
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	measured := make(chan usage)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		var most usage
		for ctx.Err() == nil {
			for _, read := range meters {
				if u := read(); u.sum() > most.sum() {
					most = u
				}
			}
			<-tick.C
		}
		measured <- most
	}()
	attackers, err := slow.Start(t.Context(), to, clients)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * clients.Hold)
	saw, err = attackers.Leave()
	if err != nil {
		t.Fatal(err)
	}
	stop()
	return saw, <-measured
}

// usage is memory that the kernel can't take back from a Pod, in MiB.
type usage struct{ anonymous, kernel, sockets float64 }

func (u usage) sum() float64 { return u.anonymous + u.kernel + u.sockets }

func (u usage) String() string {
	const text = "%.0f (the process %.0f, the kernel %.0f, its sockets %.0f)"
	return fmt.Sprintf(text, u.sum(), u.anonymous, u.kernel, u.sockets)
}

// meter returns what asks the cgroup of a Pod's container, which must run on this machine.
func meter(t *testing.T, pod string) func() usage {
	t.Helper()
	of, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", process(t, namespace, pod)))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(of)) {
		_, line, _ = strings.Cut(strings.TrimSpace(line), ":")
		controller, path, _ := strings.Cut(line, ":")
		switch dir := filepath.Join("/sys/fs/cgroup", controller, path); {
		case controller == "memory":
			// the first version counts sockets apart, and only if they have a limit
			if err := os.WriteFile(filepath.Join(dir, "memory.kmem.tcp.limit_in_bytes"), []byte("1G"), 0o600); err != nil {
				t.Fatal(err)
			}
			return func() usage {
				kernel, sockets := "memory.kmem.usage_in_bytes", "memory.kmem.tcp.usage_in_bytes"
				return usage{stat(t, dir, "rss"), mebibytes(t, dir, kernel), mebibytes(t, dir, sockets)}
			}
		case controller == "" && exists(filepath.Join(dir, "memory.stat")):
			return func() usage { return usage{stat(t, dir, "anon"), stat(t, dir, "kernel"), stat(t, dir, "sock")} }
		}
	}
	t.Fatalf("no memory is counted for %s: %s", pod, of)
	return nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// read returns what a file of a cgroup says. A test that measures nothing must fail.
func read(t *testing.T, dir, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Error(err)
	}
	return strings.TrimSpace(string(text))
}

func mebibytes(t *testing.T, dir, file string) float64 {
	t.Helper()
	return number(t, read(t, dir, file))
}

func stat(t *testing.T, dir, name string) float64 {
	t.Helper()
	for line := range strings.Lines(read(t, dir, "memory.stat")) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			return number(t, value)
		}
	}
	t.Errorf("%s does not say %s", dir, name)
	return 0
}

// number is a number of bytes in MiB.
func number(t *testing.T, text string) float64 {
	t.Helper()
	bytes, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Error(err)
	}
	return bytes / (1 << 20)
}
