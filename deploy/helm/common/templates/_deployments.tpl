{{- /* A deployment per component: the same image with other roles, so that operations scale each alone. */ -}}
{{- define "common.deployments" -}}
{{- range $component, $settings := .Values.components }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "common.name" $ }}-{{ $component }}
  labels: {{- include "common.labels" $ | nindent 4 }}
    app.kubernetes.io/component: {{ $component }}
spec:
  {{- if not (or $settings.cpuScaling $settings.lagScaling) }}
  replicas: {{ $settings.replicas }}
  {{- end }}
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  selector:
    matchLabels: {{- include "common.selector" $ | nindent 6 }}
      app.kubernetes.io/component: {{ $component }}
  template:
    metadata:
      labels: {{- include "common.labels" $ | nindent 8 }}
        app.kubernetes.io/component: {{ $component }}
      {{- with $.Values.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec: {{- include "common.podSettings" (dict "root" $ "secrets" (dict)) | nindent 6 }}
      serviceAccountName: {{ include "common.name" $ }}
      # Longer than the longest batch: what was taken is finished before the process goes.
      terminationGracePeriodSeconds: {{ $.Values.terminationGracePeriodSeconds }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "common.selector" $ | nindent 14 }}
              app.kubernetes.io/component: {{ $component }}
      containers:
        - name: {{ $component }} {{- include "common.containerSettings" $ | nindent 10 }}
          args: [serve, --roles, {{ join "," $settings.roles | quote }}]
          ports:
            {{- if has "web" $settings.roles }}
            - {name: web, containerPort: 8080}
            {{- end }}
            - {name: health, containerPort: 9090}
            {{- with $settings.listens }}
            - {name: {{ $component }}, containerPort: {{ . }}}
            {{- end }}
          startupProbe:
            httpGet: {path: /livez, port: health}
            periodSeconds: 1
            failureThreshold: 60
          livenessProbe:
            httpGet: {path: /livez, port: health}
            periodSeconds: 10
            timeoutSeconds: 5
          readinessProbe:
            httpGet: {path: /readyz, port: health}
            periodSeconds: 5
            timeoutSeconds: 5
          {{- if has "web" $settings.roles }}
          lifecycle:
            # Until every proxy has heard that this pod is leaving.
            preStop: {sleep: {seconds: 5}}
          {{- end }}
          resources: {{- toYaml $settings.resources | nindent 12 }}
{{- end }}
{{- end -}}
