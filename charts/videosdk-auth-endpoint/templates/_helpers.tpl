{{- define "videosdk-auth-endpoint.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "videosdk-auth-endpoint.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* The full name with a suffix, within the 63 characters that names of Services and Pods may have. */ -}}
{{- define "videosdk-auth-endpoint.suffixed" -}}
{{- printf "%s-%s" (include "videosdk-auth-endpoint.fullname" .context | trunc (int (sub 62 (len .suffix))) | trimSuffix "-") .suffix }}
{{- end }}

{{- /* Never change these: a Deployment's selector is immutable. */ -}}
{{- define "videosdk-auth-endpoint.selectorLabels" -}}
app.kubernetes.io/name: {{ include "videosdk-auth-endpoint.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- /* The labels of an object, and `extra`. One map, so that a label set twice is no duplicate key; what selects the pods wins. */ -}}
{{- define "videosdk-auth-endpoint.labelsWith" -}}
{{- $selector := include "videosdk-auth-endpoint.selectorLabels" .context | fromYaml }}
{{- $own := dict
  "helm.sh/chart" (printf "%s-%s" .context.Chart.Name .context.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/version" (.context.Chart.AppVersion | replace "+" "_" | trunc 63)
  "app.kubernetes.io/managed-by" .context.Release.Service }}
{{- merge dict $selector (default dict .extra) (default dict .context.Values.commonLabels) $own | toYaml }}
{{- end }}

{{- define "videosdk-auth-endpoint.labels" -}}
{{- include "videosdk-auth-endpoint.labelsWith" (dict "context" .) }}
{{- end }}

{{- define "videosdk-auth-endpoint.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "videosdk-auth-endpoint.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "videosdk-auth-endpoint.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "videosdk-auth-endpoint.tokenPath" -}}
{{- default "/" .Values.config.TOKEN_PATH }}
{{- end }}

{{- /* The name of the Secret with the credentials; fails where there are none, or two ways to them. */ -}}
{{- define "videosdk-auth-endpoint.credentialsSecret" -}}
{{- $c := .Values.credentials }}
{{- if and $c.existingSecret (or $c.key $c.secret) }}
{{- fail "videosdk-auth-endpoint has two sources of credentials: set either credentials.existingSecret, or credentials.key and credentials.secret" }}
{{- else if $c.existingSecret }}
{{- $c.existingSecret }}
{{- else if and $c.key $c.secret }}
{{- include "videosdk-auth-endpoint.fullname" . }}
{{- else if $c.key }}
{{- fail "videosdk-auth-endpoint has credentials.key without credentials.secret: set credentials.secret too, or credentials.existingSecret in place of both" }}
{{- else if $c.secret }}
{{- fail "videosdk-auth-endpoint has credentials.secret without credentials.key: set credentials.key too, or credentials.existingSecret in place of both" }}
{{- else }}
{{- fail "videosdk-auth-endpoint needs credentials: set credentials.existingSecret to the name of a Secret with the entries ZOOM_VIDEO_SDK_KEY and ZOOM_VIDEO_SDK_SECRET, or set credentials.key and credentials.secret" }}
{{- end }}
{{- end }}

{{- define "videosdk-auth-endpoint.credentialsEnv" -}}
- name: ZOOM_VIDEO_SDK_KEY_FILE
  value: /etc/videosdk/key
- name: ZOOM_VIDEO_SDK_SECRET_FILE
  value: /etc/videosdk/secret
{{- end }}

{{- /* The whole directory and no subPath: only so does the kubelet bring a changed Secret into running pods. */ -}}
{{- define "videosdk-auth-endpoint.credentialsMount" -}}
- name: credentials
  mountPath: /etc/videosdk
  readOnly: true
{{- end }}

{{- define "videosdk-auth-endpoint.credentialsVolume" -}}
- name: credentials
  secret:
    secretName: {{ include "videosdk-auth-endpoint.credentialsSecret" . | quote }}
    # readable by the group 65532 (fsGroup), by nobody else
    defaultMode: 0440
    items:
      - key: {{ .Values.credentials.keyName | quote }}
        path: key
      - key: {{ .Values.credentials.secretName | quote }}
        path: secret
{{- end }}

{{- /* Not empty where the pods get the variable `name`, by config or by extraEnv. What extraEnvFrom brings is not known here. */ -}}
{{- define "videosdk-auth-endpoint.sets" -}}
{{- if get .context.Values.config .name }}yes{{ end }}
{{- range .context.Values.extraEnv }}
{{- if eq .name $.name }}yes{{ end }}
{{- end }}
{{- end }}

{{- /* How callers are authenticated: some of the words tokens, keys and proxy. Empty: the endpoint is open. */ -}}
{{- define "videosdk-auth-endpoint.methods" -}}
{{- $issuer := include "videosdk-auth-endpoint.sets" (dict "context" . "name" "AUTH_ISSUER") }}
{{- $jwksURL := include "videosdk-auth-endpoint.sets" (dict "context" . "name" "AUTH_JWKS_URL") }}
{{- if or $issuer $jwksURL }}tokens {{ end }}
{{- if .Values.apiKeys.existingSecret }}keys {{ end }}
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
{{- if or .Values.policy (include "videosdk-auth-endpoint.sets" (dict "context" . "name" "AUTH_POLICY")) }}yes{{ end }}
{{- end }}

{{- /* Refuses what the service would refuse when it starts, so that nothing is replaced by pods that can't run. */ -}}
{{- define "videosdk-auth-endpoint.refuseContradictions" -}}
{{- $methods := include "videosdk-auth-endpoint.methods" . }}
{{- $audience := include "videosdk-auth-endpoint.sets" (dict "context" . "name" "AUTH_AUDIENCE") }}
{{- $trusted := include "videosdk-auth-endpoint.sets" (dict "context" . "name" "TRUSTED_PROXIES") }}
{{- $claim := include "videosdk-auth-endpoint.sets" (dict "context" . "name" "AUTH_IDENTITY_CLAIM") }}
{{- if and .Values.policy (include "videosdk-auth-endpoint.sets" (dict "context" . "name" "AUTH_POLICY")) }}
{{- fail "videosdk-auth-endpoint has two policies: set either policy or AUTH_POLICY" }}
{{- end }}
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
{{- else if and (ne (default "sub" .Values.config.AUTH_IDENTITY_CLAIM) "sub") (not (contains "tokens" $methods)) }}
{{- fail (printf "videosdk-auth-endpoint has config.AUTH_IDENTITY_CLAIM %q and users of a proxy alone, who have no other claim than sub: set it to sub" .Values.config.AUTH_IDENTITY_CLAIM) }}
{{- end }}
{{- end }}
{{- if and (contains "proxy" $methods) (regexMatch `/0\s*(,|$)` (toString .Values.config.TRUSTED_PROXIES)) }}
{{- fail "videosdk-auth-endpoint has AUTH_PROXY_HEADER, and config.TRUSTED_PROXIES holds every address, so that anybody could name any user: set it to the addresses of your proxy's pods" }}
{{- end }}
{{- if and (eq $methods "proxy ") .Values.tests.bearer.existingSecret (not .Values.tests.url) }}
{{- fail "videosdk-auth-endpoint has tests.bearer.existingSecret, but with AUTH_PROXY_HEADER alone nobody reads it: set tests.url to the address of your proxy, or drop tests.bearer.existingSecret" }}
{{- end }}
{{- end }}

{{- /* The files that the service reads beside the credentials. Whole directories too, as it reads changed API keys without a
restart. */ -}}
{{- define "videosdk-auth-endpoint.guardEnv" -}}
{{- if .Values.apiKeys.existingSecret }}
- name: AUTH_API_KEYS_FILE
  value: /etc/videosdk-api-keys/api-keys
{{- end }}
{{- if .Values.policy }}
- name: AUTH_POLICY_FILE
  value: /etc/videosdk-policy/policy.cel
{{- end }}
{{- if .Values.trustedCA.existingConfigMap }}
# a directory beside the image's own file of public authorities, which stays in use
- name: SSL_CERT_DIR
  value: /etc/videosdk-ca
{{- end }}
{{- end }}

{{- define "videosdk-auth-endpoint.guardMounts" -}}
{{- if .Values.apiKeys.existingSecret }}
- name: api-keys
  mountPath: /etc/videosdk-api-keys
  readOnly: true
{{- end }}
{{- if .Values.policy }}
- name: policy
  mountPath: /etc/videosdk-policy
  readOnly: true
{{- end }}
{{- if .Values.trustedCA.existingConfigMap }}
- name: trusted-ca
  mountPath: /etc/videosdk-ca
  readOnly: true
{{- end }}
{{- end }}

{{- define "videosdk-auth-endpoint.guardVolumes" -}}
{{- if .Values.apiKeys.existingSecret }}
- name: api-keys
  secret:
    secretName: {{ .Values.apiKeys.existingSecret | quote }}
    # readable by the group 65532 (fsGroup), by nobody else
    defaultMode: 0440
    items:
      - key: {{ .Values.apiKeys.entry | quote }}
        path: api-keys
{{- end }}
{{- if .Values.policy }}
- name: policy
  configMap:
    name: {{ include "videosdk-auth-endpoint.suffixed" (dict "context" . "suffix" "policy") }}
{{- end }}
{{- if .Values.trustedCA.existingConfigMap }}
- name: trusted-ca
  configMap:
    name: {{ .Values.trustedCA.existingConfigMap | quote }}
    items:
      - key: {{ .Values.trustedCA.entry | quote }}
        path: ca.crt
{{- end }}
{{- end }}

{{- /* With the container's context below: Pod Security "restricted". */ -}}
{{- define "videosdk-auth-endpoint.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "videosdk-auth-endpoint.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end }}

{{- /* 80 % of the memory limit: the runtime collects garbage before the kernel kills, and the rest is for what is no heap. */ -}}
{{- define "videosdk-auth-endpoint.goMemLimit" -}}
{{- $limit := dig "limits" "memory" "" (default dict .Values.resources) | toString }}
{{- if regexMatch "^[0-9]+Mi$" $limit }}
{{- printf "%dMiB" (div (mul (trimSuffix "Mi" $limit | int64) 80) 100) }}
{{- else if regexMatch "^[0-9]+Gi$" $limit }}
{{- printf "%dMiB" (div (mul (trimSuffix "Gi" $limit | int64) 1024 80) 100) }}
{{- else if $limit }}
{{- fail (printf "videosdk-auth-endpoint can't derive GOMEMLIMIT from resources.limits.memory %q: write it in whole Mi or Gi, such as 128Mi or 1Gi" $limit) }}
{{- end }}
{{- end }}

{{- define "videosdk-auth-endpoint.env" -}}
{{- include "videosdk-auth-endpoint.credentialsEnv" . }}
- name: PORT
  value: "4000"
- name: ADMIN_PORT
  value: "9090"
- name: SHUTDOWN_DELAY
  value: {{ printf "%ds" (int .Values.shutdown.delaySeconds) }}
- name: SHUTDOWN_TIMEOUT
  value: {{ printf "%ds" (int .Values.shutdown.timeoutSeconds) }}
{{- with include "videosdk-auth-endpoint.goMemLimit" . }}
- name: GOMEMLIMIT
  value: {{ . }}
{{- end }}
{{- include "videosdk-auth-endpoint.guardEnv" . }}
{{- range $name, $value := .Values.config }}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
- name: {{ $name }}
  {{- /* a number of a values file is a float64, which would be written as 1e+06 */}}
  value: {{ if and (kindIs "float64" $value) (eq $value (floor $value)) }}{{ printf "%.0f" $value | quote }}{{ else }}{{ $value | quote }}{{ end }}
{{- end }}
{{- end }}
{{- with .Values.logHashKey }}
{{- if .existingSecret }}
- name: LOG_HASH_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret | quote }}
      key: {{ .entry | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Refuses what the chart sets itself: an API server rejects a name that is there twice, and the service rejects credentials
that are set twice. */ -}}
{{- define "videosdk-auth-endpoint.extraEnv" -}}
{{- $taken := list "ZOOM_VIDEO_SDK_KEY" "ZOOM_VIDEO_SDK_SECRET" }}
{{- range include "videosdk-auth-endpoint.env" . | fromYamlArray }}
{{- $taken = append $taken .name }}
{{- end }}
{{- range .Values.extraEnv }}
{{- if has .name $taken }}
{{- fail (printf "videosdk-auth-endpoint sets %s itself: take it out of extraEnv, and use the value of the chart that sets it (credentials, apiKeys, policy, trustedCA, config, logHashKey, shutdown or resources)" .name) }}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{- /* Delay and timeout of the service, 5 s for its last spans and 1 s for its last log lines (main.go), and 4 s to spare. */ -}}
{{- define "videosdk-auth-endpoint.gracePeriod" -}}
{{- add (int .Values.shutdown.delaySeconds) (int .Values.shutdown.timeoutSeconds) 6 4 }}
{{- end }}
