package dashboard

const (
	perSecond = "suffix: tokens/s"
	nobody    = "No requests in this time range"
	naming    = "{{namespace}} {{app_kubernetes_io_instance}}"
)

// What each release is doing. Where there is no value, a number that can't be stands for it, and is written as words.
var (
	issuedBy  = sum(release, rate("videosdk_tokens_issued_total"))
	failedBy  = sum(release, rate(duration+"_count", failed...))
	budget    = metric("release:videosdk_availability_budget_left:ratio30d")
	keySet    = metric("videosdk_jwks_last_refresh_timestamp_seconds")
	keyErrors = metric("videosdk_jwks_refreshes_total", `result="error"`)

	issuedCell = "(" + issuedBy + " and " + issuedBy + " + " + failedBy + " > 0) or -1 * " + seen
	goodCell   = "(1 - " + share(release, duration+"_count", failed, tokens) + " >= 0) or 2 * " + seen
	budgetCell = "(" + budget + " <= 1) or 2 * group by (" + release + ") (" + budget + ") or 3 * " + seen
	p99Cell    = "(" + quantile("0.99", release+", le", duration, good...) + " >= 0)" +
		" or 1e6 * group by (" + release + ") (" + failedBy + " > 0) or -1 * " + seen
	readyCell  = sum(release, metric("videosdk_ready")) + " or 0 * " + seen
	keySetCell = "-1 * group by (" + release + ") (" + keySet + " == 0 and ignoring (result) " + keyErrors + " > 0)" +
		" or max by (" + release + ") (time() - (" + keySet + " > 0)) or -2 * group by (" + release + ") (" + keySet + ")"
)

func alertsCell(severity string) string {
	return "count by (" + release + ") (" + metric("ALERTS", firing, `severity="`+severity+`"`) + ") or 0 * " + seen
}

// How values are written. The first color is that of all values below the next one's.
var (
	nothing = state{"no requests", "text"}
	plain   = look{unit: "none", steps: []step{{color: "text"}}}
	issued  = look{
		unit: perSecond, decimals: new(2.0),
		says: map[string]state{"-1": {"no valid requests", "text"}, "0": {"none issued", "red"}},
	}
	goodShare = look{
		unit: "percentunit", decimals: new(2.0), steps: []step{{color: "red"}, {0.99, "orange"}, {0.999, "green"}},
		says: map[string]state{"2": nothing},
	}
	remaining = look{
		unit: "percentunit", decimals: new(0.0), steps: []step{{color: "red"}, {0.000001, "orange"}, {0.25, "green"}},
		says: map[string]state{"2": nothing, "3": {"not recorded yet", "text"}},
	}
	seconds = look{
		unit: "s", steps: []step{{color: "green"}, {0.05, "orange"}, {0.1, "red"}},
		says: map[string]state{"-1": nothing, "1000000": {"only 5xx", "red"}},
	}
	replicas = look{unit: "none", steps: []step{{color: "red"}, {1, "orange"}, {2, "green"}}}
	critical = look{unit: "none", steps: []step{{color: "transparent"}, {1, "red"}}}
	warnings = look{unit: "none", steps: []step{{color: "text"}, {1, "orange"}}}
	severity = look{
		unit: "string", says: map[string]state{"critical": {"critical", "red"}, "warning": {"warning", "orange"}},
	}
	ago  = look{unit: "dateTimeFromNow", steps: plain.steps}
	burn = look{
		unit: "suffix: x", decimals: new(1.0),
		steps: []step{{color: "transparent"}, {1, "yellow"}, {6, "orange"}, {14.4, "red"}},
	}
)

// first is the first screen: whether anything is wrong, and where.
var first = row{panels: []panel{
	{
		kind: "stat", title: "Alerts firing now", w: 4, h: 4, empty: "none",
		look:   look{unit: "none", says: map[string]state{"0": {"none", "green"}}},
		colors: map[string]string{"critical": "red", "warning": "orange"},
		about: "Read Firing alerts now below if one of these is above 0. An alert on the burn of the budget goes on for " +
			"a while after the recovery.",
		queries: []query{
			{expr: "count(" + metric("ALERTS", firing, `severity="critical"`) + ") or vector(0)", legend: "critical"},
			{expr: "count(" + metric("ALERTS", firing, `severity="warning"`) + ") or vector(0)", legend: "warning"},
		},
	},
	worst("Tokens issued now, lowest", "min(("+issuedCell+") >= 0) or vector(-1)", issued, "VideosdkAvailabilityBurn",
		"See how many tokens the slowest release issues. A release that answers with 5xx and issues none is red. "+
			"Releases that nobody asks for a token are left out."),
	worst("Requests without 5xx now, lowest", "min("+goodCell+")", goodShare, "VideosdkAvailabilityBurn",
		"Compare with the objective of 99.9 %. 4xx are correct answers to wrong requests, and count as good."),
	worst("Error budget left, lowest", "min("+budgetCell+")", remaining, "VideosdkAvailabilityBurn",
		"Put off risky changes where little is left. The budget is 0.1 % of the requests of 30 days at the average rate."),
	worst("p99 now, highest", "max("+p99Cell+")", seconds, "VideosdkLatencyBurn",
		"Compare with the objective of 100 ms. A request takes as long as its body takes to arrive, so slow clients are "+
			"in it. Answers with 5xx are not: they are fast, and would make an outage green."),
	worst("Replicas ready now, fewest", "min("+readyCell+")", replicas, "VideosdkNoReadyReplica",
		"Act at 0: nobody gets a token from that release. At 1 no replica can be missed. A release is "+
			"remembered for six hours."),
	{
		kind: "table", title: "Releases now", w: 15, h: 7, sortBy: "critical",
		empty: "No release is seen: is it scraped, and is Namespace right?",
		about: "Find the release that is unwell: there is a line for each, and the worst come first. The alerts and the " +
			"budget need the recording rules.",
		columns: []column{
			{name: "namespace", look: plain},
			{name: "release", field: "app_kubernetes_io_instance", look: plain},
			{name: "critical", expr: alertsCell("critical"), look: critical, background: true},
			{name: "warnings", expr: alertsCell("warning"), look: warnings},
			{name: "tokens/s", expr: issuedCell, look: look{unit: "none", decimals: issued.decimals, says: issued.says}},
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
			{name: "since", look: ago, expr: "1000 * (" + metric("ALERTS_FOR_STATE", `alertname=~"Videosdk.+"`) +
				" and ignoring (alertstate) " + metric("ALERTS", firing) + ")"},
		},
	},
	burning("Burn rate of the budget, availability", 24, "failed", "0.001", "VideosdkAvailabilityBurn", "Failed requests"),
}}

// worst shows what the release says that is worst off.
func worst(title, expr string, l look, alert, about string) panel {
	return panel{
		kind: "stat", title: title, about: about, w: 4, h: 4, look: l, empty: "no release",
		queries: []query{{expr: expr}}, alerts: []string{alert},
	}
}

// burning shows how many times as fast as allowed the budget is used up, over the two windows of the alert that pages.
func burning(title string, width uint32, what, allowed, alert, who string) panel {
	window := func(w string) string { return metric("release:videosdk_token_requests_" + what + ":ratio_rate" + w) }
	ten := " and on (" + release + ") topk(10, max_over_time(" + window("6h") + "[$__range] @ end()))"
	return panel{
		kind: "timeseries", title: title, w: width, h: 8, look: burn, alerts: []string{alert},
		empty: "No requests, or no rules loaded",
		about: who + " use up the budget of 30 days. Above 14.4 over an hour or 6 over six hours it is gone within 5 " +
			"days, and that pages. At 1 nothing is left at the end.",
		queries: []query{
			{expr: window("1h") + " / " + allowed + " >= 0" + ten, legend: naming + " 1h"},
			{expr: window("6h") + " / " + allowed + " >= 0" + ten, legend: naming + " 6h"},
		},
	}
}
