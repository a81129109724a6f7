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
{{- list $settings .root.Values.protocols.files .root.Values.models.sha256 .root.Values.torchserve | toJson | sha256sum -}}
{{- end -}}

{{/* "yes" where a component signs in at Kafka with a password. Arguments: root, component. */}}
{{- define "wince.scram" -}}
{{- if hasPrefix "scram" ((include "wince.settings" . | fromJson).kafka_security | default "") }}yes{{ end -}}
{{- end -}}


{{/* Where the database is: a file with the connection string, or the Cluster of cloudnativepg. Arguments: root, key. */}}
{{- define "wince.databaseEnv" -}}
{{- $cluster := printf "%s-database" (include "wince.fullname" .root) -}}
{{- if .root.Values.cloudnativepg.enabled -}}
- name: WINCE_PG_DSN
  value: host={{ $cluster }}-rw port=5432 dbname=wince user=wince sslmode=verify-full sslrootcert=/etc/wince/secrets/database/ca.crt
- name: PGPASSWORD
  valueFrom:
    secretKeyRef: {name: {{ $cluster }}-app, key: password}
{{- else -}}
- name: WINCE_PG_DSN_FILE
  value: /etc/wince/secrets/database/{{ .key }}
{{- end -}}
{{- end -}}

{{/* Files of the database: the Secret that was named, or the authority of cloudnativepg's Cluster; a source. Arguments: root, secret, key. */}}
{{- define "wince.databaseSource" -}}
{{- if .root.Values.cloudnativepg.enabled -}}
{{- include "wince.source" (dict "root" .root "component" "" "kind" "secret" "name" (printf "%s-database-ca" (include "wince.fullname" .root)) "folder" "secrets/database" "keys" (list "ca.crt")) -}}
{{- else -}}
{{- include "wince.source" (dict "root" .root "component" "" "kind" "secret" "name" .secret "folder" "secrets/database" "keys" (prepend .root.Values.secrets.database.extraKeys .key)) -}}
{{- end -}}
{{- end -}}

{{/* Compares every file of the models' volume with its hash before anything reads it. Arguments: root, component. */}}
{{- define "wince.modelsCheck" -}}
{{- $own := get .root.Values.components .component -}}
- name: models
  image: {{ include "wince.image" (dict "root" .root "name" .component "image" $own.image) }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  command: [sha256sum, --check, --strict, /etc/wince-models/SHA256SUMS]
  workingDir: /var/lib/wince-models
  securityContext:
    {{- include "wince.containerSecurity" .root | nindent 4 }}
  resources:
    requests: {cpu: 100m, memory: 64Mi, ephemeral-storage: 16Mi}
    limits: {memory: 256Mi, ephemeral-storage: 64Mi}
  volumeMounts:
    - {name: models, mountPath: /var/lib/wince-models, readOnly: true}
    - {name: models-sums, mountPath: /etc/wince-models, readOnly: true}
{{- end -}}

{{/* TorchServe as a container beside estimate; all its ports are on loopback. */}}
{{- define "wince.torchserve" -}}
- name: torchserve
  image: {{ include "wince.image" (dict "root" . "name" "torchserve" "image" .Values.torchserve.image) }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  securityContext:
    {{- include "wince.containerSecurity" . | nindent 4 }}
  command: [/opt/wince/bin/python, -m, torchserve_start]
  env:
    - {name: MODEL_STORE, value: /var/lib/wince-models/store}
    - {name: ARCHIVES, value: {{ include "wince.archives" . | fromJsonArray | join "," | quote }}}
    - {name: GRPC_PORT, value: "7070"}
    - {name: WORKERS, value: {{ .Values.torchserve.workers | quote }}}
    - {name: MEMORY_MB, value: {{ .Values.torchserve.heapMiB | quote }}}
  resources:
    {{- toYaml .Values.torchserve.resources | nindent 4 }}
  volumeMounts:
    - {name: torchserve, mountPath: /tmp}
    - {name: models, mountPath: /var/lib/wince-models, readOnly: true}
{{- end -}}

{{/* Names of the archives that TorchServe loads, a JSON list: those alone whose hash is compared. An archive holds code. */}}
{{- define "wince.archives" -}}
{{- $found := list -}}
{{- range $path, $_ := .Values.models.sha256 -}}
{{- if and (hasPrefix "store/" $path) (hasSuffix ".mar" $path) }}{{ $found = append $found (trimPrefix "store/" $path) }}{{ end -}}
{{- end -}}
{{- $found | toJson -}}
{{- end -}}
