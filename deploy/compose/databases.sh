#!/bin/bash
# On PostgreSQL's first start: from the addresses among the secrets (postgresql://<role>:<password>@<host>/<database>) a
# database for every owner (*_owner_url), and for every other address a role that owns nothing. What that one may do is
# granted by the migrations.
set -euo pipefail

main() {
  local file
  for file in /run/secrets/*_owner_url; do
    read_address "$file"
    make_role
    make_database
  done
  for file in /run/secrets/*_url; do
    [[ $file == *_owner_url ]] && continue
    read_address "$file"
    make_role
  done
}

read_address() {
  [[ $(<"$1") =~ ^postgres(ql)?://([^:]+):([^@]+)@[^/]+/([^?]+) ]] || { echo "$1: not the address of a database" >&2; exit 1; }
  role=${BASH_REMATCH[2]} password=${BASH_REMATCH[3]} database=${BASH_REMATCH[4]}
}

make_role() {
  ask -v role="$role" -v password="$password" <<<"CREATE ROLE :\"role\" LOGIN PASSWORD :'password';"
}

make_database() {
  ask -v role="$role" -v database="$database" <<'SQL'
CREATE DATABASE :"database" OWNER :"role";
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
SQL
}

ask() { psql -X -q -v ON_ERROR_STOP=1 -U postgres -d postgres "$@"; }

main
