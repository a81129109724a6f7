{{/* What lies in /etc/wince: sources of a projected volume, a JSON list. Arguments: root, component. */}}
{{- define "wince.sources" -}}
{{- $root := .root -}}{{- $name := .component -}}
{{- $fact := get (include "wince.facts" $root | fromJson).components $name -}}
{{- $secrets := $root.Values.secrets -}}
{{- $sources := list (include "wince.configSource" . | fromJson) -}}
{{- if $fact.database -}}
{{- $sources = append $sources (include "wince.databaseSource" (dict "root" $root "secret" $secrets.database.existingSecret "key" $secrets.database.key) | fromJson) -}}
{{- end -}}
{{- if and $fact.kafka (include "wince.scram" .) -}}
{{- $sources = append $sources (include "wince.source" (dict "root" $root "component" $name "kind" "secret" "name" $secrets.kafka.existingSecret "folder" "secrets/kafka" "keys" (list $secrets.kafka.key)) | fromJson) -}}
{{- end -}}
{{- if eq $name "record" -}}
{{- $sources = append $sources (include "wince.source" (dict "root" $root "component" $name "kind" "secret" "name" $secrets.auditKey.existingSecret "folder" "secrets/audit-key" "keys" (list $secrets.auditKey.key) "as" "audit.pem") | fromJson) -}}
{{- end -}}
{{- if $secrets.logsKey.existingSecret -}}
{{- $sources = append $sources (include "wince.source" (dict "root" $root "component" $name "kind" "secret" "name" $secrets.logsKey.existingSecret "folder" "secrets/logs-key" "keys" (list $secrets.logsKey.key) "as" "logs.key") | fromJson) -}}
{{- end -}}
{{- if $root.Values.rpc.tokens.existingSecret -}}
{{- $sources = append $sources (include "wince.source" (dict "root" $root "component" $name "kind" "secret" "name" $root.Values.rpc.tokens.existingSecret "folder" "secrets/tokens" "keys" (list $root.Values.rpc.tokens.key) "as" "tokens") | fromJson) -}}
{{- end -}}
{{- if and (eq $name "capture") $root.Values.rpc.captureToken.existingSecret -}}
{{- $sources = append $sources (include "wince.source" (dict "root" $root "component" $name "kind" "secret" "name" $root.Values.rpc.captureToken.existingSecret "folder" "secrets/capture-token" "keys" (list $root.Values.rpc.captureToken.key) "as" "token") | fromJson) -}}
{{- end -}}
{{- if $root.Values.rpc.tls.enabled -}}
{{- $sources = concat $sources (include "wince.tls" (dict "root" $root "component" $name "tls" (include "wince.rpcTls" $root | fromJson) "folder" "tls") | fromJsonArray) -}}
{{- end -}}
{{- if and (eq $name "hospital") $root.Values.mllp.tls.enabled -}}
{{- $sources = concat $sources (include "wince.tls" (dict "root" $root "component" $name "tls" (include "wince.listenerTls" (dict "root" $root "tls" $root.Values.mllp.tls "name" "mllp") | fromJson) "folder" "mllp") | fromJsonArray) -}}
{{- end -}}
{{- if and (eq $name "imaging") $root.Values.dicom.tls.enabled -}}
{{- $sources = concat $sources (include "wince.tls" (dict "root" $root "component" $name "tls" (include "wince.listenerTls" (dict "root" $root "tls" $root.Values.dicom.tls "name" "dicom") | fromJson) "folder" "dicom") | fromJsonArray) -}}
{{- end -}}
{{- if and (eq $name "capture") $secrets.cameras.existingSecret -}}
{{- $keys := include "wince.cameraKeys" $root | fromJsonArray -}}
{{- if $keys -}}
{{- $sources = append $sources (include "wince.source" (dict "root" $root "component" $name "kind" "secret" "name" $secrets.cameras.existingSecret "folder" "secrets/cameras" "keys" $keys) | fromJson) -}}
{{- end -}}
{{- end -}}
{{- range $path, $file := include "wince.files" . | fromJson -}}
{{- range $kind := list "secret" "configMap" -}}
{{- if get $file $kind -}}
{{- $sources = append $sources (include "wince.source" (dict "root" $root "component" $name "kind" $kind "name" (get $file $kind) "folder" (printf "secrets/%s" $file.folder) "keys" (list $file.key)) | fromJson) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $sources | toJson -}}
{{- end -}}

{{/* A source with a component's wince.toml. Arguments: root, component. */}}
{{- define "wince.configSource" -}}
{{- dict "configMap" (dict "name" (printf "%s-%s" (include "wince.fullname" .root) .component) "items" (list (dict "key" "wince.toml" "path" "wince.toml"))) | toJson -}}
{{- end -}}

{{/* One source of the projected volume. Arguments: root, component, kind (secret, configMap), name, folder, keys, as (of a single key). */}}
{{- define "wince.source" -}}
{{- $items := list -}}
{{- range .keys -}}
{{- $items = append $items (dict "key" . "path" (printf "%s/%s" $.folder ($.as | default .))) -}}
{{- end -}}
{{- dict .kind (dict "name" (include "wince.named" .) "items" $items) | toJson -}}
{{- end -}}

{{/* Certificate, key and authority of a listener. Arguments: root, component, tls (existingSecret, ca), folder. */}}
{{- define "wince.tls" -}}
{{- $ca := .tls.ca | default dict -}}
{{- $own := not (or $ca.secret $ca.configMap) -}}
{{- $sources := list (include "wince.source" (dict "root" .root "component" .component "kind" "secret" "name" .tls.existingSecret "folder" .folder "keys" (ternary (list "tls.crt" "tls.key" "ca.crt") (list "tls.crt" "tls.key") $own)) | fromJson) -}}
{{- range $kind := list "secret" "configMap" -}}
{{- if get $ca $kind -}}
{{- $sources = append $sources (include "wince.source" (dict "root" $.root "component" $.component "kind" $kind "name" (get $ca $kind) "folder" $.folder "keys" (list ($ca.key | default "ca.crt")) "as" "ca.crt") | fromJson) -}}
{{- end -}}
{{- end -}}
{{- $sources | toJson -}}
{{- end -}}

{{/* TLS of gRPC; cert-manager makes the Secrets where none is named. */}}
{{- define "wince.rpcTls" -}}
{{- include "wince.listenerTls" (dict "root" . "tls" .Values.rpc.tls "name" "{component}") -}}
{{- end -}}

{{/* TLS of a listener, with the Secret that cert-manager makes where none is named, as JSON. Arguments: root, tls, name. */}}
{{- define "wince.listenerTls" -}}
{{- $made := ternary (printf "{fullname}-%s-tls" .name) "" .root.Values.certManager.enabled -}}
{{- dict "existingSecret" (.tls.existingSecret | default $made) "ca" .tls.ca | toJson -}}
{{- end -}}

{{/* Keys of the cameras' Secret that the list of cameras names, a JSON list. */}}
{{- define "wince.cameraKeys" -}}
{{- $keys := list -}}
{{- range .Values.settings.cameras -}}
{{- range list .login_file .ca_file -}}
{{- if and . (hasPrefix "/etc/wince/secrets/cameras/" .) -}}
{{- $keys = append $keys (trimPrefix "/etc/wince/secrets/cameras/" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $keys | uniq | sortAlpha | toJson -}}
{{- end -}}
