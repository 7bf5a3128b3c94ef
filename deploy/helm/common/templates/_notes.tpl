{{- define "common.notes" -}}
{{ .Chart.Name }} {{ .Values.image.tag | default .Chart.AppVersion }} answers behind {{ include "common.publicUrl" . }}.

  kubectl --namespace {{ .Release.Namespace }} get pods --selector app.kubernetes.io/name={{ .Chart.Name }}
  kubectl --namespace {{ .Release.Namespace }} exec deploy/{{ include "common.name" . }}-web -- service doctor
{{- end -}}
