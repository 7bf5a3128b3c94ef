{{- define "common.jobs" -}}
{{- range .Values.migration.commands }}
{{ include "common.job" (dict "root" $ "job" . "weight" "-5" "args" (list .) "secrets" $.Values.migration.secrets) }}
{{- end }}
{{- if and .Values.kafka.applyTopics (not .Values.kafka.strimzi.enabled) }}
{{ include "common.job" (dict "root" . "job" "topics" "weight" "-4" "args" (list "topics" "apply") "secrets" (dict)) }}
{{- end }}
{{- end -}}

{{- /*
Before the new version starts. Where the database is made by this very release there is nothing to migrate before it:
then the job is an ordinary one that tries until the database is there, and the pods start again until it is done.
*/ -}}
{{- define "common.job" -}}
{{- $hook := not .root.Values.database.cloudnativepg.enabled }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "common.name" .root }}-{{ .job }}{{ if not $hook }}-{{ .root.Release.Revision }}{{ end }}
  labels: {{- include "common.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .job }}
  {{- if $hook }}
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: {{ .weight | quote }}
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
  {{- end }}
spec:
  backoffLimit: {{ ternary 3 20 $hook }}
  ttlSecondsAfterFinished: 86400
  template:
    metadata:
      labels: {{- include "common.labels" .root | nindent 8 }}
        app.kubernetes.io/component: {{ .job }}
    spec: {{- include "common.podSettings" (dict "root" .root "secrets" .secrets) | nindent 6 }}
      restartPolicy: Never
      containers:
        - name: {{ .job }} {{- include "common.containerSettings" .root | nindent 10 }}
          args: {{ toJson .args }}
          resources: {{- toYaml .root.Values.migration.resources | nindent 12 }}
{{- end -}}
