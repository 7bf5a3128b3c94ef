{{- /* In: pages from the front door, health and metrics. Out: names, PostgreSQL, Kafka and what the chart adds; never another service. */ -}}
{{- define "common.networkPolicy" -}}
{{- if .Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "common.name" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "common.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - ports: [{port: 8080}]
      {{- with .Values.networkPolicy.webFrom }}
      from: {{- toYaml . | nindent 8 }}
      {{- end }}
    - ports: [{port: 9090}]
      {{- with .Values.networkPolicy.metricsFrom }}
      from: {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- range .Values.components }}
    {{- with .listens }}
    - ports: [{port: {{ . }}}]
    {{- end }}
    {{- end }}
  egress:
    - ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
    - ports:
        {{- range .Values.networkPolicy.egressPorts }}
        - {port: {{ . }}}
        {{- end }}
      {{- with .Values.networkPolicy.egressTo }}
      to: {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}
{{- end -}}
