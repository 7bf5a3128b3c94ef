{{- define "common.scaling" -}}
{{- range $component, $settings := .Values.components }}
{{- $target := dict "apiVersion" "apps/v1" "kind" "Deployment" "name" (printf "%s-%s" (include "common.name" $) $component) }}
{{- with $settings.cpuScaling }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $target.name }}
  labels: {{- include "common.labels" $ | nindent 4 }}
    app.kubernetes.io/component: {{ $component }}
spec:
  scaleTargetRef: {{- toYaml $target | nindent 4 }}
  minReplicas: {{ .minReplicas }}
  maxReplicas: {{ .maxReplicas }}
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: {{ .percent }}}}
{{- end }}
{{- with $settings.lagScaling }}
---
# Without a topic KEDA adds up the lag of every topic the group reads. More consumers than partitions would stand idle.
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ $target.name }}
  labels: {{- include "common.labels" $ | nindent 4 }}
    app.kubernetes.io/component: {{ $component }}
spec:
  scaleTargetRef: {{- toYaml $target | nindent 4 }}
  minReplicaCount: {{ .minReplicas }}
  maxReplicaCount: {{ .maxReplicas }}
  triggers:
    {{- range $group := .consumerGroups }}
    - type: kafka
      metadata:
        bootstrapServers: {{ include "common.bootstrapServers" $ | quote }}
        consumerGroup: {{ $.Values.kafka.topicPrefix }}{{ $group }}
        lagThreshold: {{ $settings.lagScaling.lagThreshold | quote }}
        offsetResetPolicy: earliest
    {{- end }}
{{- end }}
{{- end }}
{{- end -}}
