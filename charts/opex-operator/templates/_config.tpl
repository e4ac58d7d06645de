{{/*
The operator's configuration. `defaults` are objects that the operator creates where
they are absent, and never changes: Helm could not create them in the release that
brings their CRDs, and would overwrite or delete what a user made of them.
*/}}
{{- define "opex.config" -}}
{{- with .Values.clusterName }}
clusterName: {{ . | quote }}
{{- end }}
namespace: {{ .Release.Namespace }}
writesPerSecond: {{ .Values.config.writesPerSecond }}
lag: {{ .Values.config.lag }}
retainedStatements: {{ .Values.config.retainedStatements }}
{{- with .Values.prometheus }}
{{- if .url }}
prometheus:
  url: {{ .url | quote }}
  {{- with .bearerTokenFile }}
  bearerTokenFile: {{ . | quote }}
  {{- end }}
  {{- with .caFile }}
  caFile: {{ . | quote }}
  {{- end }}
  timeout: {{ .timeout }}
  window: {{ .window }}
  delay: {{ .delay }}
{{- end }}
{{- end }}
{{- if or .Values.defaultPricePlan.enabled .Values.showback.enabled }}
defaults:
{{- if .Values.defaultPricePlan.enabled }}
- apiVersion: billing.opex.dev/v1alpha1
  kind: PricePlan
  metadata:
    name: default
  spec:
    {{- toYaml .Values.defaultPricePlan.spec | nindent 4 }}
{{- end }}
{{- if .Values.showback.enabled }}
- apiVersion: billing.opex.dev/v1alpha1
  kind: ClusterBudget
  metadata:
    name: cluster
  spec:
    {{- toYaml .Values.showback.spec | nindent 4 }}
{{- end }}
{{- end }}
{{- end -}}
