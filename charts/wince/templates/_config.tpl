{{/* Settings of a component, whole, as JSON: of all, its own, and what the chart sets. Arguments: root, component. */}}
{{- define "wince.settings" -}}
{{- $root := .root -}}{{- $name := .component -}}
{{- $facts := include "wince.facts" $root | fromJson -}}
{{- $fact := get $facts.components $name -}}
{{- $own := get $root.Values.components $name -}}
{{- $all := mergeOverwrite (deepCopy $root.Values.settings) (deepCopy ($own.settings | default dict)) -}}
{{- $set := dict
  "state_dir" "/var/lib/wince"
  "models_dir" "/var/lib/wince-models"
  "log_json" true
  "health_host" "0.0.0.0"
  "health_port" (int $root.Values.health.port)
  "schema_at_start" "expect" -}}
{{- if not (hasKey $all "start_wait_s") -}}{{- $_ := set $set "start_wait_s" 86400 -}}{{- end -}}
{{- $rpc := dict "host" "0.0.0.0" "port" (int $fact.port) -}}
{{- if $root.Values.metrics.enabled -}}
{{- $_ := set $set "metrics_host" "0.0.0.0" -}}
{{- $_ := set $set "metrics_port" (int $root.Values.metrics.port) -}}
{{- $_ := set $set "insecure_metrics_beyond_loopback" true -}}
{{- end -}}
{{- if $root.Values.rpc.tls.enabled -}}
{{- $_ := set $rpc "tls_cert_file" "/etc/wince/tls/tls.crt" -}}
{{- $_ := set $rpc "tls_key_file" "/etc/wince/tls/tls.key" -}}
{{- $_ := set $rpc "ca_file" "/etc/wince/tls/ca.crt" -}}
{{- if $root.Values.rpc.tls.mutual -}}
{{- $_ := set $rpc "tls_client_ca_file" "/etc/wince/tls/ca.crt" -}}
{{- $_ := set $rpc "client_cert_file" "/etc/wince/tls/tls.crt" -}}
{{- $_ := set $rpc "client_key_file" "/etc/wince/tls/tls.key" -}}
{{- end -}}
{{- end -}}
{{- if $root.Values.rpc.tokens.existingSecret -}}
{{- $_ := set $rpc "token_file" "/etc/wince/secrets/tokens/tokens" -}}
{{- end -}}
{{- if eq $name "capture" -}}
{{- $_ := set $set "detect" (printf "dns:///%s-detect-streams.%s.svc:%d" (include "wince.fullname" $root) $root.Release.Namespace (int (get $facts.components "detect").port)) -}}
{{- if $root.Values.rpc.captureToken.existingSecret -}}
{{- $_ := set $rpc "client_token_file" "/etc/wince/secrets/capture-token/token" -}}
{{- end -}}
{{- end -}}
{{- $_ := set $set "rpc" $rpc -}}
{{- if eq $name "record" -}}
{{- $_ := set $set "audit_key_file" "/etc/wince/secrets/audit-key/audit.pem" -}}
{{- if $root.Values.archiveCommitment.port -}}
{{- $_ := set $set "archive_commitment_listen" (printf "0.0.0.0:%d" (int $root.Values.archiveCommitment.port)) -}}
{{- end -}}
{{- end -}}
{{- if $root.Values.secrets.logsKey.existingSecret -}}
{{- $_ := set $set "logs_key_file" "/etc/wince/secrets/logs-key/logs.key" -}}
{{- end -}}
{{- if eq $name "hospital" -}}
{{- $_ := set $set "mllp_host" "0.0.0.0" -}}
{{- $_ := set $set "mllp_port" (int $root.Values.mllp.port) -}}
{{- if $root.Values.mllp.tls.enabled -}}
{{- $_ := set $set "mllp_cert_file" "/etc/wince/mllp/tls.crt" -}}
{{- $_ := set $set "mllp_key_file" "/etc/wince/mllp/tls.key" -}}
{{- $_ := set $set "mllp_client_ca_file" "/etc/wince/mllp/ca.crt" -}}
{{- end -}}
{{- end -}}
{{- if eq $name "imaging" -}}
{{- $_ := set $set "dicom_folder" "/var/lib/wince/imaging" -}}
{{- if $root.Values.dicom.enabled -}}
{{- $_ := set $set "dicom_host" "0.0.0.0" -}}
{{- $_ := set $set "dicom_port" (int $root.Values.dicom.port) -}}
{{- end -}}
{{- if $root.Values.stow.enabled -}}
{{- $_ := set $set "stow_host" "0.0.0.0" -}}
{{- $_ := set $set "stow_port" (int $root.Values.stow.port) -}}
{{- end -}}
{{- if $root.Values.dicom.tls.enabled -}}
{{- $_ := set $set "dicom_cert_file" "/etc/wince/dicom/tls.crt" -}}
{{- $_ := set $set "dicom_key_file" "/etc/wince/dicom/tls.key" -}}
{{- $_ := set $set "dicom_client_ca_file" "/etc/wince/dicom/ca.crt" -}}
{{- end -}}
{{- end -}}
{{- if or $root.Values.torchserve.enabled $root.Values.torchserve.external -}}
{{- /* All know that a protocol's members are served; estimate and imaging alone ask. */ -}}
{{- if $root.Values.torchserve.enabled -}}
{{- $_ := set $set "serving" (dict "target" "127.0.0.1:7070") -}}
{{- else if $root.Values.torchserve.external -}}
{{- $_ := set $set "serving" (dict "target" $root.Values.torchserve.external) -}}
{{- end -}}
{{- end -}}
{{- $folders := list (ternary "/etc/wince-protocols/site" "" (not (empty $root.Values.protocols.existingConfigMap))) (ternary "/etc/wince-protocols/chart" "" (not (empty $root.Values.protocols.files))) | compact -}}
{{- if $folders -}}
{{- $_ := set $set "protocol_dir" (join ":" $folders) -}}
{{- end -}}
{{- if and $fact.kafka (hasPrefix "scram" ($all.kafka_security | default "")) (not $all.kafka_user) -}}
{{- $_ := set $set "kafka_user" (printf "%swince-%s" ($all.kafka_prefix | default "") $name) -}}
{{- end -}}
{{- range $path, $file := include "wince.files" . | fromJson -}}
{{- $parts := splitList "." $path -}}
{{- if eq (len $parts) 2 -}}
{{- $table := index $parts 0 -}}
{{- $inner := get $set $table | default dict -}}
{{- $_ := set $inner (index $parts 1) (printf "/etc/wince/secrets/%s/%s" $file.folder $file.key) -}}
{{- $_ := set $set $table $inner -}}
{{- else -}}
{{- $_ := set $set $path (printf "/etc/wince/secrets/%s/%s" $file.folder $file.key) -}}
{{- end -}}
{{- end -}}
{{- if not $fact.kafka -}}
{{- range $key := keys $all -}}{{- if hasPrefix "kafka_" $key -}}{{- $_ := unset $all $key -}}{{- end -}}{{- end -}}
{{- end -}}
{{- if and $all.cameras (ne $name "capture") -}}
{{- if eq $name "hospital" -}}
{{- $seen := list -}}
{{- range $all.cameras }}{{ $seen = append $seen (omit . "login_file" "ca_file") }}{{ end -}}
{{- $_ := set $all "cameras" $seen -}}
{{- else -}}
{{- $_ := unset $all "cameras" -}}
{{- end -}}
{{- end -}}
{{- mergeOverwrite $all $set | toJson -}}
{{- end -}}

{{/* Files of a component's settings: path -> {folder, key, secret or configMap}, as JSON. Arguments: root, component. */}}
{{- define "wince.files" -}}
{{- $root := .root -}}{{- $name := .component -}}
{{- $own := get $root.Values.components $name -}}
{{- $found := dict -}}
{{- range $path, $readers := (include "wince.facts" $root | fromJson).files -}}
{{- $file := get ($own.files | default dict) $path | default (get $root.Values.files $path) -}}
{{- if and $file (has $name $readers) -}}
{{- $source := dict "folder" ($path | replace "_" "-" | replace "." "-") "key" $file.key -}}
{{- range $kind := list "secret" "configMap" -}}
{{- with get $file $kind -}}
{{- $_ := set $source $kind (include "wince.named" (dict "root" $root "component" $name "name" .)) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $found $path $source -}}
{{- end -}}
{{- end -}}
{{- $found | toJson -}}
{{- end -}}

{{/* A map as TOML: plain keys, then tables, then lists of tables. JSON writes texts, numbers and lists as TOML does. */}}
{{- define "wince.toml" -}}
{{- range $key, $value := . }}
{{- if kindIs "slice" $value }}
{{- if not (and $value (kindIs "map" (first $value))) }}
{{ $key }} = {{ $value | toJson }}
{{- end }}
{{- else if not (or (kindIs "map" $value) (kindIs "invalid" $value)) }}
{{ $key }} = {{ $value | toJson }}
{{- end }}
{{- end }}
{{- range $key, $value := . }}
{{- if and (kindIs "map" $value) $value }}

[{{ $key }}]
{{- range $inner, $one := $value }}
{{- if not (kindIs "invalid" $one) }}
{{ $inner | toJson }} = {{ $one | toJson }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- range $key, $value := . }}
{{- if and (kindIs "slice" $value) $value }}
{{- if kindIs "map" (first $value) }}
{{- range $value }}

[[{{ $key }}]]
{{- range $inner, $one := . }}
{{- if not (kindIs "invalid" $one) }}
{{ $inner | toJson }} = {{ $one | toJson }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
