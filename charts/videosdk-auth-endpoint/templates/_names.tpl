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

{{- /* The labels of an object, and `extra`. They are merged into one map, because YAML allows a key only once. The labels that
select the pods win. */ -}}
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

{{- /* Not empty unless the switch is false. It is for switches that are on by default: one that is null, or that a release made
by an older chart does not have, stays on. */ -}}
{{- define "videosdk-auth-endpoint.on" -}}
{{- if ne (toString .) "false" }}yes{{ end }}
{{- end }}

{{- /* The first of a list of two, or the second where the first is null or missing. `default` would take 0 for missing. */ -}}
{{- define "videosdk-auth-endpoint.or" -}}
{{- if kindIs "invalid" (first .) }}{{ last . }}{{ else }}{{ first . }}{{ end }}
{{- end }}

{{- define "videosdk-auth-endpoint.serviceAccountName" -}}
{{- $account := default dict .Values.serviceAccount }}
{{- if include "videosdk-auth-endpoint.on" $account.create }}
{{- default (include "videosdk-auth-endpoint.fullname" .) $account.name }}
{{- else }}
{{- default "default" $account.name }}
{{- end }}
{{- end }}

{{- /* It fails without a repository: a name that the chart guesses could be somebody else's image on Docker Hub. */ -}}
{{- define "videosdk-auth-endpoint.image" -}}
{{- $image := default dict .Values.image }}
{{- if not $image.repository }}
{{- fail "videosdk-auth-endpoint needs an image: set image.repository to where you pushed it, such as registry.example.com/team/videosdk-auth-endpoint" }}
{{- else if $image.digest }}
{{- printf "%s@%s" $image.repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag | toString) }}
{{- end }}
{{- end }}

{{- define "videosdk-auth-endpoint.tokenPath" -}}
{{- default "/" (.Values.config).TOKEN_PATH }}
{{- end }}

{{- define "videosdk-auth-endpoint.serviceType" -}}
{{- default "ClusterIP" (.Values.service).type }}
{{- end }}

{{- define "videosdk-auth-endpoint.servicePort" -}}
{{- int (default 80 (.Values.service).port) }}
{{- end }}

{{- /* How many pods the Deployment asks for; empty: the Deployment does not say. It is for an autoscaler to say then. But a
manifest that stops saying it makes it 1 at once, past the PodDisruptionBudget. So it repeats the number that runs, until the
autoscaler has written one itself. Helm 3 removes what a manifest stops saying whoever wrote it, so there it is repeated always.
`helm template` and Argo CD can't look it up. */ -}}
{{- define "videosdk-auth-endpoint.replicas" -}}
{{- if not (or (.Values.autoscaling).enabled (kindIs "invalid" .Values.replicaCount)) }}
{{- int .Values.replicaCount }}
{{- else }}
{{- $deployment := lookup "apps/v1" "Deployment" .Release.Namespace (include "videosdk-auth-endpoint.fullname" .) }}
{{- $scaled := false }}
{{- $applied := false }}
{{- range (default dict $deployment.metadata).managedFields }}
{{- if eq (toString .subresource) "scale" }}{{ $scaled = true }}{{ end }}
{{- if eq .operation "Apply" }}{{ $applied = true }}{{ end }}
{{- end }}
{{- if and $deployment (not (and $scaled $applied)) }}
{{- int $deployment.spec.replicas }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The fields of a Service that say how it is reached by IPv4 and IPv6. */ -}}
{{- define "videosdk-auth-endpoint.ipFamilies" -}}
{{- with .ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .ipFamilies }}
ipFamilies:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
