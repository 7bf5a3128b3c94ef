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
{{- $groups := .consumerGroups | default ($.Files.Get "files/topics.yaml" | fromYaml).groups }}
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
    {{- range $group := $groups }}
    - type: kafka
      metadata:
        bootstrapServers: {{ include "common.bootstrapServers" $ | quote }}
        consumerGroup: {{ $.Values.kafka.topicPrefix }}{{ $group }}
        lagThreshold: {{ $settings.lagScaling.lagThreshold | quote }}
        offsetResetPolicy: earliest
        {{- if hasPrefix "SASL" $.Values.kafka.security.protocol }}
        sasl: {{ $.Values.kafka.security.mechanism | lower | replace "-sha-" "_sha" | replace "plain" "plaintext" }}
        {{- end }}
        {{- if hasSuffix "SSL" $.Values.kafka.security.protocol }}
        tls: enable
        {{- end }}
      {{- if ne $.Values.kafka.security.protocol "PLAINTEXT" }}
      authenticationRef: {name: {{ $target.name }}}
      {{- end }}
    {{- end }}
{{- if ne $.Values.kafka.security.protocol "PLAINTEXT" }}
---
# The scaler looks at the lag with the login of the pods that it scales.
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata:
  name: {{ $target.name }}
  labels: {{- include "common.labels" $ | nindent 4 }}
    app.kubernetes.io/component: {{ $component }}
spec:
  {{- if hasPrefix "SASL" $.Values.kafka.security.protocol }}
  env:
    - {parameter: username, name: KAFKA_USERNAME}
  {{- end }}
  secretTargetRef:
    {{- if hasPrefix "SASL" $.Values.kafka.security.protocol }}
    - {parameter: password, name: {{ include "common.kafkaPasswordSecret" $ }}, key: password}
    {{- end }}
    {{- with include "common.kafkaCaSecret" $ }}
    - {parameter: ca, name: {{ . }}, key: ca.crt}
    {{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
