{{/* Commands that run to their end: the migration, and retention by its timer. */}}

{{/* Pod template of a command. Arguments: root, component, args, env (a list), sources (of /etc/wince), resources. */}}
{{- define "wince.taskPod" -}}
{{- $root := .root -}}
metadata:
  labels:
    {{- include "wince.labels" . | nindent 4 }}
spec:
  restartPolicy: Never
  serviceAccountName: {{ include "wince.fullname" $root }}-{{ .component }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- include "wince.podSecurity" $root | nindent 4 }}
  {{- with $root.Values.pod.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.pod.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .component }}
      image: {{ include "wince.image" (dict "root" $root "name" "record" "image" $root.Values.components.record.image) }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      command: [wince]
      args: {{ .args | toJson }}
      securityContext:
        {{- include "wince.containerSecurity" $root | nindent 8 }}
      env:
        {{- toYaml .env | nindent 8 }}
        - {name: WINCE_STATE_DIR, value: /var/lib/wince}
        - {name: WINCE_LOG_JSON, value: "true"}
      resources:
        {{- toYaml .resources | nindent 8 }}
      volumeMounts:
        - {name: etc, mountPath: /etc/wince, readOnly: true}
        - {name: state, mountPath: /var/lib/wince}
        - {name: tmp, mountPath: /tmp}
  volumes:
    - name: etc
      projected:
        defaultMode: 0440
        sources:
          {{- toYaml .sources | nindent 10 }}
    - name: state
      emptyDir: {sizeLimit: 16Mi}
    - name: tmp
      emptyDir: {sizeLimit: 16Mi}
{{- end -}}

{{/* "yes" where `wince retention run` is run by a timer: in the release that runs record, where a limit is set. */}}
{{- define "wince.retention" -}}
{{- if and .Values.components.record.enabled .Values.retention.enabled -}}
{{- $settings := include "wince.settings" (dict "root" . "component" "record") | fromJson -}}
{{- if or $settings.retention_assessments_days $settings.retention_movements_days $settings.retention_audit_days }}yes{{ end -}}
{{- end -}}
{{- end -}}
