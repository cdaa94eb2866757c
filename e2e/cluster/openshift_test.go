//go:build cluster

package cluster_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// refused is the answer to a Pod with a user or a group of its own.
const refused = "user and group must be in the range of the namespace"

// constraints are what OpenShift's "restricted-v2" does in a namespace: a Pod that names no user and group gets those of the
// namespace's range, and one that names others is refused.
// https://docs.redhat.com/en/documentation/openshift_container_platform/4.19/html/authentication_and_authorization/managing-pod-security-policies
const constraints = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  matchConditions:
    - {name: none-named, expression: "!has(object.spec.securityContext) || !has(object.spec.securityContext.runAsUser) && !has(object.spec.securityContext.fsGroup)"}
  reinvocationPolicy: Never
  mutations:
    - patchType: ApplyConfiguration
      applyConfiguration:
        expression: "Object{spec: Object.spec{securityContext: Object.spec.securityContext{runAsUser: %[2]d, fsGroup: %[2]d}}}"
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  validations:
    - expression: "object.spec.?securityContext.?runAsUser.orValue(0) == %[2]d && object.spec.?securityContext.?fsGroup.orValue(0) == %[2]d"
      message: "` + refused + `"
    - expression: "object.spec.containers.all(c, c.?securityContext.?runAsUser.orValue(%[2]d) == %[2]d)"
      message: "the containers' user must be in the range of the namespace"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s, validationActions: [Deny]}
`

// TestOpenShift runs the chart where users and groups are given by the namespace, under Pod Security restricted as well. The Pods
// read their Secret as a user that nobody chose, and answer.
func TestOpenShift(t *testing.T) {
	const namespace, user = "videosdk-openshift", 1_000_650_000
	if kinds := run(t, "", "kubectl", "api-resources", "--api-group=admissionregistration.k8s.io"); !strings.Contains(kinds, "v1 ") || !strings.Contains(kinds, "MutatingAdmissionPolicy") {
		t.Skip("this cluster has no MutatingAdmissionPolicy, which stands in for OpenShift's admission")
	}
	fresh(t, namespace)
	rules := fmt.Sprintf(constraints, namespace, user)
	t.Cleanup(func() { _, _ = try(context.Background(), rules, "kubectl", "delete", "-f", "-") })
	run(t, rules, "kubectl", "apply", "-f", "-")
	enforced(t, namespace, user)
	run(t, secretYAML("credentials", "key-1", "secret-1"), "kubectl", "-n", namespace, "apply", "-f", "-")
	install := func(more ...string) []string {
		return append([]string{"-n", namespace, "upgrade", "--install", release, chart, "--timeout=60s"}, append(values("credentials.existingSecret=credentials", "ingress.enabled=false"), more...)...)
	}

	run(t, "", "helm", install()...)
	eventually(t, time.Minute, "fixed users are refused", func() bool {
		return strings.Contains(run(t, "", "kubectl", "-n", namespace, "get", "replicasets", "-o", "jsonpath={.items[*].status.conditions[*].message}"),
			refused)
	})

	run(t, "", "helm", install("--wait", "--set", "global.compatibility.openshift.adaptSecurityContext=force")...)
	pods := strings.Fields(run(t, "", "kubectl", "-n", namespace, "get", "pods", "-o",
		`go-template={{range .items}}{{.metadata.name}}={{.spec.securityContext.runAsUser}},{{.spec.securityContext.fsGroup}} {{end}}`))
	if len(pods) != 2 {
		t.Errorf("Pods %v", pods)
	}
	for _, pod := range pods {
		name, ids, _ := strings.Cut(pod, "=")
		if ids != "1000650000,1000650000" {
			t.Errorf("%s has the user and group %s", name, ids)
		}
		answer := run(t, readme, "kubectl", "create", "--raw", "/api/v1/namespaces/"+namespace+"/pods/"+name+":4000/proxy/", "-f", "-")
		if key, err := verify(answer, "secret-1"); err != nil || key != "key-1" {
			t.Errorf("%s: %q %v", name, key, err)
		}
	}
}

// enforced waits until the API server uses new constraints, which takes it seconds: it refuses a Pod with a user of its own,
// and gives one without a user the namespace's.
func enforced(t *testing.T, namespace string, user int) {
	t.Helper()
	const pod = `
apiVersion: v1
kind: Pod
metadata: {name: example}
spec:
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}%s}
  containers:
    - {name: example, image: example, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}
`
	create := func(more string) string {
		out, err := try(t.Context(), fmt.Sprintf(pod, more), "kubectl", "-n", namespace, "create", "--dry-run=server", "-o",
			"jsonpath={.spec.securityContext.runAsUser}", "-f", "-")
		if err != nil {
			return fmt.Sprint(out, err)
		}
		return out
	}
	eventually(t, time.Minute, "the constraints are in force", func() bool {
		return strings.Contains(create(", runAsUser: 65532, fsGroup: 65532"), refused) && create("") == strconv.Itoa(user)
	})
}
