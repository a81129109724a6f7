{{/* What a container of a component needs besides its command; the test of a release has the same. Arguments of each: root, component. */}}

{{/* Environment. */}}
{{- define "wince.env" -}}
{{- $root := .root -}}{{- $name := .component -}}
{{- $fact := get (include "wince.facts" $root | fromJson).components $name -}}
{{- $own := get $root.Values.components $name -}}
- name: WINCE_CONFIG
  value: /etc/wince/wince.toml
{{- if $fact.database }}
{{- include "wince.databaseEnv" (dict "root" $root "key" $root.Values.secrets.database.key) | nindent 0 }}
{{- end }}
{{- if and $fact.kafka (include "wince.scram" .) }}
- name: WINCE_KAFKA_PASSWORD_FILE
  value: /etc/wince/secrets/kafka/{{ $root.Values.secrets.kafka.key }}
{{- end }}
{{- with $own.env }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end -}}

{{/* Where its volumes are mounted. */}}
{{- define "wince.mounts" -}}
{{- $root := .root -}}{{- $name := .component -}}
{{- $fact := get (include "wince.facts" $root | fromJson).components $name -}}
{{- $own := get $root.Values.components $name -}}
- {name: etc, mountPath: /etc/wince, readOnly: true}
- {name: state, mountPath: /var/lib/wince}
- {name: tmp, mountPath: /tmp}
{{- if $root.Values.protocols.files }}
- {name: protocols, mountPath: /etc/wince-protocols/chart, readOnly: true}
{{- end }}
{{- if $root.Values.protocols.existingConfigMap }}
- {name: site-protocols, mountPath: /etc/wince-protocols/site, readOnly: true}
{{- end }}
{{- if and $root.Values.models.existingClaim $fact.models }}
- {name: models, mountPath: /var/lib/wince-models, readOnly: true}
{{- end }}
{{- with $own.extraVolumeMounts }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end -}}

{{/* Volumes, but that of its state. */}}
{{- define "wince.volumes" -}}
{{- $root := .root -}}{{- $name := .component -}}
{{- $fact := get (include "wince.facts" $root | fromJson).components $name -}}
{{- $own := get $root.Values.components $name -}}
- name: etc
  projected:
    defaultMode: 0440
    sources:
      {{- include "wince.sources" . | fromJsonArray | toYaml | nindent 6 }}
- name: tmp
  emptyDir: {sizeLimit: 256Mi}
{{- if $root.Values.protocols.files }}
- name: protocols
  configMap: {name: {{ include "wince.fullname" $root }}-protocols}
{{- end }}
{{- with $root.Values.protocols.existingConfigMap }}
- name: site-protocols
  configMap: {name: {{ . }}}
{{- end }}
{{- if and $root.Values.models.existingClaim $fact.models }}
- name: models
  persistentVolumeClaim: {claimName: {{ $root.Values.models.existingClaim }}, readOnly: true}
- name: models-sums
  configMap: {name: {{ include "wince.fullname" $root }}-models}
{{- end }}
{{- with $own.extraVolumes }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end -}}
