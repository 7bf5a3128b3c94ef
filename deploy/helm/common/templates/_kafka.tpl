{{- /* Strimzi makes for a user a secret of its name, and for a cluster one with the brokers' authority. */ -}}
{{- define "common.kafkaUsername" -}}
{{- $own := ternary (include "common.name" .) "" .Values.kafka.strimzi.enabled -}}
{{- .Values.kafka.security.username | default $own | required "kafka.security.username is needed" -}}
{{- end -}}

{{- define "common.kafkaPasswordSecret" -}}
{{- $own := ternary (include "common.name" .) "" .Values.kafka.strimzi.enabled -}}
{{- .Values.kafka.security.passwordSecret | default $own | required "kafka.security.passwordSecret is needed" -}}
{{- end -}}

{{- define "common.kafkaCaSecret" -}}
{{- $own := ternary (printf "%s-cluster-ca-cert" .Values.kafka.strimzi.cluster) "" .Values.kafka.strimzi.enabled -}}
{{- if hasSuffix "SSL" .Values.kafka.security.protocol }}{{ .Values.kafka.security.caSecret | default $own }}{{ end -}}
{{- end -}}

{{- define "common.kafkaSecrets" -}}
{{- if hasPrefix "SASL" .Values.kafka.security.protocol }}
- secret:
    name: {{ include "common.kafkaPasswordSecret" . }}
    items: [{key: password, path: kafka_password}]
{{- end }}
{{- with include "common.kafkaCaSecret" . }}
- secret:
    name: {{ . }}
    items: [{key: ca.crt, path: kafka_ca.crt}]
{{- end }}
{{- end -}}

{{- define "common.kafkaEnvironment" -}}
- {name: KAFKA_BOOTSTRAP_SERVERS, value: {{ include "common.bootstrapServers" . | quote }}}
- {name: KAFKA_SECURITY_PROTOCOL, value: {{ .Values.kafka.security.protocol }}}
{{- if hasPrefix "SASL" .Values.kafka.security.protocol }}
- {name: KAFKA_SASL_MECHANISM, value: {{ .Values.kafka.security.mechanism }}}
- {name: KAFKA_USERNAME, value: {{ include "common.kafkaUsername" . | quote }}}
{{- end }}
{{- if include "common.kafkaCaSecret" . }}
- {name: KAFKA_CA_FILE, value: /run/secrets/kafka_ca.crt}
{{- end }}
{{- end -}}
