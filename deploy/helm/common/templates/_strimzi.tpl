{{- /* Strimzi serves v1 only. Topics and rights come from files/topics.yaml, which is written from the table of topics. */ -}}
{{- define "common.strimzi" -}}
{{- $strimzi := .Values.kafka.strimzi }}
{{- if $strimzi.enabled }}
{{- $topics := .Files.Get "files/topics.yaml" | fromYaml }}
{{- range $topics.owns }}
---
apiVersion: kafka.strimzi.io/v1
kind: KafkaTopic
metadata:
  name: {{ printf "%s%s" $.Values.kafka.topicPrefix .name | replace "_" "-" }}
  namespace: {{ $strimzi.namespace | default $.Release.Namespace }}
  labels: {{- include "common.labels" $ | nindent 4 }}
    strimzi.io/cluster: {{ $strimzi.cluster }}
  # A topic outlives the release that made it.
  annotations: {helm.sh/resource-policy: keep}
spec:
  topicName: {{ $.Values.kafka.topicPrefix }}{{ .name }}
  partitions: {{ min .partitions (default 64 $.Values.kafka.partitionsCap) }}
  replicas: {{ $strimzi.replicas }}
  config: {{- merge (dict "min.insync.replicas" ($strimzi.minInsyncReplicas | toString)) .config | toYaml | nindent 4 }}
{{- end }}
---
apiVersion: kafka.strimzi.io/v1
kind: KafkaUser
metadata:
  name: {{ include "common.name" . }}
  namespace: {{ $strimzi.namespace | default .Release.Namespace }}
  labels: {{- include "common.labels" . | nindent 4 }}
    strimzi.io/cluster: {{ $strimzi.cluster }}
spec:
  authentication: {type: scram-sha-512}
  authorization:
    type: simple
    acls:
      {{- range $topics.owns }}
      - resource: {type: topic, name: {{ $.Values.kafka.topicPrefix }}{{ .name }}, patternType: literal}
        operations: [Write, Describe, DescribeConfigs]
      {{- end }}
      {{- range $topics.reads }}
      - resource: {type: topic, name: {{ $.Values.kafka.topicPrefix }}{{ . }}, patternType: literal}
        operations: [Read, Describe, DescribeConfigs]
      {{- end }}
      - resource: {type: group, name: {{ .Values.kafka.topicPrefix }}{{ .Chart.Name }}, patternType: prefix}
        operations: [Read, Describe]
      # Producers and consumers refuse to work on a Kafka whose settings could lose what it acknowledged.
      - resource: {type: cluster}
        operations: [Describe, DescribeConfigs]
{{- end }}
{{- end -}}
