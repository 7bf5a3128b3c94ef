{{- /* All there is of a service; each part renders nothing where it is switched off. */ -}}
{{- define "common.everything" -}}
{{ include "common.serviceAccount" . }}
{{ include "common.service" . }}
{{ include "common.deployments" . }}
{{ include "common.disruptionBudgets" . }}
{{ include "common.scaling" . }}
{{ include "common.networkPolicy" . }}
{{ include "common.ingress" . }}
{{ include "common.serviceMonitor" . }}
{{ include "common.prometheusRule" . }}
{{ include "common.jobs" . }}
{{ include "common.strimzi" . }}
{{ include "common.cloudnativepg" . }}
{{- end -}}
