{{- /* Not empty where the pods get the variable `name`, by config or by extraEnv. What extraEnvFrom brings is not known here. */ -}}
{{- define "videosdk-auth-endpoint.sets" -}}
{{- if get (default dict .context.Values.config) .name }}yes{{ end }}
{{- range .context.Values.extraEnv }}
{{- if eq .name $.name }}yes{{ end }}
{{- end }}
{{- end }}

{{- /* How callers are authenticated: some of the words tokens, keys and proxy. Empty: the endpoint is open. */ -}}
{{- define "videosdk-auth-endpoint.methods" -}}
{{- $issuer := include "videosdk-auth-endpoint.sets" (dict "context" . "name" "AUTH_ISSUER") }}
{{- $jwksURL := include "videosdk-auth-endpoint.sets" (dict "context" . "name" "AUTH_JWKS_URL") }}
{{- if or $issuer $jwksURL }}tokens {{ end }}
{{- $keysFile := include "videosdk-auth-endpoint.sets" (dict "context" . "name" "AUTH_API_KEYS_FILE") }}
{{- $keys := include "videosdk-auth-endpoint.sets" (dict "context" . "name" "AUTH_API_KEYS") }}
{{- if or (.Values.apiKeys).existingSecret $keysFile $keys }}keys {{ end }}
{{- if include "videosdk-auth-endpoint.sets" (dict "context" . "name" "AUTH_PROXY_HEADER") }}proxy {{ end }}
{{- end }}

{{- /* Not empty where the pods open connections: for traces, or for the key set of users' tokens. */ -}}
{{- define "videosdk-auth-endpoint.connects" -}}
{{- $context := . }}
{{- range list "OTEL_EXPORTER_OTLP_ENDPOINT" "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" "AUTH_ISSUER" "AUTH_JWKS_URL" }}
{{- include "videosdk-auth-endpoint.sets" (dict "context" $context "name" .) }}
{{- end }}
{{- end }}

{{- define "videosdk-auth-endpoint.hasPolicy" -}}
{{- if or .Values.policy (include "videosdk-auth-endpoint.sets" (dict "context" . "name" "AUTH_POLICY")) (include "videosdk-auth-endpoint.sets" (dict "context" . "name" "AUTH_POLICY_FILE")) }}yes{{ end }}
{{- end }}

{{- /* The second at which a duration such as 1h30m is over that began with the year 2000, so that two of them can be compared. It
fails for what is not a duration. */ -}}
{{- define "videosdk-auth-endpoint.over" -}}
{{- mustToDate "2006" "2000" | mustDateModify (toString .) | unixEpoch }}
{{- end }}

{{- /* Refuses what could not work, so that nothing is replaced by pods that can't run. */ -}}
{{- define "videosdk-auth-endpoint.refuseContradictions" -}}
{{- include "videosdk-auth-endpoint.refuseGuards" . }}
{{- include "videosdk-auth-endpoint.refuseLifetimes" . }}
{{- include "videosdk-auth-endpoint.refuseAutoscaling" . }}
{{- end }}

{{- /* Refuses what the service itself would refuse when it starts. */ -}}
{{- define "videosdk-auth-endpoint.refuseGuards" -}}
{{- $config := default dict .Values.config }}
{{- $methods := include "videosdk-auth-endpoint.methods" . }}
{{- $audience := include "videosdk-auth-endpoint.sets" (dict "context" . "name" "AUTH_AUDIENCE") }}
{{- $trusted := include "videosdk-auth-endpoint.sets" (dict "context" . "name" "TRUSTED_PROXIES") }}
{{- $claim := include "videosdk-auth-endpoint.sets" (dict "context" . "name" "AUTH_IDENTITY_CLAIM") }}
{{- /* what is missing may be there: extraEnvFrom is not known here */}}
{{- if not .Values.extraEnvFrom }}
{{- if and (contains "tokens" $methods) (not $audience) }}
{{- fail "videosdk-auth-endpoint has AUTH_ISSUER or AUTH_JWKS_URL without AUTH_AUDIENCE: set config.AUTH_AUDIENCE to the audience of your users' tokens, or a token that the same provider made for another app would do" }}
{{- else if and $audience (not (contains "tokens" $methods)) }}
{{- fail "videosdk-auth-endpoint has AUTH_AUDIENCE without the provider of your users' tokens: set config.AUTH_ISSUER or config.AUTH_JWKS_URL, or drop config.AUTH_AUDIENCE" }}
{{- else if and (contains "proxy" $methods) (not $trusted) }}
{{- fail "videosdk-auth-endpoint has AUTH_PROXY_HEADER without TRUSTED_PROXIES: set config.TRUSTED_PROXIES to the addresses of your proxy's pods, or anybody could send the header" }}
{{- else if and $claim (not (contains "tokens" $methods)) (not (contains "proxy" $methods)) }}
{{- fail "videosdk-auth-endpoint has AUTH_IDENTITY_CLAIM without users: set config.AUTH_ISSUER, config.AUTH_JWKS_URL or config.AUTH_PROXY_HEADER, or drop config.AUTH_IDENTITY_CLAIM" }}
{{- else if and (ne (default "sub" $config.AUTH_IDENTITY_CLAIM) "sub") (not (contains "tokens" $methods)) }}
{{- fail (printf "videosdk-auth-endpoint has config.AUTH_IDENTITY_CLAIM %q and users of a proxy alone, who have no other claim than sub: set it to sub" $config.AUTH_IDENTITY_CLAIM) }}
{{- end }}
{{- end }}
{{- if and (contains "proxy" $methods) (regexMatch `/0\s*(,|$)` (include "videosdk-auth-endpoint.text" $config.TRUSTED_PROXIES)) }}
{{- fail "videosdk-auth-endpoint has AUTH_PROXY_HEADER, and config.TRUSTED_PROXIES holds every address, so that anybody could name any user: set it to the addresses of your proxy's pods" }}
{{- end }}
{{- if and (eq $methods "proxy ") ((.Values.tests).bearer).existingSecret (not (.Values.tests).url) }}
{{- fail "videosdk-auth-endpoint has tests.bearer.existingSecret, but with AUTH_PROXY_HEADER alone nobody reads it: set tests.url to the address of your proxy, or drop tests.bearer.existingSecret" }}
{{- end }}
{{- end }}

{{- define "videosdk-auth-endpoint.refuseLifetimes" -}}
{{- $max := default "48h" (.Values.config).TOKEN_MAX_TTL }}
{{- /* without a default of its own it is 2h, or the largest lifetime where that is shorter */}}
{{- $default := default $max (.Values.config).TOKEN_DEFAULT_TTL }}
{{- if lt (include "videosdk-auth-endpoint.over" $max | int64) (include "videosdk-auth-endpoint.over" $default | int64) }}
{{- fail (printf "videosdk-auth-endpoint has config.TOKEN_DEFAULT_TTL %s above the largest lifetime, %s: lower it, or raise config.TOKEN_MAX_TTL, to 48h at most" $default $max) }}
{{- end }}
{{- end }}

{{- define "videosdk-auth-endpoint.refuseAutoscaling" -}}
{{- if (.Values.autoscaling).enabled }}
{{- $resources := default dict .Values.resources }}
{{- if not (or ($resources.requests).cpu ($resources.limits).cpu) }}
{{- fail "videosdk-auth-endpoint has autoscaling.enabled without a CPU request, of which the autoscaler takes its percentage: set resources.requests.cpu" }}
{{- end }}
{{- if gt (include "videosdk-auth-endpoint.minReplicas" . | int) (include "videosdk-auth-endpoint.maxReplicas" . | int) }}
{{- fail (printf "videosdk-auth-endpoint has autoscaling.minReplicas %s above autoscaling.maxReplicas %s: lower the one or raise the other" (include "videosdk-auth-endpoint.minReplicas" .) (include "videosdk-auth-endpoint.maxReplicas" .)) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "videosdk-auth-endpoint.minReplicas" -}}
{{- int (default 2 (.Values.autoscaling).minReplicas) }}
{{- end }}

{{- define "videosdk-auth-endpoint.maxReplicas" -}}
{{- int (default 10 (.Values.autoscaling).maxReplicas) }}
{{- end }}
