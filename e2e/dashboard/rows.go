package dashboard

const (
	podNaming = "{{namespace}} {{pod}}"
	noPods    = "No pods"
)

var (
	slow  = look{unit: "s", steps: []step{{color: "transparent"}, {0.1, "red"}}}
	count = look{unit: "locale", decimals: new(0.0), steps: plain.steps}
)

// rows are the dashboard, from top to bottom.
var rows = []row{
	first,
	{title: "Requests", panels: []panel{
		{
			kind: "timeseries", title: "Tokens issued by role", w: 8, h: 7, look: look{unit: perSecond}, empty: nobody,
			stacked: true,
			about:   "Watch for a drop that the traffic does not explain, and for hosts (role 1) where you expect participants.",
			queries: []query{{expr: top("role", "videosdk_tokens_issued_total"), legend: "{{role}}"}},
			colors:  map[string]string{"host": "purple", "participant": "blue"},
			alerts:  []string{"VideosdkAvailabilityBurn"},
		},
		{
			kind: "timeseries", title: "Answers by status", w: 8, h: 7, look: look{unit: "reqps"}, empty: nobody, stacked: true,
			about: "Tell our failures (5xx) from the clients' mistakes (4xx), over all paths but health and metrics. A new " +
				"status began with a release, here or of a client.",
			queries: []query{{
				expr:   top("http_response_status_code", duration+"_count", ours, `http_route!~"/livez|/readyz|/healthz|/metrics"`),
				legend: "{{http_response_status_code}}",
			}},
			colors: statuses, alerts: []string{"VideosdkAvailabilityBurn"},
		},
		{
			kind: "timeseries", title: "Refusals by reason, top 10", w: 8, h: 7, look: look{unit: "suffix: refusals/s"},
			stacked: true, empty: "No refusals in this time range",
			about: "See why callers get no token. One reason that rises at one moment is a release, here, of a client, or " +
				"at the provider.",
			queries: []query{{expr: top("reason", "videosdk_token_refusals_total"), legend: "{{reason}}"}},
			colors:  reasons, alerts: []string{"VideosdkRefusalsSpike"},
		},
	}},
	{title: "Latency", panels: []panel{
		{
			kind: "timeseries", title: latencyPanel, w: 8, h: 8, look: slow, empty: nobody,
			about: "Watch p99 against the objective of 100 ms. p50 and p99 that rise together are a machine without CPU; " +
				"p99 alone is slow clients, whose bodies' arrival counts. A dot is one request: Traces behind the dots leads " +
				"to its trace.",
			queries: []query{
				{expr: quantile("0.5", "le", duration, tokens...) + " >= 0", legend: "p50"},
				{expr: quantile("0.9", "le", duration, tokens...) + " >= 0", legend: "p90"},
				{expr: quantile("0.99", "le", duration, tokens...) + " >= 0", legend: "p99", exemplars: true},
			},
			colors: map[string]string{"p50": "green", "p90": "yellow", "p99": "red"}, alerts: []string{"VideosdkLatencyBurn"},
		},
		{
			kind: "heatmap", title: "HTTP latency, distribution", w: 8, h: 8, look: look{unit: "s"}, empty: nobody,
			about: "Tell a second group of slow requests from a tail: a band of its own above the rest has a cause of its own.",
			queries: []query{{
				expr:   sum("le", "increase("+metric(duration+"_bucket", tokens...)+"[$__rate_interval])") + whereAsked,
				legend: "{{le}}",
			}},
			alerts: []string{"VideosdkLatencyBurn"},
		},
		burning("Burn rate of the budget, latency", 8, "slow", "0.01", "VideosdkLatencyBurn", "Slow requests"),
	}},
	{title: "Callers, keys and credentials", panels: []panel{
		{
			kind: "stat", title: "Authentication now", w: 8, h: 4, empty: "no release",
			look: look{unit: "none", says: map[string]state{"0": {"guarded", "green"}, "1": {"open", "orange"}}},
			about: "Check that no release is open that should not be: there everybody who reaches it gets tokens. No alert " +
				"fires because of it.",
			queries: []query{{expr: "max by (" + release + ") (" + metric("videosdk_auth_open") + ")", legend: naming}},
		},
		{
			kind: "stat", title: "Key set now", w: 8, h: 4, empty: "no release",
			look: look{
				unit: "s", decimals: new(0.0), steps: []step{{color: "green"}, {1800, "orange"}, {3600, "red"}},
				says: map[string]state{"-1": {"missing", "red"}, "-2": {"not configured", "text"}},
			},
			about: "See how old the keys are that verify users' tokens. Where they are missing, users are refused. An age " +
				"below AUTH_JWKS_REFRESH_INTERVAL is well, whatever its color.",
			queries: []query{{expr: keySetCell, legend: naming}}, alerts: []string{"VideosdkKeySetStale"},
		},
		{
			kind: "stat", title: "Files now", w: 8, h: 4, empty: "no release",
			look: look{unit: "none", says: map[string]state{"0": {"can't be read", "red"}, "1": {"read", "green"}}},
			about: "Mend a file that can't be read at once: the replicas go on with what they read before, but a new one " +
				"ends when it starts.",
			queries: []query{
				{expr: "min(" + metric("videosdk_credential_last_reload_successful") + ")", legend: "credentials"},
				{expr: "min(" + metric("videosdk_api_key_last_reload_successful") + ")", legend: "API keys"},
				{expr: "min(" + metric("videosdk_policy_last_reload_successful") + ")", legend: "policy"},
			},
			alerts: unreadAlerts,
		},
		{
			kind: "timeseries", title: "Callers by method", w: 8, h: 6, look: look{unit: "reqps"}, stacked: true,
			empty:   "No caller was known in this time range",
			about:   "Check that callers are known as you expect. The method none is that of an open endpoint.",
			queries: []query{{expr: top("method", "videosdk_token_callers_total"), legend: "{{method}}"}},
			colors:  map[string]string{"none": "orange", "jwt": "green", "api_key": "blue", "proxy": "purple"},
			alerts:  []string{"VideosdkRefusalsSpike"},
		},
		{
			kind: "timeseries", title: "Reads of keys, credentials and policy", w: 8, h: 6, look: look{unit: "suffix: reads/s"},
			empty: "Nothing was read again in this time range",
			about: "Find the moment at which a key set or a file was read again, or could not be. After an error, what was " +
				"read before stays in use.",
			queries: []query{
				{expr: top("result", "videosdk_jwks_refreshes_total"), legend: "key set {{result}}"},
				{expr: top("result", "videosdk_api_key_reloads_total"), legend: "API keys {{result}}"},
				{expr: top("result", "videosdk_credential_reloads_total"), legend: "credentials {{result}}"},
				{expr: top("result", "videosdk_policy_reloads_total"), legend: "policy {{result}}"},
			},
			colors: map[string]string{
				"key set error": "red", "API keys error": "orange", "credentials error": "dark-red", "policy error": "dark-orange",
				"key set ok": "green", "API keys ok": "blue", "credentials ok": "purple", "policy ok": "light-blue",
			},
			alerts: append([]string{"VideosdkKeySetStale"}, unreadAlerts...),
		},
		{
			kind: "timeseries", title: "Keys left out of key sets", w: 8, h: 6, look: look{unit: "suffix: keys/s"},
			empty: "No key was left out in this time range",
			about: "See whether the provider publishes keys that the service can't use. The others of the set are used, " +
				"and the log says what is odd.",
			queries: []query{{expr: top("reason", "videosdk_jwks_keys_skipped_total"), legend: "{{reason}}"}},
			alerts:  []string{"VideosdkKeySetStale"},
		},
	}},
	validation, traces, processes,
}

var unreadAlerts = []string{"VideosdkCredentialsNotRead", "VideosdkApiKeysNotRead", "VideosdkPolicyNotRead"}

const latencyPanel = "HTTP latency of token requests"

// A status and a reason have one color, in every panel and at any time.
var (
	statuses = map[string]string{
		"200": "green", "204": "semi-dark-green", "304": "light-green", "400": "yellow", "401": "orange",
		"403": "dark-orange", "404": "blue", "405": "light-blue", "408": "dark-blue", "413": "light-yellow",
		"415": "dark-yellow", "417": "light-orange", "429": "purple", "431": "light-purple",
		"500": "dark-red", "501": "light-red", "503": "red", "505": "semi-dark-red",
	}
	reasons = map[string]string{
		"missing": "blue", "malformed": "light-blue", "token_kind": "semi-dark-blue", "identity": "dark-blue",
		"algorithm": "dark-red", "signature": "red", "unknown_api_key": "light-red", "untrusted_proxy": "semi-dark-red",
		"no_key_id": "semi-dark-yellow", "unknown_key": "yellow", "issuer": "light-yellow", "audience": "dark-yellow",
		"expired": "green", "not_yet_valid": "light-green", "lifetime": "semi-dark-green", "claims": "dark-green",
		"keys_unavailable": "orange", "rate_limited": "light-orange", "cross_origin": "dark-orange",
		"policy": "purple", "policy_error": "dark-purple",
	}
)
