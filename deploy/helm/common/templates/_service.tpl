{{- define "common.serviceAccount" -}}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "common.name" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end -}}

{{- define "common.service" -}}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ include "common.name" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
spec:
  selector: {{- include "common.selector" . | nindent 4 }}
    app.kubernetes.io/component: web
  ports:
    - {name: web, port: 80, targetPort: web}
{{- range $component, $settings := .Values.components }}
{{- if $settings.listens }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ include "common.name" $ }}-{{ $component }}
  labels: {{- include "common.labels" $ | nindent 4 }}
    app.kubernetes.io/component: {{ $component }}
spec:
  selector: {{- include "common.selector" $ | nindent 4 }}
    app.kubernetes.io/component: {{ $component }}
  ports:
    - {name: {{ $component }}, port: {{ $settings.listens }}, targetPort: {{ $component }}}
{{- end }}
{{- end }}
{{- end -}}

{{- define "common.ingress" -}}
{{- if .Values.ingress.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ include "common.name" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
  {{- with .Values.ingress.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .Values.ingress.className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- $host := include "common.publicUrl" . | urlParse | dig "hostname" "" }}
  {{- with .Values.ingress.tlsSecret }}
  tls: [{hosts: [{{ $host }}], secretName: {{ . }}}]
  {{- end }}
  rules:
    - host: {{ $host }}
      http:
        paths:
          {{- range .Values.ingress.paths }}
          - path: {{ . }}
            pathType: Prefix
            backend: {service: {name: {{ include "common.name" $ }}, port: {name: web}}}
          {{- end }}
{{- end }}
{{- end -}}

{{- define "common.disruptionBudgets" -}}
{{- range $component, $settings := .Values.components }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "common.name" $ }}-{{ $component }}
  labels: {{- include "common.labels" $ | nindent 4 }}
    app.kubernetes.io/component: {{ $component }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{- include "common.selector" $ | nindent 6 }}
      app.kubernetes.io/component: {{ $component }}
{{- end }}
{{- end -}}

{{- define "common.serviceMonitor" -}}
{{- if .Values.serviceMonitor.enabled }}
---
# Every pod is scraped on its health port, whichever roles it has.
apiVersion: v1
kind: Service
metadata:
  name: {{ include "common.name" . }}-metrics
  labels: {{- include "common.labels" . | nindent 4 }}
    app.kubernetes.io/component: metrics
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {{- include "common.selector" . | nindent 4 }}
  ports:
    - {name: health, port: 9090, targetPort: health}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ include "common.name" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
    {{- with .Values.serviceMonitor.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels: {{- include "common.selector" . | nindent 6 }}
      app.kubernetes.io/component: metrics
  endpoints:
    - port: health
      path: /metrics
      interval: {{ .Values.serviceMonitor.interval }}
{{- end }}
{{- end -}}

{{- /* The rules ask for `{}`: here that is what the ServiceMonitor of this release finds. */ -}}
{{- define "common.prometheusRule" -}}
{{- if .Values.prometheusRule.enabled }}
{{- if not .Values.serviceMonitor.enabled }}
{{- fail "prometheusRule needs serviceMonitor.enabled: its rules ask for what that one finds" }}
{{- end }}
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {{ include "common.name" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
    {{- with .Values.prometheusRule.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- $ours := printf "{namespace=%q,job=%q}" .Release.Namespace (printf "%s-metrics" (include "common.name" .)) }}
  {{- .Files.Get "files/alerts.yaml" | replace "{}" $ours | nindent 2 }}
{{- end }}
{{- end -}}
