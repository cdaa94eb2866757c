{{- /* What the service's pods and the pod of `helm test` have in common. */ -}}

{{- /* The Secret with the credentials; empty where they are files of a volume of yours. It fails where there are no credentials,
or two ways to them. */ -}}
{{- define "videosdk-auth-endpoint.credentialsSecret" -}}
{{- $c := default dict .Values.credentials }}
{{- $files := or $c.keyFile $c.secretFile }}
{{- $values := or $c.key $c.secret }}
{{- if or (and $c.existingSecret $values) (and $c.existingSecret $files) (and $values $files) }}
{{- fail "videosdk-auth-endpoint has two sources of credentials: set either credentials.existingSecret, or credentials.keyFile and credentials.secretFile, or credentials.key and credentials.secret" }}
{{- else if eq (default "" $c.existingSecret) (include "videosdk-auth-endpoint.fullname" .) }}
{{- fail (printf "videosdk-auth-endpoint has credentials.existingSecret %q, the name of the Secret that the chart makes of credentials.key and credentials.secret: Helm would delete a Secret that it made under that name. Give yours another name" $c.existingSecret) }}
{{- else if $c.existingSecret }}
{{- $c.existingSecret }}
{{- else if and $c.key $c.secret }}
{{- include "videosdk-auth-endpoint.fullname" . }}
{{- else if $c.key }}
{{- fail "videosdk-auth-endpoint has credentials.key without credentials.secret: set credentials.secret too, or credentials.existingSecret in place of both" }}
{{- else if $c.secret }}
{{- fail "videosdk-auth-endpoint has credentials.secret without credentials.key: set credentials.key too, or credentials.existingSecret in place of both" }}
{{- else if not (and $c.keyFile $c.secretFile) }}
{{- if $files }}
{{- fail "videosdk-auth-endpoint has one of credentials.keyFile and credentials.secretFile: set both" }}
{{- end }}
{{- fail "videosdk-auth-endpoint needs credentials: set credentials.existingSecret to the name of a Secret with the entries ZOOM_VIDEO_SDK_KEY and ZOOM_VIDEO_SDK_SECRET, or set credentials.key and credentials.secret" }}
{{- end }}
{{- end }}

{{- define "videosdk-auth-endpoint.credentialsEnv" -}}
{{- $c := default dict .Values.credentials }}
- name: ZOOM_VIDEO_SDK_KEY_FILE
  value: {{ default (printf "/etc/videosdk/%s" (default "ZOOM_VIDEO_SDK_KEY" $c.keyName)) $c.keyFile | quote }}
- name: ZOOM_VIDEO_SDK_SECRET_FILE
  value: {{ default (printf "/etc/videosdk/%s" (default "ZOOM_VIDEO_SDK_SECRET" $c.secretName)) $c.secretFile | quote }}
{{- end }}

{{- /* Secrets are mounted as whole directories and without subPath: only so does the kubelet bring a change into running pods. That
of the credentials has no `items`, so that the service sees an entry that is missing or that has a wrong name, and says so.
They are readable by the pod's group (fsGroup) and by nobody else. */ -}}
{{- define "videosdk-auth-endpoint.credentialsVolume" -}}
{{- with include "videosdk-auth-endpoint.credentialsSecret" . }}
- name: credentials
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- end }}

{{- define "videosdk-auth-endpoint.credentialsMount" -}}
{{- if include "videosdk-auth-endpoint.credentialsSecret" . }}
- name: credentials
  mountPath: /etc/videosdk
  readOnly: true
{{- end }}
{{- end }}

{{- define "videosdk-auth-endpoint.volumes" -}}
{{- include "videosdk-auth-endpoint.credentialsVolume" . }}
{{- with (.Values.apiKeys).existingSecret }}
- name: api-keys
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
    items:
      - key: {{ default "api-keys" $.Values.apiKeys.entry | quote }}
        path: api-keys
{{- end }}
{{- with (.Values.trustedCA).existingConfigMap }}
- name: trusted-ca
  configMap:
    name: {{ . | quote }}
    items:
      - key: {{ default "ca.crt" $.Values.trustedCA.entry | quote }}
        path: ca.crt
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "videosdk-auth-endpoint.mounts" -}}
{{- include "videosdk-auth-endpoint.credentialsMount" . }}
{{- if (.Values.apiKeys).existingSecret }}
- name: api-keys
  mountPath: /etc/videosdk-api-keys
  readOnly: true
{{- end }}
{{- if (.Values.trustedCA).existingConfigMap }}
- name: trusted-ca
  mountPath: /etc/videosdk-ca
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}


{{- /* A variable's value as text. A list is joined with commas. A number of a values file is a float64, which would be written
as 1e+06. */ -}}
{{- define "videosdk-auth-endpoint.text" -}}
{{- if kindIs "slice" . }}{{ join "," . }}
{{- else if and (kindIs "float64" .) (eq . (floor .)) }}{{ printf "%.0f" . }}
{{- else if not (kindIs "invalid" .) }}{{ . }}
{{- end }}
{{- end }}

{{- define "videosdk-auth-endpoint.env" -}}
{{- include "videosdk-auth-endpoint.credentialsEnv" . }}
- name: PORT
  value: "4000"
- name: ADMIN_PORT
  value: "9090"
- name: SHUTDOWN_DELAY
  value: {{ include "videosdk-auth-endpoint.delay" . }}s
- name: SHUTDOWN_TIMEOUT
  value: {{ include "videosdk-auth-endpoint.timeout" . }}s
{{- with include "videosdk-auth-endpoint.goMemLimit" . }}
- name: GOMEMLIMIT
  value: {{ . }}
{{- end }}
{{- if (.Values.apiKeys).existingSecret }}
- name: AUTH_API_KEYS_FILE
  value: /etc/videosdk-api-keys/api-keys
{{- end }}
{{- with .Values.policy }}
{{- /* It is part of the pod, so that a pod which restarts has the policy that it was made with, and a rollback brings it back.
The kubelet makes one $ of two, and would take $(NAME) for another variable. */}}
{{ list (dict "name" "AUTH_POLICY" "value" (replace "$" "$$" .)) | toYaml }}
{{- end }}
{{- if (.Values.trustedCA).existingConfigMap }}
# a directory beside the image's own file of public authorities, which stays in use
- name: SSL_CERT_DIR
  value: /etc/videosdk-ca
{{- end }}
{{- range $name, $value := .Values.config }}
{{- with include "videosdk-auth-endpoint.text" $value }}
- name: {{ $name }}
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- with .Values.logHashKey }}
{{- if .existingSecret }}
- name: LOG_HASH_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret | quote }}
      key: {{ default "LOG_HASH_KEY" .entry | quote }}
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
{{- if .Values.policy }}{{ $taken = append $taken "AUTH_POLICY_FILE" }}{{ end }}
{{- range .Values.extraEnv }}
{{- if has .name $taken }}
{{- fail (printf "videosdk-auth-endpoint sets %s itself: take it out of extraEnv, and use the value of the chart that sets it (credentials, apiKeys, policy, trustedCA, config, logHashKey, shutdown or resources)" .name) }}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{- /* Both contexts meet Pod Security "restricted". OpenShift gives each namespace a range of users and groups of its own, and
refuses others: there the chart leaves them out, and OpenShift fills them in. */ -}}
{{- define "videosdk-auth-endpoint.podSecurityContext" -}}
{{- $own := dict "runAsNonRoot" true "runAsUser" 65532 "runAsGroup" 65532 "fsGroup" 65532 "seccompProfile" (dict "type" "RuntimeDefault") }}
{{- $context := default $own .Values.podSecurityContext }}
{{- $adapt := default "auto" (((.Values.global).compatibility).openshift).adaptSecurityContext }}
{{- if or (eq $adapt "force") (and (eq $adapt "auto") (.Capabilities.APIVersions.Has "security.openshift.io/v1")) }}
{{- $context = omit $context "runAsUser" "runAsGroup" "fsGroup" }}
{{- end }}
{{- toYaml $context }}
{{- end }}

{{- define "videosdk-auth-endpoint.securityContext" -}}
{{- default (dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL"))) .Values.securityContext | toYaml }}
{{- end }}

{{- /* 80 % of the memory limit: the runtime collects garbage before the kernel kills, and the rest is for what is no heap. */ -}}
{{- define "videosdk-auth-endpoint.goMemLimit" -}}
{{- $limit := default "" ((.Values.resources).limits).memory | toString }}
{{- if regexMatch "^[0-9]+Mi$" $limit }}
{{- printf "%dMiB" (div (mul (trimSuffix "Mi" $limit | int64) 80) 100) }}
{{- else if regexMatch "^[0-9]+Gi$" $limit }}
{{- printf "%dMiB" (div (mul (trimSuffix "Gi" $limit | int64) 1024 80) 100) }}
{{- else if $limit }}
{{- fail (printf "videosdk-auth-endpoint can't derive GOMEMLIMIT from resources.limits.memory %q: write it in whole Mi or Gi, such as 128Mi or 1Gi" $limit) }}
{{- end }}
{{- end }}

{{- define "videosdk-auth-endpoint.delay" -}}
{{- include "videosdk-auth-endpoint.or" (list (.Values.shutdown).delaySeconds 5) }}
{{- end }}

{{- define "videosdk-auth-endpoint.timeout" -}}
{{- include "videosdk-auth-endpoint.or" (list (.Values.shutdown).timeoutSeconds 15) }}
{{- end }}

{{- /* Delay and timeout of the service, 5 s for its last spans and 1 s for its last log lines (main.go), and 4 s to spare. */ -}}
{{- define "videosdk-auth-endpoint.gracePeriod" -}}
{{- add (include "videosdk-auth-endpoint.delay" . | int) (include "videosdk-auth-endpoint.timeout" . | int) 6 4 }}
{{- end }}
