{{- /*
The parts of a pod that deployments and jobs share. Its file system is read-only and it knows no token of the cluster.
Given as `root` and `secrets`: files that only this pod sees.
*/ -}}
{{- define "common.podSettings" -}}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir: {}
  - name: secrets
    projected:
      defaultMode: 0440
      sources:
        {{- range $file, $source := merge (dict) .secrets .root.Values.secrets }}
        - secret:
            name: {{ $source.secret }}
            items: [{key: {{ $source.key | quote }}, path: {{ $file }}}]
        {{- end }}
        {{- with include "common.kafkaSecrets" .root }}
        {{- . | nindent 8 }}
        {{- end }}
{{- end -}}

{{- define "common.containerSettings" -}}
image: {{ include "common.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
env:
  - {name: ENVIRONMENT, value: production}
  - {name: PUBLIC_URL, value: {{ include "common.publicUrl" . | quote }}}
  {{- include "common.kafkaEnvironment" . | nindent 2 }}
  {{- with .Values.kafka.topicPrefix }}
  - {name: TOPIC_PREFIX, value: {{ . | quote }}}
  {{- end }}
  {{- with .Values.kafka.partitionsCap }}
  - {name: TOPIC_PARTITIONS_CAP, value: {{ . | quote }}}
  {{- end }}
  {{- if .Values.kafka.assumeSettings }}
  - {name: ASSUME_KAFKA_SETTINGS, value: "true"}
  {{- end }}
  - {name: LOG_LEVEL, value: {{ .Values.logLevel }}}
  {{- range $name, $value := .Values.env }}
  - {name: {{ $name }}, value: {{ $value | quote }}}
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: secrets, mountPath: /run/secrets, readOnly: true}
{{- end -}}
