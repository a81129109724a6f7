{{/* files/alerts.yaml as this release needs it: runbooks with their address, and, where its own ServiceMonitor gives every sample the
namespace, the metrics of this namespace alone. Else one site's services would hide that another's are gone. */}}
{{- define "wince.rules" -}}
{{- $rules := .Files.Get "files/alerts.yaml" | fromYaml -}}
{{- $namespace := .Release.Namespace -}}
{{- $runbooks := .Values.metrics.rules.runbooks -}}
{{- $own := .Values.metrics.serviceMonitor.enabled -}}
{{- range $group := $rules.groups -}}
{{- range $rule := $group.rules -}}
{{- if $runbooks -}}
{{- $_ := set $rule.annotations "runbook_url" (printf "%s/%s" (trimSuffix "/" $runbooks) $rule.annotations.runbook_url) -}}
{{- end -}}
{{- if $own -}}
{{- $matched := regexReplaceAll `\b(wince_[a-z0-9_]+)\{` $rule.expr (printf `${1}{namespace="%s", ` $namespace) -}}
{{- $matched = regexReplaceAll `\b(wince_[a-z0-9_]+)([^a-z0-9_{]|$)` $matched (printf `${1}{namespace="%s"}${2}` $namespace) -}}
{{- $_ := set $rule "expr" $matched -}}
{{- $_ := set $rule.labels "namespace" $namespace -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $rules | toYaml -}}
{{- end -}}
