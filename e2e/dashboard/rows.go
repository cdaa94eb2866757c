package dashboard

const (
	perSecond = "suffix: tokens/s"
	nobody    = "No requests in this time range"
	ratios    = "No requests, or no rules loaded"
	naming    = "{{namespace}} {{app_kubernetes_io_instance}}"
	podNaming = "{{namespace}} {{pod}}"
)

// What each release is doing. A value that does not exist becomes a number that can't be, and that number is written as words.
var (
	issuedBy  = sum(release, rate("videosdk_tokens_issued_total"))
	failedBy  = sum(release, rate(duration+"_count", failed...))
	budget    = metric("release:videosdk_availability_budget_left:ratio30d")
	keySet    = metric("videosdk_jwks_last_refresh_timestamp_seconds")
	keyErrors = metric("videosdk_jwks_refreshes_total", `result="error"`)

	issuedCell = "(" + issuedBy + " and " + issuedBy + " + " + failedBy + " > 0) or -1 * " + seen
	goodCell   = "(1 - " + share(release, duration+"_count", failed, tokens) + " >= 0) or 2 * " + seen
	budgetCell = "(" + budget + " <= 1) or 2 * group by (" + release + ") (" + budget + ") or 3 * " + seen
	p99Cell    = "(" + quantile("0.99", release+", le", duration, good...) + " >= 0) or 1e6 * group by (" + release + ") (" + failedBy + " > 0) or -1 * " + seen
	readyCell  = sum(release, metric("videosdk_ready")) + " or 0 * " + seen
	keySetCell = "-1 * group by (" + release + ") (" + keySet + " == 0 and ignoring (result) " + keyErrors + " > 0)" +
		" or max by (" + release + ") (time() - (" + keySet + " > 0)) or -2 * group by (" + release + ") (" + keySet + ")"
)

func alertsCell(severity string) string {
	return "count by (" + release + ") (" + metric("ALERTS", firing, `severity="`+severity+`"`) + ") or 0 * " + seen
}

// How they are written. Where a color has no number before it, it is that of all lower values.
var (
	nothing   = state{"no requests", "text"}
	plain     = look{unit: "none", steps: []step{{color: "text"}}}
	issued    = look{unit: perSecond, decimals: new(2.0), says: map[string]state{"-1": {"no valid requests", "text"}, "0": {"none issued", "red"}}}
	goodShare = look{unit: "percentunit", decimals: new(2.0), steps: []step{{color: "red"}, {0.99, "orange"}, {0.999, "green"}}, says: map[string]state{"2": nothing}}
	remaining = look{unit: "percentunit", decimals: new(0.0), steps: []step{{color: "red"}, {0.000001, "orange"}, {0.25, "green"}}, says: map[string]state{"2": nothing, "3": {"not recorded yet", "text"}}}
	seconds   = look{unit: "s", steps: []step{{color: "green"}, {0.05, "orange"}, {0.1, "red"}}, says: map[string]state{"-1": nothing, "1000000": {"only 5xx", "red"}}}
	replicas  = look{unit: "none", steps: []step{{color: "red"}, {1, "orange"}, {2, "green"}}}
	critical  = look{unit: "none", steps: []step{{color: "transparent"}, {1, "red"}}}
	warnings  = look{unit: "none", steps: []step{{color: "text"}, {1, "orange"}}}
	severity  = look{unit: "string", says: map[string]state{"critical": {"critical", "red"}, "warning": {"warning", "orange"}}}
	ago       = look{unit: "dateTimeFromNow", steps: plain.steps}
	burn      = look{unit: "suffix: x", decimals: new(1.0), steps: []step{{color: "transparent"}, {1, "yellow"}, {6, "orange"}, {14.4, "red"}}}
	slow      = look{unit: "s", steps: []step{{color: "transparent"}, {0.1, "red"}}}
	share50   = look{unit: "percentunit", steps: []step{{color: "transparent"}, {0.5, "orange"}}}
)

// A status and a reason have the same color in every panel.
var (
	statuses = map[string]string{
		"200": "green", "204": "semi-dark-green", "304": "light-green", "400": "yellow", "401": "orange", "403": "dark-orange", "404": "blue",
		"405": "light-blue", "408": "dark-blue", "413": "light-yellow", "415": "dark-yellow", "429": "purple", "431": "light-purple",
		"500": "dark-red", "503": "red",
	}
	reasons = map[string]string{
		"missing": "blue", "malformed": "light-blue", "algorithm": "dark-red", "unknown_key": "yellow", "signature": "red", "issuer": "light-yellow",
		"audience": "dark-yellow", "expired": "green", "not_yet_valid": "light-green", "claims": "dark-green", "lifetime": "semi-dark-green",
		"unknown_api_key": "light-red", "untrusted_proxy": "semi-dark-red", "keys_unavailable": "orange", "identity": "dark-blue",
		"policy": "purple", "policy_error": "dark-purple", "rate_limited": "light-orange",
	}
)

// rows are the dashboard, from top to bottom.
var rows = []row{
	{panels: []panel{
		{
			kind: "stat", title: "Alerts firing now", w: 4, h: 4, empty: "none",
			look:   look{unit: "none", says: map[string]state{"0": {"none", "green"}}},
			colors: map[string]string{"critical": "red", "warning": "orange"},
			about:  "Read Firing alerts now below if one of these is above 0. An alert on the burn of the budget goes on for a while after the recovery.",
			queries: []query{
				{expr: "count(" + metric("ALERTS", firing, `severity="critical"`) + ") or vector(0)", legend: "critical"},
				{expr: "count(" + metric("ALERTS", firing, `severity="warning"`) + ") or vector(0)", legend: "warning"},
			},
		},
		lowest("Tokens issued now, lowest", "min(("+issuedCell+") >= 0) or vector(-1)", issued, "VideosdkAvailabilityBurn",
			"See how many tokens the slowest release issues. A release that answers with 5xx and issues none is red. Releases that nobody asks for a token are left out."),
		lowest("Requests without 5xx now, lowest", "min("+goodCell+")", goodShare, "VideosdkAvailabilityBurn",
			"Compare with the objective of 99.9 %. 4xx are correct answers to wrong requests, and count as good."),
		lowest("Error budget left, lowest", "min("+budgetCell+")", remaining, "VideosdkAvailabilityBurn",
			"Put off risky changes where little is left. The budget is 0.1 % of the requests of 30 days at the average rate."),
		lowest("p99 now, highest", "max("+p99Cell+")", seconds, "VideosdkLatencyBurn",
			"Compare with the objective of 100 ms. A request takes as long as its body takes to arrive, so slow clients are in it. Answers with 5xx are not: they are fast, and would make an outage green."),
		lowest("Replicas ready now, fewest", "min("+readyCell+")", replicas, "VideosdkNoReadyReplica",
			"Act at 0: nobody gets a token from that release. At 1 no replica can be missed. A release is remembered for six hours."),
		{
			kind: "table", title: "Releases now", w: 15, h: 7, sortBy: "critical", empty: "No release is seen: is it scraped, and is Namespace right?",
			about: "Find the release that is unwell: one line for each, and the worst come first. The alerts and the budget need the recording rules.",
			columns: []column{
				{name: "namespace", look: plain},
				{name: "release", field: "app_kubernetes_io_instance", look: plain},
				{name: "critical", expr: alertsCell("critical"), look: critical, background: true},
				{name: "warnings", expr: alertsCell("warning"), look: warnings},
				{name: "tokens/s", expr: issuedCell, look: unitless(issued)},
				{name: "without 5xx", expr: goodCell, look: goodShare},
				{name: "budget left", expr: budgetCell, look: remaining},
				{name: "p99", expr: p99Cell, look: seconds},
				{name: "ready", expr: readyCell, look: replicas, background: true},
			},
		},
		{
			kind: "table", title: "Firing alerts now", w: 9, h: 7, sortBy: "since", empty: "No alert is firing",
			about: "Open an alert's runbook by its name. What stands here goes on: an alert goes only when its rule says so.",
			columns: []column{
				{name: "severity", look: severity},
				{name: "alert", field: "alertname", look: plain, link: "${docs}/docs/runbooks/${__value.raw}.md"},
				{name: "namespace", look: plain},
				{name: "release", field: "app_kubernetes_io_instance", look: plain},
				{name: "reason", look: plain},
				{name: "since", expr: "1000 * (" + metric("ALERTS_FOR_STATE", `alertname=~"Videosdk.+"`) + " and ignoring (alertstate) " + metric("ALERTS", firing) + ")", look: ago},
			},
		},
		burning("Burn rate of the budget, availability", 24, "failed", "0.001", "VideosdkAvailabilityBurn", "Failed requests"),
	}},
	{title: "Requests", panels: []panel{
		{
			kind: "timeseries", title: "Tokens issued by role", w: 8, h: 7, look: look{unit: perSecond}, empty: nobody, stacked: true,
			about:   "Watch for a drop that the traffic does not explain, and for hosts (role 1) where you expect participants.",
			queries: []query{{expr: top("role", "videosdk_tokens_issued_total"), legend: "{{role}}"}},
			colors:  map[string]string{"host": "purple", "participant": "blue"}, alerts: []string{"VideosdkAvailabilityBurn"},
		},
		{
			kind: "timeseries", title: "Answers by status", w: 8, h: 7, look: look{unit: "reqps"}, empty: nobody, stacked: true, colors: statuses,
			about:   "Tell our failures (5xx) from the clients' mistakes (4xx), over all paths but health and metrics. A new status began with a release, here or of a client.",
			queries: []query{{expr: top("http_response_status_code", duration+"_count", ours, `http_route!~"/livez|/readyz|/healthz|/metrics"`), legend: "{{http_response_status_code}}"}},
			alerts:  []string{"VideosdkAvailabilityBurn"},
		},
		{
			kind: "timeseries", title: "Refusals by reason, top 10", w: 8, h: 7, look: look{unit: "suffix: refusals/s"}, empty: "No refusals in this time range", stacked: true, colors: reasons,
			about:   "See why callers get no token. One reason that rises at one moment is a release, here, of a client, or at the provider.",
			queries: []query{{expr: top("reason", "videosdk_token_refusals_total"), legend: "{{reason}}"}},
			alerts:  []string{"VideosdkRefusalsSpike"},
		},
	}},
	{title: "Latency", panels: []panel{
		{
			kind: "timeseries", title: "HTTP latency of token requests", w: 8, h: 8, look: slow, empty: nobody,
			about: "Watch p99 against the objective of 100 ms. p50 and p99 that rise together are a machine without CPU; p99 alone is slow clients, whose bodies' arrival counts. A dot is one request: Traces behind the dots leads to its trace.",
			queries: []query{
				{expr: quantile("0.5", "le", duration, tokens...) + " >= 0", legend: "p50"},
				{expr: quantile("0.9", "le", duration, tokens...) + " >= 0", legend: "p90"},
				{expr: quantile("0.99", "le", duration, tokens...) + " >= 0", legend: "p99", exemplars: true},
			},
			colors: map[string]string{"p50": "green", "p90": "yellow", "p99": "red"}, alerts: []string{"VideosdkLatencyBurn"},
		},
		{
			kind: "heatmap", title: "HTTP latency, distribution", w: 8, h: 8, look: look{unit: "s"}, empty: nobody,
			about:   "Tell a second group of slow requests from a tail: a band of its own above the rest has a cause of its own.",
			queries: []query{{expr: sum("le", "increase("+metric(duration+"_bucket", tokens...)+"[$__rate_interval])") + whereAsked, legend: "{{le}}"}},
			alerts:  []string{"VideosdkLatencyBurn"},
		},
		burning("Burn rate of the budget, latency", 8, "slow", "0.01", "VideosdkLatencyBurn", "Slow requests"),
	}},
	{title: "Callers, keys and credentials", panels: []panel{
		{
			kind: "stat", title: "Authentication now", w: 8, h: 4, empty: "no release",
			look:    look{unit: "none", says: map[string]state{"0": {"guarded", "green"}, "1": {"open", "orange"}}},
			about:   "Check that no release is open that should not be: there everybody who reaches it gets tokens. No alert fires because of it.",
			queries: []query{{expr: "max by (" + release + ") (" + metric("videosdk_auth_open") + ")", legend: naming}},
		},
		{
			kind: "stat", title: "Key set now", w: 8, h: 4, empty: "no release",
			look: look{unit: "s", decimals: new(0.0), steps: []step{{color: "green"}, {1800, "orange"}, {3600, "red"}},
				says: map[string]state{"-1": {"missing", "red"}, "-2": {"not configured", "text"}}},
			about:   "See how old the keys are that verify users' tokens. Where they are missing, a replica is not ready and users are refused. An age below AUTH_JWKS_REFRESH_INTERVAL is well, whatever its color.",
			queries: []query{{expr: keySetCell, legend: naming}},
			alerts:  []string{"VideosdkKeySetStale"},
		},
		{
			kind: "stat", title: "Secret files now", w: 8, h: 4, empty: "no release",
			look:  look{unit: "none", says: map[string]state{"0": {"can't be read", "red"}, "1": {"read", "green"}}},
			about: "Mend a file that can't be read at once: the replicas go on with what they read before, but a new one ends when it starts.",
			queries: []query{
				{expr: "min(" + metric("videosdk_credential_last_reload_successful") + ")", legend: "credentials"},
				{expr: "min(" + metric("videosdk_api_key_last_reload_successful") + ")", legend: "API keys"},
			},
			alerts: []string{"VideosdkCredentialsNotRead", "VideosdkApiKeysNotRead"},
		},
		{
			kind: "timeseries", title: "Callers by method", w: 12, h: 6, look: look{unit: "reqps"}, empty: "No caller was known in this time range", stacked: true,
			about:   "Check that callers are known as you expect. The method none is that of an open endpoint.",
			queries: []query{{expr: top("method", "videosdk_token_callers_total"), legend: "{{method}}"}},
			colors:  map[string]string{"none": "orange", "jwt": "green", "api_key": "blue", "proxy": "purple"}, alerts: []string{"VideosdkRefusalsSpike"},
		},
		{
			kind: "timeseries", title: "Reads of keys and credentials", w: 12, h: 6, look: look{unit: "suffix: reads/s"}, empty: "Nothing was read again in this time range",
			about: "Find the moment at which a key set, the file of API keys or the credentials were read again, or could not be. After an error what was read before stays in use.",
			queries: []query{
				{expr: top("result", "videosdk_jwks_refreshes_total"), legend: "key set {{result}}"},
				{expr: top("result", "videosdk_api_key_reloads_total"), legend: "API keys {{result}}"},
				{expr: top("result", "videosdk_credential_reloads_total"), legend: "credentials {{result}}"},
			},
			colors: map[string]string{"key set error": "red", "API keys error": "orange", "credentials error": "dark-red", "key set ok": "green", "API keys ok": "blue", "credentials ok": "purple"},
			alerts: []string{"VideosdkKeySetStale", "VideosdkCredentialsNotRead", "VideosdkApiKeysNotRead"},
		},
	}},
	{title: "Validation and signing", collapsed: true, panels: []panel{
		{
			kind: "timeseries", title: "Invalid share", w: 12, h: 8, look: share50, empty: nobody,
			about:   "See how much of the readable requests breaks a rule. A share that jumps is a client that was changed.",
			queries: []query{{expr: share(release, "videosdk_token_validations_total", []string{`result="invalid"`}, nil) + " >= 0", legend: naming}},
			alerts:  []string{"VideosdkInvalidRequestsSpike"},
		},
		{
			kind: "timeseries", title: "Validation failures, top 10", w: 12, h: 8, look: look{unit: "suffix: failures/s"}, empty: "No failures in this time range",
			about:   "See which property breaks which rule, and since when. The ten are those that broke most often in the whole time range.",
			queries: []query{{expr: top("property, rule", "videosdk_token_validation_failures_total"), legend: "{{property}} {{rule}}"}},
			alerts:  []string{"VideosdkInvalidRequestsSpike"},
		},
		{
			kind: "table", title: "Validation failures in the time range, top 10", w: 8, h: 8, sortBy: "failures", empty: "No failures in this time range",
			about: "Tell the authors of a client which of its properties are wrong.",
			columns: []column{
				{name: "property", look: plain}, {name: "rule", look: plain},
				{name: "failures", look: look{unit: "locale", decimals: new(0.0), steps: plain.steps}, expr: "topk(10, " + sum("property, rule", "increase("+metric("videosdk_token_validation_failures_total")+"[$__range])") + " > 0)"},
			},
			alerts: []string{"VideosdkInvalidRequestsSpike"},
		},
		{
			kind: "timeseries", title: "Signing errors", w: 8, h: 8, look: look{unit: "suffix: failures/s"}, empty: "No signing errors in this time range",
			about:   "Expect none. Signing does nothing but arithmetic, so an error is a bug or a broken build.",
			queries: []query{{expr: top(release, "videosdk_token_signatures_total", `result="error"`), legend: naming}},
			alerts:  []string{"VideosdkSigningErrors"},
		},
		{
			kind: "timeseries", title: "Time to validate and to sign", w: 8, h: 8, look: look{unit: "s"}, empty: nobody,
			about: "Expect microseconds. If both rise, the CPU is short; the rest of a request's time is its body's arrival.",
			queries: []query{
				{expr: quantile("0.5", "le", "videosdk_token_validation_duration_seconds") + " >= 0", legend: "validate p50"},
				{expr: quantile("0.99", "le", "videosdk_token_validation_duration_seconds") + " >= 0", legend: "validate p99"},
				{expr: quantile("0.5", "le", "videosdk_token_signing_duration_seconds") + " >= 0", legend: "sign p50"},
				{expr: quantile("0.99", "le", "videosdk_token_signing_duration_seconds") + " >= 0", legend: "sign p99"},
			},
			alerts: []string{"VideosdkLatencyBurn"},
		},
	}},
	{title: "Slow requests and traces", collapsed: true, panels: []panel{
		{
			kind: "timeseries", title: "Requests above 100 ms", w: 8, h: 8, look: look{unit: "percentunit", steps: []step{{color: "transparent"}, {0.01, "red"}}}, empty: nobody,
			about:   "Compare with the objective, which allows 1 %.",
			queries: []query{{expr: "1 - " + sum(release, rate(duration+"_bucket", append(tokens, `le="0.1"`)...)) + " / " + sum(release, rate(duration+"_count", tokens...)) + " >= 0", legend: naming}},
			alerts:  []string{"VideosdkLatencyBurn"},
		},
		{
			kind: "table", title: "Traces behind the dots", w: 8, h: 8, sortBy: "duration", empty: "No exemplars: is tracing on, and does Prometheus store them?", source: "HTTP latency of token requests",
			about: "Open the trace of a slow request by its trace_id, in the first Tempo data source that Grafana has. These are the dots of HTTP latency of token requests.",
			columns: []column{
				{name: "Time", look: look{unit: "dateTimeAsSystem"}},
				{name: "duration", field: "Value", look: seconds},
				{name: "duration", field: "exemplar", look: seconds},
				{name: "status", field: "http_response_status_code", look: look{unit: "string"}},
				{name: "trace_id", look: look{unit: "string"}, link: explore},
			},
			alerts: []string{"VideosdkLatencyBurn"},
		},
		{
			kind: "timeseries", title: "Spans by result", w: 8, h: 8, look: look{unit: "suffix: spans/s"}, empty: "No spans in this time range", stacked: true,
			about:   "See whether traces have gaps: failed spans were refused by the collector, dropped ones found the queue full. Tokens are not affected.",
			queries: []query{{expr: top("result", "videosdk_trace_spans_total"), legend: "{{result}}"}},
			colors:  map[string]string{"exported": "green", "failed": "red", "dropped": "orange"}, alerts: []string{"VideosdkSpansLost"},
		},
	}},
	{title: "Pods", collapsed: true, panels: []panel{
		{
			kind: "timeseries", title: "CPU by pod", w: 12, h: 8, look: look{unit: "suffix: cores"}, empty: "No pods",
			about: "Compare with what the pod asked for, which the autoscaler goes by, and with its limit. Both come from kube-state-metrics, and the chart sets no limit.",
			queries: []query{
				{expr: pods(rate("process_cpu_seconds_total") + ofOurs), legend: podNaming},
				{expr: resource("requests", "cpu"), legend: "requested"}, {expr: resource("limits", "cpu"), legend: "limit"},
			},
			colors: map[string]string{"requested": "orange", "limit": "red"}, alerts: []string{"VideosdkLatencyBurn"},
		},
		{
			kind: "timeseries", title: "Memory by pod", w: 12, h: 8, look: look{unit: "bytes"}, empty: "No pods",
			about: "Compare with GOMEMLIMIT, above which Go collects garbage all the time, and with the pod's limit, at which it is killed. A line that climbs for days is a leak.",
			queries: []query{
				{expr: pods(process("process_resident_memory_bytes")), legend: podNaming},
				{expr: "min(" + process("go_gc_gomemlimit_bytes") + " < 1e15)", legend: "GOMEMLIMIT"}, {expr: resource("limits", "memory"), legend: "limit"},
			},
			colors: map[string]string{"GOMEMLIMIT": "orange", "limit": "red"}, alerts: []string{"VideosdkNoReadyReplica"},
		},
		{
			kind: "timeseries", title: "Restarts in the last hour", w: 8, h: 8, look: look{unit: "none", steps: []step{{color: "transparent"}, {1, "orange"}}}, empty: "No pods",
			about:   "Look into every pod above 0: kubectl logs --previous says why it ended.",
			queries: []query{{expr: pods("changes(" + metric("process_start_time_seconds") + "[1h])" + ofOurs), legend: podNaming}},
			alerts:  []string{"VideosdkNoReadyReplica"},
		},
		{
			kind: "timeseries", title: "Goroutines by pod", w: 8, h: 8, look: look{unit: "none"}, empty: "No pods",
			about:   "Each open connection has one or two. A line that climbs while the traffic does not is a leak.",
			queries: []query{{expr: pods(process("go_goroutines")), legend: podNaming}},
		},
		{
			kind: "timeseries", title: "Open file descriptors by pod", w: 8, h: 8, look: look{unit: "percentunit", steps: []step{{color: "transparent"}, {0.7, "orange"}, {0.9, "red"}}}, empty: "No pods",
			about:   "At 100 % no connection is taken. Each open connection needs one.",
			queries: []query{{expr: pods(metric("process_open_fds") + " / " + process("process_max_fds")), legend: podNaming}},
		},
		{
			kind: "timeseries", title: "Longest GC pause by pod", w: 8, h: 8, look: slow, empty: "No pods",
			about:   "Below a millisecond is usual. Longer ones are a machine without CPU.",
			queries: []query{{expr: pods(process("go_gc_duration_seconds", `quantile=~"1|1.0"`)), legend: podNaming}},
			alerts:  []string{"VideosdkLatencyBurn"},
		},
		{
			kind: "timeseries", title: "Log lines dropped", w: 8, h: 8, look: look{unit: "suffix: lines/s"}, empty: "No line was dropped in this time range",
			about:   "Expect none: a dropped line is a gap in the audit log. It means that standard output was blocked.",
			queries: []query{{expr: byPod(top("namespace, pod", "videosdk_log_lines_dropped_total")), legend: podNaming}},
			alerts:  []string{"VideosdkLogLinesDropped"},
		},
		{
			kind: "table", title: "Builds now", w: 8, h: 8, sortBy: "version", empty: "No pods",
			about: "See whether a rollout is complete: two versions are there while it goes on.",
			columns: []column{
				{name: "namespace", look: plain}, {name: "release", field: "app_kubernetes_io_instance", look: plain}, {name: "version", look: plain},
				{name: "revision", look: plain}, {name: "goversion", look: plain},
				{name: "pods", expr: "count by (" + release + ", version, revision, goversion) (" + metric("videosdk_build_info") + ")", look: plain},
			},
		},
	}},
}

// lowest shows the worst of the releases.
func lowest(title, expr string, l look, alert, about string) panel {
	return panel{kind: "stat", title: title, about: about, w: 4, h: 4, look: l, empty: "no release", queries: []query{{expr: expr}}, alerts: []string{alert}}
}

// burning shows how many times as fast as allowed the budget is used up, over the windows of the alert's long conditions.
func burning(title string, width uint32, what, allowed, alert, who string) panel {
	window := func(w string) string { return metric("release:videosdk_token_requests_" + what + ":ratio_rate" + w) }
	worst := " and on (" + release + ") topk(10, max_over_time(" + window("6h") + "[$__range] @ end()))"
	return panel{
		kind: "timeseries", title: title, w: width, h: 8, look: burn, empty: ratios, alerts: []string{alert},
		about: who + " use up the budget of 30 days. Above 14.4 over an hour or 6 over six hours it is gone within 5 days, and that pages. At 1 nothing is left at the end.",
		queries: []query{
			{expr: window("1h") + " / " + allowed + " >= 0" + worst, legend: naming + " 1h"},
			{expr: window("6h") + " / " + allowed + " >= 0" + worst, legend: naming + " 6h"},
		},
	}
}

func unitless(l look) look {
	l.unit = "none"
	return l
}

// explore opens a trace in Grafana's Explore.
const explore = "/explore?schemaVersion=1&orgId=${__org.id}&panes=%7B%22t%22%3A%7B%22datasource%22%3A%22${tracing}%22%2C%22queries%22%3A%5B%7B%22refId%22%3A%22A%22%2C%22datasource%22%3A%7B%22type%22%3A%22tempo%22%2C%22uid%22%3A%22${tracing}%22%7D%2C%22queryType%22%3A%22traceql%22%2C%22query%22%3A%22${__value.raw}%22%7D%5D%2C%22range%22%3A%7B%22from%22%3A%22${__from}%22%2C%22to%22%3A%22${__to}%22%7D%7D%7D"
