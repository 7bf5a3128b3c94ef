#!/bin/bash
# What the official entrypoint does and we rely on: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB (or their _FILE twins),
# POSTGRES_INITDB_ARGS, and the files of /docker-entrypoint-initdb.d on the first start.
set -Eeuo pipefail

main() {
  if [ "${1:0:1}" = - ]; then set -- postgres "$@"; fi
  if [ "$1" != postgres ]; then exec "$@"; fi
  mkdir -p "$PGDATA"
  if [ "$(id -u)" = 0 ]; then
    chown -R postgres:postgres "$PGDATA" /var/run/postgresql
    exec setpriv --reuid=999 --regid=999 --clear-groups env HOME=/var/lib/postgresql "${BASH_SOURCE[0]}" "$@"
  fi
  chmod 700 "$PGDATA"
  read_settings
  [ -s "$PGDATA/PG_VERSION" ] || initialise
  exec "$@" -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql,/tmp
}

read_settings() {
  local name file
  for name in POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB; do
    file=${name}_FILE
    if [ -n "${!file:-}" ]; then declare -gx "$name=$(<"${!file}")"; fi
  done
  : "${POSTGRES_USER:=postgres}" "${POSTGRES_DB:=$POSTGRES_USER}" "${POSTGRES_PASSWORD:=}"
  export POSTGRES_USER POSTGRES_DB POSTGRES_PASSWORD
}

initialise() {
  [ -n "$POSTGRES_PASSWORD" ] || { echo "Error: POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE is needed." >&2; exit 1; }
  # shellcheck disable=SC2086 # several words by intention
  initdb -D "$PGDATA" -U "$POSTGRES_USER" -E UTF8 --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
    --auth-local=trust --auth-host=scram-sha-256 ${POSTGRES_INITDB_ARGS:-}
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -c unix_socket_directories=/var/run/postgresql" -w start >/dev/null
  export PGHOST=/var/run/postgresql PGUSER=$POSTGRES_USER
  [ "$POSTGRES_DB" = postgres ] || psql -X -d postgres -v db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
  run_first_start_files
  pg_ctl -D "$PGDATA" -m fast -w stop >/dev/null
  unset PGHOST PGUSER
  printf '\nPostgreSQL init process complete; ready for start up.\n\n'
}

run_first_start_files() {
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sql) psql -X -v ON_ERROR_STOP=1 -d "$POSTGRES_DB" -f "$file" ;;
      *.sh) if [ -x "$file" ]; then "$file"; else bash "$file"; fi ;;
    esac
  done
}

main "$@"
