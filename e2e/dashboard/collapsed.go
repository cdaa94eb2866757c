package dashboard

// The rows that are needed rarely.
var (
	validation = row{title: "Validation and signing", collapsed: true, panels: []panel{
		{
			kind: "timeseries", title: "Invalid share", w: 8, h: 8, empty: nobody,
			look:  look{unit: "percentunit", steps: []step{{color: "transparent"}, {0.5, "orange"}}},
			about: "See how much of the readable requests breaks a rule. A share that jumps is a client that was changed.",
			queries: []query{{
				expr:   share(release, "videosdk_token_validations_total", []string{`result="invalid"`}, nil) + " >= 0",
				legend: naming,
			}},
			alerts: []string{"VideosdkInvalidRequestsSpike"},
		},
		{
			kind: "timeseries", title: "Validation failures, top 10", w: 16, h: 8, look: look{unit: "suffix: failures/s"},
			empty: "No failures in this time range",
			about: "See which property breaks which rule, and since when. The ten are those that broke most often in the " +
				"whole time range.",
			queries: []query{{
				expr:   top("property, rule", "videosdk_token_validation_failures_total"),
				legend: "{{property}} {{rule}}",
			}},
			alerts: []string{"VideosdkInvalidRequestsSpike"},
		},
		{
			kind: "table", title: "Validation failures in the time range, top 10", w: 8, h: 8, sortBy: "failures",
			empty: "No failures in this time range", about: "Tell the authors of a client which of its properties are wrong.",
			columns: []column{
				{name: "property", look: plain},
				{name: "rule", look: plain},
				{name: "failures", look: count, expr: "topk(10, " +
					sum("property, rule", "increase("+metric("videosdk_token_validation_failures_total")+"[$__range])") + " > 0)"},
			},
			alerts: []string{"VideosdkInvalidRequestsSpike"},
		},
		{
			kind: "timeseries", title: "Misnamed properties, top 10", w: 8, h: 8, look: look{unit: "suffix: properties/s"},
			empty: "No misnamed properties in this time range",
			about: "Tell the authors of a client that it sets a property under a name that is not known, so that it has no " +
				"effect. The name here is the one that was probably meant.",
			queries: []query{{expr: top("property", "videosdk_token_misnamed_properties_total"), legend: "{{property}}"}},
			alerts:  []string{"VideosdkInvalidRequestsSpike"},
		},
		{
			kind: "timeseries", title: "Signing errors", w: 8, h: 8, look: look{unit: "suffix: failures/s"},
			empty:   "No signing errors in this time range",
			about:   "Expect none. Signing does nothing but arithmetic, so an error is a bug or a broken build.",
			queries: []query{{expr: top(release, "videosdk_token_signatures_total", `result="error"`), legend: naming}},
			alerts:  []string{"VideosdkSigningErrors"},
		},
	}}

	traces = row{title: "Slow requests, traces and web pages", collapsed: true, panels: []panel{
		{
			kind: "timeseries", title: "Requests above 100 ms", w: 8, h: 8, empty: nobody,
			look:  look{unit: "percentunit", steps: []step{{color: "transparent"}, {0.01, "red"}}},
			about: "Compare with the objective, which allows 1 %.",
			queries: []query{{
				expr: "1 - " + sum(release, rate(duration+"_bucket", append(tokens, `le="0.1"`)...)) +
					" / " + sum(release, rate(duration+"_count", tokens...)) + " >= 0",
				legend: naming,
			}},
			alerts: []string{"VideosdkLatencyBurn"},
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
		{
			kind: "table", title: "Traces behind the dots", w: 8, h: 8, sortBy: "duration", source: latencyPanel,
			empty: "No exemplars: is tracing on, and does Prometheus store them?",
			about: "Open the trace of a slow request by its trace_id, in the first Tempo data source that Grafana has. These " +
				"are the dots of " + latencyPanel + ".",
			columns: []column{
				{name: "Time", look: look{unit: "dateTimeAsSystem"}},
				{name: "duration", field: "Value", look: seconds}, // what Grafana calls it depends on its version
				{name: "duration", field: "exemplar", look: seconds},
				{name: "status", field: "http_response_status_code", look: look{unit: "string"}},
				{name: "trace_id", look: look{unit: "string"}, link: explore},
			},
			alerts: []string{"VideosdkLatencyBurn"},
		},
		{
			kind: "timeseries", title: "Spans by result", w: 8, h: 8, look: look{unit: "suffix: spans/s"}, stacked: true,
			empty: "No spans in this time range",
			about: "See whether traces have gaps: failed spans were refused by the collector, dropped ones found the queue " +
				"full. Tokens are not affected.",
			queries: []query{{expr: top("result", "videosdk_trace_spans_total"), legend: "{{result}}"}},
			colors:  map[string]string{"exported": "green", "failed": "red", "dropped": "orange"},
			alerts:  []string{"VideosdkSpansLost"},
		},
		{
			kind: "timeseries", title: "Connections of slow clients closed", w: 8, h: 8,
			look:  look{unit: "suffix: connections/s"},
			empty: "No connection was closed for memory in this time range",
			about: "Expect none. These clients kept the service waiting longest when its memory was nearly used up, which " +
				"many slow bodies at once are after.",
			queries: []query{{expr: top(release, "videosdk_connections_closed_total"), legend: naming}},
			alerts:  []string{"VideosdkLatencyBurn"},
		},
		{
			kind: "timeseries", title: "Requests of forbidden web pages", w: 8, h: 8, look: look{unit: "reqps"},
			empty: "No page of another origin asked in this time range",
			about: "Look here if a web page says that it is blocked by CORS: its origin is not in CORS_ALLOWED_ORIGINS. " +
				"The log has the origin.",
			queries: []query{{expr: top(release, "videosdk_forbidden_origin_requests_total"), legend: naming}},
		},
	}}

	processes = row{title: "Pods", collapsed: true, panels: []panel{
		{
			kind: "timeseries", title: "CPU by pod", w: 12, h: 8, look: look{unit: "suffix: cores"}, empty: noPods,
			about: "Compare with what the pod asked for, which the autoscaler goes by, and with its limit. Both come from " +
				"kube-state-metrics, and the chart sets no limit.",
			queries: []query{
				{expr: pods(rate("process_cpu_seconds_total") + ofOurs), legend: podNaming},
				{expr: resource("requests", "cpu"), legend: "requested"},
				{expr: resource("limits", "cpu"), legend: "limit"},
			},
			colors: map[string]string{"requested": "orange", "limit": "red"}, alerts: []string{"VideosdkLatencyBurn"},
		},
		{
			kind: "timeseries", title: "Memory by pod", w: 12, h: 8, look: look{unit: "bytes"}, empty: noPods,
			about: "Compare with GOMEMLIMIT, above which Go collects garbage all the time, and with the pod's limit, at " +
				"which it is killed. A line that climbs for days is a leak.",
			queries: []query{
				{expr: pods(process("process_resident_memory_bytes")), legend: podNaming},
				{expr: "min(" + process("go_gc_gomemlimit_bytes") + " < 1e15)", legend: "GOMEMLIMIT"},
				{expr: resource("limits", "memory"), legend: "limit"},
			},
			colors: map[string]string{"GOMEMLIMIT": "orange", "limit": "red"}, alerts: []string{"VideosdkNoReadyReplica"},
		},
		{
			kind: "timeseries", title: "Restarts in the last hour", w: 8, h: 8, empty: noPods,
			look:  look{unit: "none", steps: []step{{color: "transparent"}, {1, "orange"}}},
			about: "Look into every pod above 0: kubectl logs --previous says why it ended.",
			queries: []query{{
				expr:   pods("changes(" + metric("process_start_time_seconds") + "[1h])" + ofOurs),
				legend: podNaming,
			}},
			alerts: []string{"VideosdkNoReadyReplica"},
		},
		{
			kind: "timeseries", title: "Goroutines by pod", w: 8, h: 8, look: look{unit: "none"}, empty: noPods,
			about:   "Each open connection has one or two. A line that climbs while the traffic does not is a leak.",
			queries: []query{{expr: pods(process("go_goroutines")), legend: podNaming}},
		},
		{
			kind: "timeseries", title: "Open file descriptors by pod", w: 8, h: 8, empty: noPods,
			look:    look{unit: "percentunit", steps: []step{{color: "transparent"}, {0.7, "orange"}, {0.9, "red"}}},
			about:   "At 100 % no connection is taken. Each open connection needs one.",
			queries: []query{{expr: pods(metric("process_open_fds") + " / " + process("process_max_fds")), legend: podNaming}},
		},
		{
			kind: "timeseries", title: "Longest GC pause by pod", w: 8, h: 8, look: slow, empty: noPods,
			about:   "Below a millisecond is usual. Longer ones are a machine without CPU.",
			queries: []query{{expr: pods(process("go_gc_duration_seconds", `quantile=~"1|1.0"`)), legend: podNaming}},
			alerts:  []string{"VideosdkLatencyBurn"},
		},
		{
			kind: "timeseries", title: "Log lines dropped", w: 8, h: 8, look: look{unit: "suffix: lines/s"},
			empty:   "No line was dropped in this time range",
			about:   "Expect none: a dropped line is a gap in the audit log. It means that standard output was blocked.",
			queries: []query{{expr: byPod(top("namespace, pod", "videosdk_log_lines_dropped_total")), legend: podNaming}},
			alerts:  []string{"VideosdkLogLinesDropped"},
		},
		{
			kind: "table", title: "Builds now", w: 8, h: 8, sortBy: "version", empty: noPods,
			about: "See whether a rollout is complete: two versions are there while it goes on.",
			columns: []column{
				{name: "namespace", look: plain},
				{name: "release", field: "app_kubernetes_io_instance", look: plain},
				{name: "version", look: plain},
				{name: "revision", look: plain},
				{name: "goversion", look: plain},
				{name: "pods", look: plain, expr: "count by (" + release + ", version, revision, goversion) (" +
					metric("videosdk_build_info") + ")"},
			},
		},
	}}
)

// explore opens a trace in Grafana's Explore. The panes are JSON, as a part of an address.
const explore = "/explore?schemaVersion=1&orgId=${__org.id}&panes=%7B%22t%22%3A%7B%22datasource%22%3A%22${tracing}%22" +
	"%2C%22queries%22%3A%5B%7B%22refId%22%3A%22A%22%2C%22datasource%22%3A%7B%22type%22%3A%22tempo%22%2C%22uid%22%3A" +
	"%22${tracing}%22%7D%2C%22queryType%22%3A%22traceql%22%2C%22query%22%3A%22${__value.raw}%22%7D%5D%2C%22range%22" +
	"%3A%7B%22from%22%3A%22${__from}%22%2C%22to%22%3A%22${__to}%22%7D%7D%7D"
