//go:build cluster

package cluster_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"videosdk-auth-endpoint/e2e/parts"
)

// kubeconfig is the file that names the cluster.
func kubeconfig() string { return os.Getenv("KUBECONFIG") }

// freePort is a port that nothing listens on.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// daemon runs a program beside the test, for as long as it takes.
func daemon(t *testing.T, name string, args ...string) {
	t.Helper()
	var out strings.Builder
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), parts.Path(t, name), args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", name, out.String())
		}
	})
}
