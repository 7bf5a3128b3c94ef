{{- /* A database in a cluster of CloudNativePG, and on request the cluster itself: one per service restores alone. */ -}}
{{- define "common.cloudnativepg" -}}
{{- if .Values.database.cloudnativepg.enabled }}
{{- range $database := .Values.database.cloudnativepg.databases }}
{{- if .createCluster }}
---
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata:
  name: {{ .cluster }}
  labels: {{- include "common.labels" $ | nindent 4 }}
  annotations: {helm.sh/resource-policy: keep}
spec:
  instances: {{ .instances }}
  {{- with $.Values.database.cloudnativepg.imageName }}
  imageName: {{ . }}
  {{- end }}
  bootstrap:
    {{- with .recovery }}
    recovery: {{- merge (dict "database" $database.name "owner" $database.name) . | toYaml | nindent 6 }}
    {{- else }}
    initdb: {database: {{ .name }}, owner: {{ .name }}}
    {{- end }}
  {{- with .externalClusters }}
  externalClusters: {{- toYaml . | nindent 4 }}
  {{- end }}
  storage: {size: {{ .storage }}}
  {{- with .serviceSecret }}
  # The service's own role: it owns nothing, and what it may do is granted by the migrations.
  managed:
    roles:
      - {name: {{ $database.name }}_service, ensure: present, login: true, passwordSecret: {name: {{ . }}}}
  {{- end }}
  postgresql:
    # Values never reach the log.
    parameters: {log_error_verbosity: terse, log_min_error_statement: panic}
  {{- with .backup }}
  backup: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .plugins }}
  plugins: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- with .scheduledBackup }}
---
apiVersion: postgresql.cnpg.io/v1
kind: ScheduledBackup
metadata:
  name: {{ $database.cluster }}
  labels: {{- include "common.labels" $ | nindent 4 }}
spec: {{- merge (dict "cluster" (dict "name" $database.cluster)) . | toYaml | nindent 2 }}
{{- end }}
{{- end }}
---
apiVersion: postgresql.cnpg.io/v1
kind: Database
metadata:
  name: {{ .name | replace "_" "-" }}
  labels: {{- include "common.labels" $ | nindent 4 }}
  annotations: {helm.sh/resource-policy: keep}
spec:
  name: {{ .name }}
  owner: {{ .name }}
  cluster: {name: {{ .cluster }}}
  databaseReclaimPolicy: retain
  {{- with .extensions }}
  extensions:
    {{- range . }}
    - {name: {{ . }}}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}
