{{/* "yes" where something other than `replicas` says how many pods there are. Arguments: root, component. */}}
{{- define "wince.scaled" -}}
{{- $own := get .root.Values.components .component -}}
{{- if or ($own.hpa | default dict).enabled ($own.keda | default dict).enabled }}yes{{ end -}}
{{- end -}}

{{/* Refuses what can't work, naming the value and the remedy. */}}
{{- define "wince.check" -}}
{{- $enabled := include "wince.enabled" . | fromJsonArray -}}
{{- if and (has "record" $enabled) (not .Values.secrets.auditKey.existingSecret) -}}
{{- fail "\n\nsecrets.auditKey.existingSecret is not set: record signs the audit trail with a key that must outlive every pod. Make one (openssl genpkey -algorithm ed25519 -out audit.pem), put it into a Secret under the key audit.pem and name that Secret." -}}
{{- end -}}
{{- if not .Values.secrets.database.existingSecret -}}
{{- fail "\n\nsecrets.database.existingSecret is not set: name the Secret that holds the connection string of PostgreSQL (key dsn)." -}}
{{- end -}}
{{- end -}}
