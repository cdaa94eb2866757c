package dashboard

import "strings"

const (
	// release are the labels that tell releases apart, and scope selects those that the reader chose.
	release = "namespace, app_kubernetes_io_instance"
	scope   = `namespace=~"$namespace", app_kubernetes_io_instance=~"$release"`

	duration = "http_server_request_duration_seconds"
	firing   = `alertname=~"Videosdk.+", alertstate="firing"`
	// seen remembers a release whose replicas are all gone.
	seen = "group by (" + release + ") (last_over_time(videosdk_ready{" + scope + "}[6h]))"
)

var (
	ours   = `otel_scope_name="videosdk-auth-endpoint"`
	tokens = []string{ours, `http_request_method="POST"`, `http_route!=""`}
	good   = []string{ours, `http_request_method="POST"`, `http_route!=""`, `http_response_status_code!~"5.."`}
	failed = []string{ours, `http_request_method="POST"`, `http_route!=""`, `http_response_status_code=~"5.."`}
)

func metric(name string, matchers ...string) string {
	return name + "{" + strings.Join(append([]string{scope}, matchers...), ", ") + "}"
}

// rate is per second, over a window that holds four scrapes at least.
func rate(name string, matchers ...string) string {
	return "rate(" + metric(name, matchers...) + "[$__rate_interval])"
}

func sum(labels, expr string) string { return "sum by (" + labels + ") (" + expr + ")" }

// top are the rates of the ten series that grew most in the whole range. topk alone would choose anew at each step.
func top(labels, name string, matchers ...string) string {
	grown := sum(labels, "increase("+metric(name, matchers...)+"[$__range] @ end())")
	return sum(labels, rate(name, matchers...)) + " and topk(10, " + grown + " > 0)"
}

func quantile(q, labels, name string, matchers ...string) string {
	return "histogram_quantile(" + q + ", " + sum(labels, rate(name+"_bucket", matchers...)) + ")"
}

// whereAsked leaves everything out if no token was asked for in the whole range, so that the panel can say so.
var whereAsked = " and on () (sum(increase(" + metric(duration+"_count", tokens...) + "[$__range] @ end())) > 0)"

// share is what part of the matching series makes of all of them. It is NaN, and left out, while there are none.
func share(labels, name string, part, all []string) string {
	return sum(labels, rate(name, part...)) + " / " + sum(labels, rate(name, all...))
}

// process is a metric of Go or of the operating system, which has the same name in every service: ofOurs keeps ours.
func process(name string, matchers ...string) string { return metric(name, matchers...) + ofOurs }

var ofOurs = " and on (job, instance) " + metric("videosdk_build_info")

// resource is what Kubernetes gives to each of our pods at least or at most, as kube-state-metrics tells it.
func resource(kind, what string) string {
	return "min(kube_pod_container_resource_" + kind + `{namespace=~"$namespace", resource="` + what + `", ` +
		`container="videosdk-auth-endpoint"} and on (namespace, pod) ` + metric("videosdk_build_info") + ")"
}

// byPod calls each pod by the end of its name, which is what tells it from the others.
func byPod(expr string) string {
	return "label_replace(" + expr + `, "pod", "$1", "pod", ".+-([^-]+-[^-]+)")`
}

func pods(expr string) string { return byPod(sum("namespace, pod", expr)) }
