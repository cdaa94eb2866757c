// Package modules finds the sources of Go modules, which hold the schemas that the tests need: those of Kubernetes' API and
// of custom resources.
package modules

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// The modules whose schemas are used. Go checks them against its checksum database, so that a version is always the same.
const (
	Kubernetes         = "k8s.io/kubernetes@v1.37.2"
	PrometheusOperator = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
	Gateway            = "sigs.k8s.io/gateway-api@v1.4.1"
	ExternalSecrets    = "github.com/external-secrets/external-secrets@v1.3.2"
	SealedSecrets      = "github.com/bitnami-labs/sealed-secrets@v0.40.0"
	SecretsStore       = "sigs.k8s.io/secrets-store-csi-driver@v1.4.8"
	Traefik            = "github.com/traefik/traefik/v3@v3.7.13"
	ArgoCD             = "github.com/argoproj/argo-cd/v3@v3.5.7"
	FluxOperator       = "github.com/controlplaneio-fluxcd/flux-operator@v0.59.0" // it has the definitions of every Flux controller
)

// Dir is the folder of a module's source, downloaded and checked by Go.
func Dir(t testing.TB, module string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module)
	cmd.Dir = t.TempDir() // outside of any module, so that no go.sum changes
	// Go refuses even to download a module that wants a newer Go. With auto it fetches that one, and downloads.
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=auto")
	out, err := cmd.Output()
	var answer struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &answer); err != nil || jsonErr != nil || answer.Dir == "" {
		t.Fatalf("go mod download %s: %v %v %s", module, err, jsonErr, answer.Error)
	}
	return answer.Dir
}
