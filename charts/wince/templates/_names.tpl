{{/* Name of everything in a release: the release's, with the chart's behind it where it isn't part of it. */}}
{{- define "wince.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What the code says: ports, partitions, topics, rights, which setting's file goes where. */}}
{{- define "wince.facts" -}}
{{- .Files.Get "files/wince.json" -}}
{{- end -}}

{{/* Names of the components that run, a JSON list. */}}
{{- define "wince.enabled" -}}
{{- $names := list -}}
{{- range $name, $_ := (include "wince.facts" . | fromJson).components -}}
{{- if (get $.Values.components $name).enabled }}{{- $names = append $names $name -}}{{- end -}}
{{- end -}}
{{- $names | toJson -}}
{{- end -}}

{{/* A name that may hold {component}, {fullname} and {prefix}. Arguments: root, component, name. */}}
{{- define "wince.named" -}}
{{- $prefix := .root.Values.settings.kafka_prefix | default "" -}}
{{- .name | replace "{component}" .component | replace "{fullname}" (include "wince.fullname" .root) | replace "{prefix}" $prefix -}}
{{- end -}}

{{/* Labels that select a component's pods; they never change. Arguments: root, component. */}}
{{- define "wince.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
{{- if .component }}
app.kubernetes.io/component: {{ .component }}
{{- end }}
{{- end -}}

{{/* All labels. Arguments: root, component. */}}
{{- define "wince.labels" -}}
{{ include "wince.selector" . }}
app.kubernetes.io/part-of: wince
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* An image by digest where one is given, else by tag. Arguments: root, name, image (may be empty). */}}
{{- define "wince.image" -}}
{{- $image := .image | default dict -}}
{{- $registry := $image.registry | default .root.Values.image.registry -}}
{{- $repository := $image.repository | default (printf "%s%s" .root.Values.image.prefix .name) -}}
{{- $path := list $registry $repository | compact | join "/" -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $path $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $path ($image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
