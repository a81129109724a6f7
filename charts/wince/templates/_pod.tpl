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
      command: [wince]
      args: [serve, {{ $name }}]
      securityContext:
        {{- include "wince.containerSecurity" $root | nindent 8 }}
      env:
        {{- include "wince.env" . | nindent 8 }}
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
        grpc: {port: {{ $root.Values.health.port }}, service: live}
        {{- toYaml $root.Values.probes.startup | nindent 8 }}
      readinessProbe:
        grpc: {port: {{ $root.Values.health.port }}}
        {{- toYaml $root.Values.probes.readiness | nindent 8 }}
      livenessProbe:
        grpc: {port: {{ $root.Values.health.port }}, service: live}
        {{- toYaml $root.Values.probes.liveness | nindent 8 }}
      lifecycle:
        preStop:
          sleep: {seconds: {{ $root.Values.termination.preStopSeconds }}}
      resources:
        {{- toYaml $own.resources | nindent 8 }}
      volumeMounts:
        {{- include "wince.mounts" . | nindent 8 }}
    {{- if and (eq $name "estimate") $root.Values.torchserve.enabled }}
    {{- include "wince.torchserve" $root | nindent 4 }}
    {{- end }}
  {{- if and $root.Values.models.existingClaim $fact.models }}
  initContainers:
    {{- include "wince.modelsCheck" . | nindent 4 }}
  {{- end }}
  volumes:
    {{- include "wince.volumes" . | nindent 4 }}
    {{- if not $fact.disk }}
    - name: state
      emptyDir: {sizeLimit: 64Mi}
    {{- end }}
    {{- if and (eq $name "estimate") $root.Values.torchserve.enabled }}
    - name: torchserve
      emptyDir: {sizeLimit: 4Gi}
    {{- end }}
{{- end -}}

