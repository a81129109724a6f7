{{/* Checks of what the cluster does: scaling, networks, ports, monitoring, operators, routes. _checks.tpl calls them. */}}

{{/* "yes" where something other than `replicas` says how many pods there are. Arguments: root, component. */}}
{{- define "wince.scaled" -}}
{{- $own := get .root.Values.components .component -}}
{{- if or ($own.hpa | default dict).enabled ($own.keda | default dict).enabled }}yes{{ end -}}
{{- end -}}

{{/* Most replicas that a component can have. Arguments: root, component. */}}
{{- define "wince.most" -}}
{{- $own := get .root.Values.components .component -}}
{{- if ($own.hpa | default dict).enabled }}{{ $own.hpa.maxReplicas }}{{ else if ($own.keda | default dict).enabled }}{{ $own.keda.maxReplicas }}{{ else }}{{ $own.replicas }}{{ end -}}
{{- end -}}

{{- define "wince.check.scaling" -}}
{{- $facts := include "wince.facts" . | fromJson -}}
{{- range $name := include "wince.enabled" . | fromJsonArray -}}
{{- $own := get $.Values.components $name -}}
{{- $hpa := $own.hpa | default dict -}}{{- $keda := $own.keda | default dict -}}
{{- if and $hpa.enabled $keda.enabled }}
components.{{ $name }}.hpa.enabled: is on beside components.{{ $name }}.keda.enabled, and the two would work against each other; turn one off
{{- end }}
{{- range $kind, $scaler := dict "hpa" $hpa "keda" $keda -}}
{{- if and $scaler.enabled (gt (int $scaler.minReplicas) (int $scaler.maxReplicas)) }}
components.{{ $name }}.{{ $kind }}.minReplicas: {{ $scaler.minReplicas }} is above maxReplicas, {{ $scaler.maxReplicas }}
{{- end }}
{{- end -}}
{{- if and (get $facts.components $name).consumes (gt (include "wince.most" (dict "root" $ "component" $name) | int) (int $facts.partitions)) }}
components.{{ $name }}.{{ ternary "hpa.maxReplicas" (ternary "keda.maxReplicas" "replicas" (not (empty $keda.enabled))) (not (empty $hpa.enabled)) }}: {{ include "wince.most" (dict "root" $ "component" $name) }} replicas are more than the {{ $facts.partitions }} partitions of a topic; the others would have nothing to do. Give {{ $facts.partitions }} at most
{{- end }}
{{- if and $keda.enabled (hasPrefix "scram" ($.Values.settings.kafka_security | default "")) (not $.Values.keda.existingSecret) }}
keda.existingSecret: is not set. Name the Secret with the password of the user wince-status
{{- end }}
{{- end -}}
{{- end -}}

{{- define "wince.check.network" -}}
{{- if .Values.networkPolicy.enabled -}}
{{- $flows := .Values.networkPolicy -}}
{{- $needed := dict "dns" "names are looked up there" -}}
{{- if not .Values.cloudnativepg.enabled }}{{ $_ := set $needed "database" "PostgreSQL lies there" }}{{ end -}}
{{- range $name := include "wince.enabled" . | fromJsonArray -}}
{{- range include "wince.goesTo" (dict "root" $ "component" $name) | fromJsonArray }}{{ $_ := set $needed . (printf "%s connects to it" $name) }}{{ end -}}
{{- end -}}
{{- if .Values.components.hospital.enabled }}{{ $_ := set $needed "mllpSenders" "they send HL7 v2 to hospital" }}{{ end -}}
{{- if .Values.components.imaging.enabled -}}
{{- if .Values.dicom.enabled }}{{ $_ := set $needed "dicomSenders" "they send DICOM to imaging" }}{{ end -}}
{{- if .Values.stow.enabled }}{{ $_ := set $needed "stowSenders" "they send by STOW-RS to imaging" }}{{ end -}}
{{- end -}}
{{- if or .Values.metrics.serviceMonitor.enabled .Values.metrics.rules.enabled }}{{ $_ := set $needed "prometheus" "it reads the metrics" }}{{ end -}}
{{- if and .Values.gateway.enabled .Values.gateway.grpc }}{{ $_ := set $needed "callers" "the gateway calls the components" }}{{ end -}}
{{- range $name, $why := $needed -}}
{{- if not (get $flows $name).peers }}
networkPolicy.{{ $name }}.peers: is empty, so nothing gets through; {{ $why }}. Name the peers (such as [{ipBlock: {cidr: 10.0.1.0/24}}]), or turn networkPolicy.enabled off
{{- end }}
{{- end -}}
{{- range $name, $flow := $flows -}}
{{- if and (kindIs "map" $flow) ($flow.peers) (hasKey $flow "ports") (not $flow.ports) }}
networkPolicy.{{ $name }}.ports: is empty, so every port of the peers would be open. Name the ports
{{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Two listeners of one pod can't have the same port. */}}
{{- define "wince.check.ports" -}}
{{- $facts := include "wince.facts" . | fromJson -}}
{{- range $name := include "wince.enabled" . | fromJsonArray -}}
{{- $ports := dict (printf "Wince's gRPC in %s" $name) (get $facts.components $name).port "health.port" $.Values.health.port -}}
{{- if $.Values.metrics.enabled }}{{ $_ := set $ports "metrics.port" $.Values.metrics.port }}{{ end -}}
{{- if eq $name "hospital" }}{{ $_ := set $ports "mllp.port" $.Values.mllp.port }}{{ end -}}
{{- if and (eq $name "imaging") $.Values.dicom.enabled }}{{ $_ := set $ports "dicom.port" $.Values.dicom.port }}{{ end -}}
{{- if and (eq $name "imaging") $.Values.stow.enabled }}{{ $_ := set $ports "stow.port" $.Values.stow.port }}{{ end -}}
{{- if and (eq $name "record") $.Values.archiveCommitment.port }}{{ $_ := set $ports "archiveCommitment.port" $.Values.archiveCommitment.port }}{{ end -}}
{{- if and (eq $name "estimate") $.Values.torchserve.enabled }}{{ $_ := set $ports "TorchServe" 7070 }}{{ end -}}
{{- $taken := dict -}}
{{- range $what := keys $ports | sortAlpha -}}
{{- $port := get $ports $what | int | toString -}}
{{- if hasKey $taken $port }}
{{ $what }}: {{ $port }} is taken by {{ get $taken $port }}. Give another
{{- else -}}
{{- $_ := set $taken $port $what -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "wince.check.monitoring" -}}
{{- if and (not .Values.metrics.enabled) (or .Values.metrics.serviceMonitor.enabled .Values.metrics.rules.enabled) }}
metrics.enabled: is off, and metrics.serviceMonitor or metrics.rules is on. Turn it on, or them off
{{- end }}
{{- end -}}

{{- define "wince.check.operators" -}}
{{- if and .Values.certManager.enabled (not .Values.certManager.issuerRef.name) }}
certManager.issuerRef.name: is not set. Name the Issuer or ClusterIssuer
{{- end }}
{{- if and (or .Values.strimzi.topics .Values.strimzi.users) (not .Values.strimzi.cluster) }}
strimzi.cluster: is not set. Name the Kafka cluster
{{- end }}
{{- if and .Values.strimzi.users (not (has (.Values.settings.kafka_security | default "plaintext") (list "scram" "tls"))) }}
settings.kafka_security: must be scram or tls for the users that strimzi.users makes
{{- end }}
{{- if and .Values.strimzi.topics (gt (int .Values.strimzi.minInsyncReplicas) (int .Values.strimzi.replicas)) }}
strimzi.minInsyncReplicas: {{ .Values.strimzi.minInsyncReplicas }} is above strimzi.replicas, so nothing could be written
{{- end }}
{{- end -}}

{{- define "wince.check.routes" -}}
{{- if .Values.gateway.enabled -}}
{{- if not .Values.gateway.parentRefs }}
gateway.parentRefs: is empty. Name the Gateway
{{- end }}
{{- if and .Values.gateway.grpc .Values.rpc.tls.mutual }}
gateway.grpc: a gateway has no client certificate to show, and rpc.tls.mutual asks for one. Pass the connection through at the load balancer, or turn rpc.tls.mutual off
{{- end }}
{{- if and (not .Values.gateway.caConfigMap) (or (and .Values.gateway.grpc .Values.rpc.tls.enabled) (and .Values.gateway.stow .Values.dicom.tls.enabled)) }}
gateway.caConfigMap: is not set, so the gateway could not check the components' certificates. Name the ConfigMap with their authority in ca.crt
{{- end }}
{{- range $name, $_ := .Values.gateway.grpc -}}
{{- if not (get $.Values.components $name).enabled }}
gateway.grpc.{{ $name }}: components.{{ $name }} is not enabled
{{- end }}
{{- end -}}
{{- end -}}
{{- if and (or .Values.ingress.enabled (and .Values.gateway.enabled .Values.gateway.stow)) (not .Values.stow.enabled) }}
stow.enabled: is off, and a route leads there. Turn it on, or the route off
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}
ingress.host: is not set. Give the host name
{{- end }}
{{- end -}}
