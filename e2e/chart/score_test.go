package chart_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
)

// accepted are the findings of kube-score that the chart lives with, as kind and check.
var accepted = map[string][]string{
	"default": {
		// a CPU limit would only slow tokens down; there is a memory limit
		"Deployment container-resources",
		// the root file system is read-only: logs are all that takes room on the node
		"Deployment container-ephemeral-storage-request-and-limit",
		// a version's image does not change; Always would make the registry a part of every start
		"Deployment container-image-pull-policy",
		// topologySpreadConstraints spread the pods, which kube-score does not look at
		"Deployment deployment-has-host-podantiaffinity",
		// the pod of `helm test` lives for seconds and listens nowhere; the rest is as above
		"Pod container-resources",
		"Pod container-ephemeral-storage-request-and-limit",
		"Pod container-image-pull-policy",
		"Pod pod-networkpolicy",
	},
	"all": {
		// as above; affinity is set here
		"Deployment container-resources",
		"Deployment container-ephemeral-storage-request-and-limit",
		"Deployment container-image-pull-policy",
		"Pod container-resources",
		"Pod container-ephemeral-storage-request-and-limit",
		"Pod container-image-pull-policy",
		"Pod pod-networkpolicy",
	},
	"guarded": {
		// as for default; there is no pod of `helm test`
		"Deployment container-resources",
		"Deployment container-ephemeral-storage-request-and-limit",
		"Deployment container-image-pull-policy",
		"Deployment deployment-has-host-podantiaffinity",
	},
	"overlay": {
		// as above; there is no pod of `helm test`
		"Deployment container-resources",
		"Deployment container-ephemeral-storage-request-and-limit",
		"Deployment container-image-pull-policy",
		"Deployment deployment-has-host-podantiaffinity",
	},
}

// TestScore: kube-score finds what is accepted above, no more and no less.
func TestScore(t *testing.T) {
	manifests := renderings(t)
	for _, name := range slices.Sorted(maps.Keys(accepted)) {
		t.Run(name, func(t *testing.T) {
			// it exits with 1 for any finding
			out, errs, _ := command(t, manifests[name], "kube-score", "score", "--kubernetes-version=v1.37", "--output-format=json", "-")
			var scores []struct {
				TypeMeta struct{ Kind string } `json:"type_meta"`
				Checks   []struct {
					Check    struct{ ID string }
					Grade    int
					Skipped  bool
					Comments []struct{ Summary string }
				}
			}
			if err := json.Unmarshal([]byte(out), &scores); err != nil || len(scores) == 0 {
				t.Fatalf("%v\n%s%s", err, out, errs)
			}
			found := map[string]any{}
			for _, score := range scores {
				for _, check := range score.Checks {
					if check.Grade < 10 && !check.Skipped { // 10 is all OK
						found[score.TypeMeta.Kind+" "+check.Check.ID] = check.Comments
					}
				}
			}
			for finding, comments := range found {
				if !slices.Contains(accepted[name], finding) {
					t.Errorf("%s: %v", finding, comments)
				}
			}
			for _, finding := range accepted[name] {
				if found[finding] == nil {
					t.Errorf("%s is accepted and does not occur", finding)
				}
			}
		})
	}
}
