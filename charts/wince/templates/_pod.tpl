{{/* A component's pod template. Arguments: root, component. */}}
{{- define "wince.pod" -}}
{{- $root := .root -}}{{- $name := .component -}}
{{- $facts := include "wince.facts" $root | fromJson -}}
{{- $fact := get $facts.components $name -}}
{{- $own := get $root.Values.components $name -}}
metadata:
  labels:
    {{- include "wince.labels" . | nindent 4 }}
    {{- with mergeOverwrite (deepCopy $root.Values.pod.labels) ($own.podLabels | default dict) }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/config: {{ include "wince.checksum" . }}
    {{- with $root.Values.secrets.revision }}
    wince/secrets-revision: {{ . | quote }}
    {{- end }}
    {{- with mergeOverwrite (deepCopy $root.Values.pod.annotations) ($own.podAnnotations | default dict) }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "wince.fullname" $root }}-{{ $name }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "wince.grace" . }}
  {{- with $own.priorityClassName | default $root.Values.pod.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- include "wince.podSecurity" $root | nindent 4 }}
  {{- with $own.nodeSelector | default $root.Values.pod.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.tolerations | default $root.Values.pod.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.affinity | default $root.Values.pod.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- with $own.topologySpreadConstraints }}
    {{- toYaml . | nindent 4 }}
    {{- else }}
    {{- range $root.Values.pod.spread }}
    - maxSkew: 1
      topologyKey: {{ .topologyKey }}
      whenUnsatisfiable: {{ .whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "wince.selector" (dict "root" $root "component" $name) | nindent 10 }}
    {{- end }}
    {{- end }}
  containers:
    - name: {{ $name }}
      image: {{ include "wince.image" (dict "root" $root "name" $name "image" $own.image) }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [serve, {{ $name }}]
      command: [wince]
      securityContext:
        {{- include "wince.containerSecurity" $root | nindent 8 }}
      env:
        - name: WINCE_CONFIG
          value: /etc/wince/wince.toml
        {{- if $fact.database }}
        - name: WINCE_PG_DSN_FILE
          value: /etc/wince/secrets/database/{{ $root.Values.secrets.database.key }}
        {{- end }}
        {{- if and $fact.kafka (include "wince.scram" .) }}
        - name: WINCE_KAFKA_PASSWORD_FILE
          value: /etc/wince/secrets/kafka/{{ $root.Values.secrets.kafka.key }}
        {{- end }}
        {{- with $own.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - {name: grpc, containerPort: {{ $fact.port }}}
        - {name: health, containerPort: {{ $root.Values.health.port }}}
        {{- if $root.Values.metrics.enabled }}
        - {name: metrics, containerPort: {{ $root.Values.metrics.port }}}
        {{- end }}
        {{- if eq $name "hospital" }}
        - {name: mllp, containerPort: {{ $root.Values.mllp.port }}}
        {{- end }}
        {{- if and (eq $name "imaging") $root.Values.dicom.enabled }}
        - {name: dicom, containerPort: {{ $root.Values.dicom.port }}}
        {{- end }}
        {{- if and (eq $name "imaging") $root.Values.stow.enabled }}
        - {name: stow, containerPort: {{ $root.Values.stow.port }}}
        {{- end }}
        {{- if and (eq $name "record") $root.Values.archiveCommitment.port }}
        - {name: commitment, containerPort: {{ $root.Values.archiveCommitment.port }}}
        {{- end }}
      startupProbe:
        grpc: {port: {{ $root.Values.health.port }}}
        {{- toYaml $root.Values.probes.startup | nindent 8 }}
      readinessProbe:
        grpc: {port: {{ $root.Values.health.port }}}
        {{- toYaml $root.Values.probes.readiness | nindent 8 }}
      livenessProbe:
        grpc: {port: {{ $root.Values.health.port }}}
        {{- toYaml $root.Values.probes.liveness | nindent 8 }}
      lifecycle:
        preStop:
          sleep: {seconds: {{ $root.Values.termination.preStopSeconds }}}
      resources:
        {{- toYaml $own.resources | nindent 8 }}
      volumeMounts:
        - {name: etc, mountPath: /etc/wince, readOnly: true}
        - {name: state, mountPath: /var/lib/wince}
        - {name: tmp, mountPath: /tmp}
        {{- if $root.Values.protocols.files }}
        - {name: protocols, mountPath: /etc/wince-protocols/chart, readOnly: true}
        {{- end }}
        {{- if $root.Values.protocols.existingConfigMap }}
        - {name: site-protocols, mountPath: /etc/wince-protocols/site, readOnly: true}
        {{- end }}
        {{- with $own.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: etc
      projected:
        defaultMode: 0440
        sources:
          {{- include "wince.sources" . | fromJsonArray | toYaml | nindent 10 }}
    - name: tmp
      emptyDir: {sizeLimit: 256Mi}
    {{- if not $fact.disk }}
    - name: state
      emptyDir: {sizeLimit: 64Mi}
    {{- end }}
    {{- if $root.Values.protocols.files }}
    - name: protocols
      configMap: {name: {{ include "wince.fullname" $root }}-protocols}
    {{- end }}
    {{- with $root.Values.protocols.existingConfigMap }}
    - name: site-protocols
      configMap: {name: {{ . }}}
    {{- end }}
    {{- with $own.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* Who a pod is: nobody that the node knows, its files belong to its group. */}}
{{- define "wince.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* What a container may do. */}}
{{- define "wince.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Seconds from SIGTERM to SIGKILL: endpoints go, calls in flight finish, parts end what they have in hand. Arguments: root, component. */}}
{{- define "wince.grace" -}}
{{- $settings := include "wince.settings" . | fromJson -}}
{{- $times := .root.Values.termination -}}
{{- add (int $times.preStopSeconds) (ceil ($settings.rpc.drain_s | default 20)) (int $times.partsSeconds) -}}
{{- end -}}

{{/* Hash of what a component reads at its start. Capture reads its list of cameras again by itself. Arguments: root, component. */}}
{{- define "wince.checksum" -}}
{{- $settings := include "wince.settings" . | fromJson -}}
{{- if eq .component "capture" }}{{ $_ := unset $settings "cameras" }}{{ end -}}
{{- list $settings .root.Values.protocols.files | toJson | sha256sum -}}
{{- end -}}

{{/* "yes" where a component signs in at Kafka with a password. Arguments: root, component. */}}
{{- define "wince.scram" -}}
{{- if hasPrefix "scram" ((include "wince.settings" . | fromJson).kafka_security | default "") }}yes{{ end -}}
{{- end -}}

{{/* What lies in /etc/wince: sources of a projected volume, a JSON list. Arguments: root, component. */}}
{{- define "wince.sources" -}}
{{- $root := .root -}}{{- $name := .component -}}
{{- $fact := get (include "wince.facts" $root | fromJson).components $name -}}
{{- $secrets := $root.Values.secrets -}}
{{- $sources := list (dict "configMap" (dict "name" (printf "%s-%s" (include "wince.fullname" $root) $name) "items" (list (dict "key" "wince.toml" "path" "wince.toml")))) -}}
{{- if $fact.database -}}
{{- $keys := prepend $secrets.database.extraKeys $secrets.database.key -}}
{{- $sources = append $sources (include "wince.source" (dict "root" $root "component" $name "kind" "secret" "name" $secrets.database.existingSecret "folder" "secrets/database" "keys" $keys) | fromJson) -}}
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
{{- $sources = concat $sources (include "wince.tls" (dict "root" $root "component" $name "tls" $root.Values.rpc.tls "folder" "tls") | fromJsonArray) -}}
{{- end -}}
{{- if and (eq $name "hospital") $root.Values.mllp.tls.enabled -}}
{{- $sources = concat $sources (include "wince.tls" (dict "root" $root "component" $name "tls" $root.Values.mllp.tls "folder" "mllp") | fromJsonArray) -}}
{{- end -}}
{{- if and (eq $name "imaging") $root.Values.dicom.tls.enabled -}}
{{- $sources = concat $sources (include "wince.tls" (dict "root" $root "component" $name "tls" $root.Values.dicom.tls "folder" "dicom") | fromJsonArray) -}}
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
