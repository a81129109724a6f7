{{/* Rules of NetworkPolicies. Each gives a list, with peers as they are and every port once. */}}

{{/* Arguments: direction (to, from), peers, ports, protocol. */}}
{{- define "wince.flow" -}}
- {{ .direction }}:
    {{- toYaml .peers | nindent 4 }}
  {{- with .ports }}
  ports:
    {{- range . }}
    - {port: {{ . }}, protocol: {{ $.protocol | default "TCP" }}}
    {{- end }}
  {{- end }}
{{- end -}}

{{- define "wince.flowDns" -}}
- to:
    {{- toYaml .Values.networkPolicy.dns.peers | nindent 4 }}
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end -}}

{{- define "wince.flowDatabase" -}}
{{- $peers := .Values.networkPolicy.database.peers -}}
{{- $ports := .Values.networkPolicy.database.ports -}}
{{- if .Values.cloudnativepg.enabled -}}
{{- $peers = list (dict "podSelector" (dict "matchLabels" (dict "cnpg.io/cluster" (printf "%s-database" (include "wince.fullname" .))))) -}}
{{- $ports = list 5432 -}}
{{- end -}}
{{- include "wince.flow" (dict "direction" "to" "peers" $peers "ports" $ports) -}}
{{- end -}}

{{/* Where a component may go, as the settings need it: a JSON list of names below networkPolicy. Arguments: root, component. */}}
{{- define "wince.goesTo" -}}
{{- $settings := include "wince.settings" . | fromJson -}}
{{- $fact := get (include "wince.facts" .root | fromJson).components .component -}}
{{- $name := .component -}}
{{- $to := list -}}
{{- if $fact.kafka }}{{ $to = append $to "kafka" }}{{ end -}}
{{- if and (eq $name "capture") (include "wince.networkCameras" .root) }}{{ $to = append $to "cameras" }}{{ end -}}
{{- if and (has $name (list "record" "care" "hospital")) $settings.ehr_url }}{{ $to = append $to "ehr" }}{{ end -}}
{{- if and (eq $name "record") $settings.archive_url }}{{ $to = append $to "archive" }}{{ end -}}
{{- if and (eq $name "record") $settings.oru_address }}{{ $to = append $to "oru" }}{{ end -}}
{{- if and (eq $name "record") (or $settings.anchor_bucket $settings.anchor_tsa_url) }}{{ $to = append $to "anchors" }}{{ end -}}
{{- if ($settings.oidc | default dict).issuer }}{{ $to = append $to "signIn" }}{{ end -}}
{{- if eq ($settings.traces | default "off") "otlp" }}{{ $to = append $to "traces" }}{{ end -}}
{{- if and (has $name (list "estimate" "imaging")) .root.Values.torchserve.external }}{{ $to = append $to "serving" }}{{ end -}}
{{- if and (eq $name "imaging") .root.Values.networkPolicy.dicomPeers.peers }}{{ $to = append $to "dicomPeers" }}{{ end -}}
{{- $to | toJson -}}
{{- end -}}

{{/* "yes" where any camera has an address on the network. */}}
{{- define "wince.networkCameras" -}}
{{- range .Values.settings.cameras }}{{ if .url }}yes{{ end }}{{ end -}}
{{- end -}}

{{/* How a gateway checks the certificate of what it passes to. Arguments: root, component, service. */}}
{{- define "wince.backendTls" }}
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata:
  name: {{ .service }}
  labels:
    {{- include "wince.labels" . | nindent 4 }}
spec:
  targetRefs:
    - {group: "", kind: Service, name: {{ .service }}}
  validation:
    hostname: {{ .service }}.{{ .root.Release.Namespace }}.svc
    caCertificateRefs:
      - {group: "", kind: ConfigMap, name: {{ .root.Values.gateway.caConfigMap }}}
{{- end }}
