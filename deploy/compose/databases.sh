#!/bin/bash
# On PostgreSQL's first start: a database and its owner for every address among the secrets
# (postgresql://<owner>:<password>@<host>/<database>).
set -euo pipefail

for file in /run/secrets/*_url; do
  [[ $(<"$file") =~ ^postgres(ql)?://([^:]+):([^@]+)@[^/]+/([^?]+) ]] || { echo "$file: not the address of a database" >&2; exit 1; }
  psql -X -q -v ON_ERROR_STOP=1 -U postgres -d postgres \
    -v owner="${BASH_REMATCH[2]}" -v password="${BASH_REMATCH[3]}" -v database="${BASH_REMATCH[4]}" <<'SQL'
CREATE ROLE :"owner" LOGIN PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"owner";
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
SQL
done
