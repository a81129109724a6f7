{{/* Refuses what can't work. Every problem is named at once, by its value and with the remedy. */}}
{{- define "wince.check" -}}
{{- $found := list -}}
{{- range list "settings" "files" "secrets" "rpc" "kafka" "hospital" "imaging" "cameras" "targets" "models" "scaling" "network" "ports" "monitoring" "operators" "routes" -}}
{{- range include (printf "wince.check.%s" .) $ | splitList "\n" -}}
{{- with trim . }}{{ $found = append $found . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if $found -}}
{{- fail (printf "\n\nThis can't work:\n- %s\n" (join "\n- " ($found | uniq))) -}}
{{- end -}}
{{- end -}}

{{/* Settings that belong elsewhere, or must be the same for all. */}}
{{- define "wince.check.settings" -}}
{{- $facts := include "wince.facts" . | fromJson -}}
{{- $places := dict "settings" .Values.settings -}}
{{- range $name, $own := .Values.components -}}{{- $_ := set $places (printf "components.%s.settings" $name) ($own.settings | default dict) -}}{{- end -}}
{{- range $place, $settings := $places -}}
{{- range $path, $words := $facts.refused -}}
{{- $parts := splitList "." $path -}}
{{- $holder := $settings -}}
{{- if eq (len $parts) 2 }}{{ $holder = get $settings (first $parts) | default dict }}{{ end -}}
{{- if hasKey $holder (last $parts) }}
{{ $place }}.{{ $path }}: {{ $words }}
{{- end }}
{{- end -}}
{{- if ne $place "settings" -}}
{{- range $facts.same -}}
{{- if hasKey $settings . }}
{{ $place }}.{{ . }}: is the same for every component; set settings.{{ . }}
{{- end }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $own := .Values.components -}}
{{- range $key, $_ := $own.settings -}}
{{- range $begin, $readers := $facts.readers -}}
{{- if and (hasPrefix $begin $key) (not (has $name $readers)) }}
components.{{ $name }}.settings.{{ $key }}: {{ $name }} doesn't read it. Set settings.{{ $key }}, for {{ join ", " $readers }}
{{- end }}
{{- end -}}
{{- end -}}
{{- range $own.env -}}
{{- if hasPrefix "WINCE_" (.name | default "") }}
components.{{ $name }}.env ({{ .name }}): would be stronger than what the chart writes. Use components.{{ $name }}.settings or files
{{- end }}
{{- end -}}
{{- end -}}
{{- if not .Values.settings.site }}
settings.site: is not set. It is part of every id, for ever: give the installation its name
{{- end }}
{{- end -}}

{{- define "wince.check.files" -}}
{{- $facts := include "wince.facts" . | fromJson -}}
{{- $places := dict "files" .Values.files -}}
{{- range $name, $own := .Values.components -}}{{- $_ := set $places (printf "components.%s.files" $name) ($own.files | default dict) -}}{{- end -}}
{{- range $place, $files := $places -}}
{{- range $path, $file := $files -}}
{{- if and $file.configMap (has $path $facts.private) }}
{{ $place }}.{{ $path }}: holds a secret, and a ConfigMap is readable for more than that; put it into a Secret and name it as secret
{{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "wince.check.secrets" -}}
{{- $enabled := include "wince.enabled" . | fromJsonArray -}}
{{- if and (has "record" $enabled) (not .Values.secrets.auditKey.existingSecret) }}
secrets.auditKey.existingSecret: is not set. Record signs the audit trail with a key that must outlive every pod: make one (openssl genpkey -algorithm ed25519 -out audit.pem), put it into a Secret, name that here
{{- end }}
{{- if not .Values.secrets.logsKey.existingSecret }}
secrets.logsKey.existingSecret: is not set. Replicas must write the same hashes: put 32 random bytes (head -c 32 /dev/urandom) into a Secret, name that here
{{- end }}
{{- if and .Values.cloudnativepg.enabled .Values.secrets.database.existingSecret }}
secrets.database.existingSecret: is set, and cloudnativepg.enabled makes a database of its own; leave one of them out
{{- else if not (or .Values.cloudnativepg.enabled .Values.secrets.database.existingSecret) }}
secrets.database.existingSecret: is not set. Put PostgreSQL's connection string (with sslmode=verify-full) into a Secret, name that here
{{- end }}
{{- end -}}

{{- define "wince.check.rpc" -}}
{{- $rpc := .Values.rpc -}}
{{- $closed := list -}}
{{- range $name := include "wince.enabled" . | fromJsonArray -}}
{{- $said := mergeOverwrite (deepCopy $.Values.settings) (deepCopy ((get $.Values.components $name).settings | default dict)) -}}
{{- if not ($said.rpc | default dict).insecure_listen_beyond_loopback }}{{ $closed = append $closed $name }}{{ end -}}
{{- end -}}
{{- $open := not $closed -}}
{{- $signIn := (.Values.settings.oidc | default dict).issuer -}}
{{- if and (not $rpc.tls.enabled) (not $open) }}
rpc.tls.enabled: is off, and {{ join ", " $closed }} would listen in the pod network. Turn it on, or set settings.rpc.insecure_listen_beyond_loopback
{{- end }}
{{- if and $rpc.tls.enabled (not (or $rpc.tls.existingSecret .Values.certManager.enabled)) }}
rpc.tls.existingSecret: is not set. Name the Secret with tls.crt, tls.key and ca.crt, or turn certManager.enabled on
{{- end }}
{{- if and $rpc.tls.mutual (not $rpc.tls.enabled) }}
rpc.tls.mutual: needs rpc.tls.enabled
{{- end }}
{{- if not (or $rpc.tokens.existingSecret $signIn $open) }}
rpc.tokens.existingSecret: is not set, so nobody would be known to {{ join ", " $closed }}, which listen in the pod network. Name the Secret with the file of tokens (docs/how-to/tokens.md), set settings.oidc, or settings.rpc.insecure_listen_beyond_loopback
{{- end }}
{{- if and (or $rpc.tokens.existingSecret $signIn) (has "capture" (include "wince.enabled" . | fromJsonArray)) (not (or $rpc.captureToken.existingSecret $rpc.tls.mutual)) }}
rpc.captureToken.existingSecret: is not set, so detect would refuse capture. Name the Secret with a token of the role publish, or turn rpc.tls.mutual on
{{- end }}
{{- if $signIn -}}
{{- range list "audience" "jwks" "roles" -}}
{{- if not (get $.Values.settings.oidc .) }}
settings.oidc.{{ . }}: is needed where settings.oidc.issuer is set
{{- end }}
{{- end -}}
{{- if hasPrefix "http://" (.Values.settings.oidc.jwks | default "") }}
settings.oidc.jwks: keys would come over the network unprotected; give an https URL
{{- end }}
{{- end -}}
{{- end -}}

{{- define "wince.check.kafka" -}}
{{- $security := .Values.settings.kafka_security | default "plaintext" -}}
{{- if not .Values.settings.kafka_bootstrap }}
settings.kafka_bootstrap: is not set. Name Kafka's brokers, HOST:PORT; the chart brings none
{{- end }}
{{- with .Values.settings.kafka_bootstrap -}}
{{- if not (regexMatch `^[^\s,]+:[0-9]{1,5}(,[^\s,]+:[0-9]{1,5})*$` .) }}
settings.kafka_bootstrap: {{ . }} is no HOST:PORT, or several with commas between them, such as kafka-1.example:9093
{{- end }}
{{- end -}}
{{- if has $security (list "plaintext" "scram-plaintext") }}
settings.kafka_security: {{ $security }} is for brokers on the same machine. Set scram or tls (or insecure-plaintext, and faces and names are readable on the network)
{{- end }}
{{- if and (hasPrefix "scram" $security) (not .Values.secrets.kafka.existingSecret) }}
secrets.kafka.existingSecret: is not set, and settings.kafka_security is {{ $security }}. Name the Secrets with the passwords, such as wince-{component}
{{- end }}
{{- if ne (empty .Values.files.kafka_cert_file) (empty .Values.files.kafka_key_file) }}
files.kafka_key_file: belongs together with files.kafka_cert_file; set both, or none
{{- end }}
{{- end -}}

{{- define "wince.check.hospital" -}}
{{- range $name := list "hospital" "imaging" -}}
{{- $own := get $.Values.components $name -}}
{{- if and $own.enabled (not (or $.Values.settings.time_zone ($own.settings | default dict).time_zone)) }}
settings.time_zone: is not set, and {{ $name }} needs it: a wrong zone binds a grade to the patient who lay there hours earlier. Give the hospital's, such as Europe/Berlin
{{- end }}
{{- end -}}
{{- if .Values.components.hospital.enabled -}}
{{- $open := or .Values.settings.insecure_mllp_beyond_loopback (.Values.components.hospital.settings | default dict).insecure_mllp_beyond_loopback -}}
{{- if and (not .Values.mllp.tls.enabled) (not $open) }}
mllp.tls.enabled: is off, so everybody on the network could admit patients. Turn it on, or set settings.insecure_mllp_beyond_loopback
{{- end }}
{{- if and .Values.mllp.tls.enabled (not (or .Values.mllp.tls.existingSecret .Values.certManager.enabled)) }}
mllp.tls.existingSecret: is not set. Name the Secret with tls.crt, tls.key, and in ca.crt the authority of the senders, or turn certManager.enabled on
{{- end }}
{{- end -}}
{{- if and .Values.components.capture.enabled (not .Values.components.detect.enabled) }}
components.detect.enabled: is off, and capture sends its frames there. Turn it on, or components.capture.enabled off
{{- end }}
{{- end -}}

{{- define "wince.check.imaging" -}}
{{- $own := .Values.components.imaging -}}
{{- $settings := mergeOverwrite (deepCopy .Values.settings) (deepCopy ($own.settings | default dict)) -}}
{{- if and (not $own.enabled) (or .Values.dicom.enabled .Values.stow.enabled) }}
components.imaging.enabled: is off, and dicom.enabled or stow.enabled is on. Turn it on, or them off
{{- end }}
{{- if $own.enabled -}}
{{- $open := $settings.insecure_dicom_beyond_loopback -}}
{{- if not (or .Values.dicom.enabled .Values.stow.enabled $settings.dicom_watch_folder) }}
components.imaging.enabled: is on, and nothing brings it objects. Turn dicom.enabled or stow.enabled on, or set settings.dicom_watch_folder
{{- end }}
{{- if or .Values.dicom.enabled .Values.stow.enabled -}}
{{- if and (not .Values.dicom.tls.enabled) (not $open) }}
dicom.tls.enabled: is off, so everybody on the network could read what is sent. Turn it on, or set settings.insecure_dicom_beyond_loopback
{{- end }}
{{- if and .Values.dicom.tls.enabled (not (or .Values.dicom.tls.existingSecret .Values.certManager.enabled)) }}
dicom.tls.existingSecret: is not set. Name the Secret with tls.crt, tls.key, and in ca.crt the authority of the senders, or turn certManager.enabled on
{{- end }}
{{- end -}}
{{- if and .Values.dicom.enabled (not $settings.dicom_peers) (not $open) }}
settings.dicom_peers: is empty, so everybody may send DICOM. List who may (TITLE@HOST), or set settings.insecure_dicom_beyond_loopback
{{- end }}
{{- if and .Values.stow.enabled (not (or .Values.files.stow_token_file ($own.files | default dict).stow_token_file ($settings.oidc | default dict).issuer $open)) }}
files.stow_token_file: is not set, so everybody may store by STOW-RS. Name the Secret with the file of tokens, or set settings.oidc
{{- end }}
{{- end -}}
{{- end -}}

{{- define "wince.check.cameras" -}}
{{- $begin := "/etc/wince/secrets/cameras/" -}}
{{- range .Values.settings.cameras -}}
{{- $id := .id -}}
{{- range $key, $path := dict "login_file" .login_file "ca_file" .ca_file -}}
{{- if $path -}}
{{- if not (hasPrefix $begin $path) }}
settings.cameras ({{ $id }}).{{ $key }}: must be {{ $begin }}KEY, a key of the Secret that secrets.cameras.existingSecret names
{{- else if not $.Values.secrets.cameras.existingSecret }}
secrets.cameras.existingSecret: is not set, and the camera {{ $id }} has a {{ $key }}. Name the Secret that holds it
{{- end }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "wince.check.targets" -}}
{{- $settings := mergeOverwrite (deepCopy .Values.settings) (deepCopy (.Values.components.record.settings | default dict)) -}}
{{- $files := mergeOverwrite (deepCopy .Values.files) (deepCopy (.Values.components.record.files | default dict)) -}}
{{- if $settings.ehr_url -}}
{{- if and (hasPrefix "http://" $settings.ehr_url) (not $settings.insecure_ehr_beyond_loopback) }}
settings.ehr_url: patients' entries would go over the network without TLS. Give an https URL, or set settings.insecure_ehr_beyond_loopback
{{- end }}
{{- if and (eq ($settings.ehr_auth | default "smart") "smart") (not $files.ehr_key_file) }}
files.ehr_key_file: is not set, and settings.ehr_auth is smart. Name the Secret with the private key, such as {secret: ehr-key, key: key.pem}
{{- end }}
{{- end -}}
{{- with $settings.archive_url -}}
{{- $web := hasPrefix "http" . -}}
{{- if and (or (hasPrefix "dicom://" .) (hasPrefix "http://" .)) (not $settings.insecure_archive_beyond_loopback) }}
settings.archive_url: patients' reports would go over the network without TLS. Give a dicoms or https URL, or set settings.insecure_archive_beyond_loopback
{{- end }}
{{- if and $web $settings.archive_commitment }}
settings.archive_commitment: is asked for by DICOM, not by STOW-RS. Unset it, or give a dicoms URL
{{- end }}
{{- if and (not $web) (or $files.archive_token_file $files.archive_login_file) }}
files.archive_token_file: a token or login is of use for STOW-RS alone. Remove it, or give an https URL
{{- end }}
{{- if and $files.archive_token_file $files.archive_login_file }}
files.archive_login_file: a token and a login are one too many; remove one of them
{{- end }}
{{- end -}}
{{- if and .Values.archiveCommitment.port (not (and $settings.archive_url $settings.archive_commitment)) }}
archiveCommitment.port: nobody is asked for a commitment. Set settings.archive_url and settings.archive_commitment, or leave it out
{{- end }}
{{- if and $settings.oru_address (eq (toString $settings.oru_tls) "false") (not $settings.insecure_oru_beyond_loopback) }}
settings.oru_tls: results would go over the network without TLS. Set it, or settings.insecure_oru_beyond_loopback
{{- end }}
{{- if and $settings.anchor_tsa_url (not $files.anchor_tsa_ca_file) }}
files.anchor_tsa_ca_file: is needed for settings.anchor_tsa_url. Name the Secret or ConfigMap with the authority's certificates
{{- end }}
{{- range list "anchor_file" "anchor_tsa_file" -}}
{{- if and (get $settings .) (gt (include "wince.most" (dict "root" $ "component" "record") | int) 1) }}
settings.{{ . }}: each replica of record needs a file of its own. Run one replica, or use settings.anchor_bucket
{{- end }}
{{- end -}}
{{- range $pair := list (list "ehr_cert_file" "ehr_cert_key_file") (list "archive_cert_file" "archive_cert_key_file") (list "oru_cert_file" "oru_cert_key_file") (list "otlp.cert_file" "otlp.key_file") -}}
{{- $one := first $pair }}{{ $other := last $pair -}}
{{- if ne (empty (get $files $one)) (empty (get $files $other)) }}
files.{{ $one }}: belongs together with files.{{ $other }}; set both, or none
{{- end }}
{{- end -}}
{{- if eq ($settings.traces | default "off") "otlp" -}}
{{- $otlp := $settings.otlp | default dict -}}
{{- if not $otlp.endpoint }}
settings.otlp.endpoint: is not set, and no collector is in the pod. Name it, such as https://collector.example:4317
{{- else if and (hasPrefix "http://" $otlp.endpoint) (not $otlp.plain_beyond_loopback) }}
settings.otlp.endpoint: traces would go over the network without TLS. Give an https URL, or set settings.otlp.plain_beyond_loopback
{{- end }}
{{- end -}}
{{- end -}}

{{- define "wince.check.models" -}}
{{- $serving := .Values.torchserve -}}
{{- if and .Values.models.existingClaim (not .Values.models.sha256) }}
models.sha256: is empty. Say the sha256 of every file on the volume of models.existingClaim: nothing starts on a model that nobody named
{{- end }}
{{- if and $serving.enabled $serving.external }}
torchserve.external: is set beside torchserve.enabled; leave one of them out
{{- end }}
{{- if $serving.enabled -}}
{{- if .Values.components.imaging.enabled }}
torchserve.enabled: TorchServe in estimate's pod is reached from there alone, and components.imaging.enabled is on. Use torchserve.external for both
{{- end }}
{{- if not .Values.models.existingClaim }}
models.existingClaim: is not set, and TorchServe reads its archive there. Name the claim
{{- end }}
{{- if not (include "wince.archives" . | fromJsonArray) }}
models.sha256: names no archive that TorchServe could load. Put what `wince lab pack` wrote into the folder store of the volume, such as store/infant-1.0.mar
{{- end }}
{{- end -}}
{{- if or $serving.enabled $serving.external -}}
{{- $files := mergeOverwrite (deepCopy .Values.files) (deepCopy (.Values.components.estimate.files | default dict)) -}}
{{- if not (get $files "serving.manifest") }}
files["serving.manifest"]: is not set. Name the ConfigMap with the JSON file that `wince lab pack` wrote
{{- end }}
{{- if and $serving.external (not (get $files "serving.ca_file")) (not (.Values.settings.serving | default dict).insecure_target_beyond_loopback) }}
files["serving.ca_file"]: is not set, so pictures of faces would go to another machine without TLS. Name the authority, or set settings.serving.insecure_target_beyond_loopback
{{- end }}
{{- end -}}
{{- end -}}
