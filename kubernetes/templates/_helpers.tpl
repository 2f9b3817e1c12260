{{/* Arguments of most: root, the context of the chart, and name, of a process. */}}

{{- define "parley.name" -}}
{{ .root.Release.Name }}-{{ .name }}
{{- end }}

{{/* Selectors are never changed: a Deployment cannot change its own. */}}
{{- define "parley.selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/name: {{ .name }}
{{- end }}

{{- define "parley.labels" -}}
{{ include "parley.selector" . }}
app.kubernetes.io/part-of: {{ .root.Chart.Name }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* Not empty when the process runs in this release. */}}
{{- define "parley.runs" -}}
{{- if or (ne (index .root.Values.topology .name).place "outside") .root.Values.paymentProvider.standIn }}yes{{ end }}
{{- end }}

{{- define "parley.image" -}}
{{- $image := .root.Values.image -}}
{{- $repository := $image.repository | replace "{service}" .name -}}
{{- if $image.digest -}}
{{ $repository }}@{{ $image.digest }}
{{- else -}}
{{ $repository }}:{{ $image.tag | default .root.Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* KEDA decides about services with a backlog, and then CPU is one of its triggers. */}}
{{- define "parley.hasKeda" -}}
{{- if and .root.Values.autoscaling.enabled .root.Values.autoscaling.keda (index .root.Values.topology .name).subscriptions }}yes{{ end }}
{{- end }}

{{- define "parley.databaseUrl" -}}
{{- if .root.Values.development.postgres -}}
postgres://{{ .login }}@{{ .root.Release.Name }}-postgres:5432/parley
{{- else -}}
{{- $url := required "database.url is not set: the URL of a PostgreSQL, without user and password, postgres://db.internal:5432/parley; or use values-development.yaml" .root.Values.database.url -}}
{{ regexReplaceAll "^(postgres(?:ql)?://)" $url (printf "${1}%s@" .login) }}
{{- end }}
{{- end }}

{{- define "parley.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .Values.podSecurity.userId }}
runAsGroup: {{ .Values.podSecurity.groupId }}
fsGroup: {{ .Values.podSecurity.groupId }}
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "parley.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* Of every pod of the shop's own image. */}}
{{- define "parley.podCommon" -}}
automountServiceAccountToken: false
enableServiceLinks: false # their variables would be read as ours
securityContext:
  {{- include "parley.podSecurity" . | nindent 2 }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSpec }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "parley.certificatesVolume" -}}
{{- with .Values.certificates }}
{{- if .secret }}
- { name: certificates, secret: { secretName: {{ .secret }} } }
{{- else if .configMap }}
- { name: certificates, configMap: { name: {{ .configMap }} } }
{{- end }}
{{- end }}
{{- end }}

{{- define "parley.certificatesMount" -}}
{{- if or .Values.certificates.secret .Values.certificates.configMap }}
- { name: certificates, mountPath: /etc/parley/certificates, readOnly: true }
{{- end }}
{{- end }}

{{- define "parley.certificatesVariable" -}}
{{- if or .Values.certificates.secret .Values.certificates.configMap }}
- { name: NODE_EXTRA_CA_CERTS, value: /etc/parley/certificates/ca.crt }
{{- end }}
{{- end }}

{{/* Of calls, where they are made by mutual TLS. */}}
{{- define "parley.hasCallsTls" -}}
{{- if and .root.Values.calls.tlsSecret (ne (index .root.Values.topology .name).place "outside") }}yes{{ end }}
{{- end }}

{{- define "parley.callsTlsVolume" -}}
{{- if include "parley.hasCallsTls" . }}
- { name: calls-tls, secret: { secretName: {{ .root.Values.calls.tlsSecret | replace "{service}" .name }} } }
{{- end }}
{{- end }}

{{- define "parley.callsTlsMount" -}}
{{- if include "parley.hasCallsTls" . }}
- { name: calls-tls, mountPath: /etc/parley/calls, readOnly: true }
{{- end }}
{{- end }}

{{- define "parley.callsUrl" -}}
{{- $at := printf "%s-{owner}:5000" .root.Release.Name -}}
{{- if include "parley.hasCallsTls" . -}}
{{- $folder := "/etc/parley/calls" -}}
grpcs://{{ $at }}?ca={{ $folder }}/ca.crt&cert={{ $folder }}/tls.crt&key={{ $folder }}/tls.key&clientCa={{ $folder }}/ca.crt
{{- else -}}
grpc://{{ $at }}
{{- end }}
{{- end }}

{{- define "parley.secretVariable" -}}
- name: {{ .variable }}
  valueFrom: { secretKeyRef: { name: {{ .secret }}, key: {{ .key }} } }
{{- end }}

{{/* Names by which others ask for operations: beside them the console and KEDA. */}}
{{- define "parley.hosts" -}}
{{- $name := include "parley.name" . -}}
{{ $name }},{{ $name }}.{{ .root.Release.Namespace }}.svc,$(POD_IP)
{{- end }}

{{- define "parley.operationsUrls" -}}
{{- $urls := dict -}}
{{- range $name, $process := .Values.topology -}}
{{- if ne $process.place "outside" -}}
{{- $_ := set $urls $name (list (printf "http://%s-%s:%v" $.Release.Name $name $process.operationsPort)) -}}
{{- end -}}
{{- end -}}
{{ $urls | toJson }}
{{- end }}

{{- define "parley.environment" -}}
{{- $process := index .root.Values.topology .name -}}
{{- $values := .root.Values -}}
{{- $isOurs := ne $process.place "outside" -}}
{{- $root := .root -}}
- { name: POD_IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
- { name: INSTANCE, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
{{- if $isOurs }}
- { name: DRAIN_TIMEOUT, value: {{ $values.drain.timeoutSeconds }}s }
- { name: CALLS_URL, value: '{{ include "parley.callsUrl" . }}' }
- { name: ALLOWED_HOSTS, value: {{ include "parley.hosts" . | quote }} }
{{ include "parley.secretVariable" (dict "variable" "OPERATIONS_TOKEN" "secret" $values.operationsToken.secret "key" $values.operationsToken.key) }}
{{- end }}
{{- if $process.callsPort }}
- { name: CALLS_PORT, value: {{ $process.callsPort | quote }} }
{{- if include "parley.hasCallsTls" . }}
{{- range $variable, $callers := $process.callsAllowed }}
- { name: {{ $variable }}, value: {{ $callers | quote }} }
{{- end }}
{{- end }}
{{- end }}
{{- if and $process.operationsPort (ne (int $process.operationsPort) 3000) }}
- { name: OPERATIONS_PORT, value: {{ $process.operationsPort | quote }} }
- { name: OPERATIONS_HOST, value: '::' }
{{- end }}
{{- if $process.role }}
{{ include "parley.secretVariable" (dict "variable" "DATABASE_PASSWORD" "secret" $values.database.passwordsSecret "key" $process.role) }}
- { name: DATABASE_URL, value: {{ include "parley.databaseUrl" (dict "root" $root "login" (printf "%s:$(DATABASE_PASSWORD)" $process.role)) | quote }} }
{{- end }}
{{- range $kind := $process.messages }}
{{- with index $values.messages $kind }}
{{- if .secret }}
{{ include "parley.secretVariable" (dict "variable" (printf "%s_URL" (upper $kind)) "secret" .secret "key" .key) }}
{{- end }}
{{- end }}
{{- end }}
{{- if has "payment-provider" $process.outside }}
{{- if $values.paymentProvider.standIn }}
- { name: PAYMENT_PROVIDER_URL, value: 'http://{{ $root.Release.Name }}-payment-provider:3000' }
{{- else }}
- { name: PAYMENT_PROVIDER_URL, value: {{ required "paymentProvider.url is not set: where the payment provider answers; or set paymentProvider.standIn" $values.paymentProvider.url | quote }} }
{{- end }}
{{- end }}
{{- if has "mail" $process.outside }}
{{- if $values.mail.secret }}
{{ include "parley.secretVariable" (dict "variable" "MAIL_URL" "secret" $values.mail.secret "key" $values.mail.key) }}
{{- else }}
- { name: MAIL_URL, value: {{ required "mail.url is not set: where mails go, smtp://mail.internal:587; or mail.secret" $values.mail.url | quote }} }
{{- end }}
{{- end }}
{{- if $process.asksOperations }}
- { name: OPERATIONS_URLS, value: {{ include "parley.operationsUrls" $root | quote }} }
{{- end }}
{{- include "parley.certificatesVariable" $root }}
{{- if $isOurs }}
{{- range $variable, $value := merge (dict) (index $values.services .name).env $values.env }}
- { name: {{ $variable }}, value: {{ $value | toString | quote }} }
{{- end }}
{{- end }}
{{- end }}

{{/* For development: root, secret, key. A password that is there stays: another one would lock the services out. */}}
{{- define "parley.kept" -}}
{{- $there := lookup "v1" "Secret" .root.Release.Namespace .secret | default dict -}}
{{- $data := get $there "data" | default dict -}}
{{- if hasKey $data .key }}{{ get $data .key | b64dec }}{{ else }}{{ randAlphaNum 32 }}{{ end -}}
{{- end }}
