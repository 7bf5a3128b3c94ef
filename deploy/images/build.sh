#!/bin/bash
# Base images under their official names for a machine that can pull none: from Debian's packages, three wheels and Kafka's
# jars. Where the official images can be pulled, nothing here is needed; an official image that is there is left alone.
set -euo pipefail

cd "$(dirname "$0")/../.."
STATE=${CONTAINERS_STATE:-$PWD/.local/containers}
JARS=${KAFKA_JARS:-$PWD/.local/kafka/libs}
export PATH="$STATE/bin:$PATH" DOCKER_BUILDKIT=1

main() {
  docker info >/dev/null 2>&1 || { echo "images: no container engine answers; \`make engine\` brings one" >&2; exit 1; }
  mkdir -p "$STATE"
  exists debian:bookworm-slim || make_debian
  build python:3.11-slim-bookworm python --target slim
  build python:3.11-bookworm python --target full
  build postgres:18 postgres
  build caddy:2 caddy
  build node:22-bookworm-slim node
  check_jars
  build apache/kafka:4.1.1 kafka --build-context "jars=$JARS"
  echo "images: debian:bookworm-slim, python:3.11-slim-bookworm, python:3.11-bookworm, postgres:18, caddy:2," \
    "node:22-bookworm-slim, apache/kafka:4.1.1"
}

exists() { docker image inspect "$1" >/dev/null 2>&1; }

# A label tells our stand-ins, which follow their Dockerfiles, from official images of the same name.
build() {
  local name=$1 folder=$2
  shift 2
  if exists "$name" && [ "$(docker image inspect --format '{{index .Config.Labels "stand-in"}}' "$name")" != yes ]; then
    return
  fi
  docker build --quiet --label stand-in=yes "${CA[@]}" "$@" --tag "$name" "deploy/images/$folder" >/dev/null
}

# Behind a company's proxy pip needs the company's certificate authority; it leaves no trace in the image.
CA=()
[ ! -s /etc/ssl/certs/ca-certificates.crt ] || CA=(--secret "id=extra-ca,src=/etc/ssl/certs/ca-certificates.crt")

make_debian() {
  local tree=$STATE/debian
  command -v debootstrap >/dev/null || { echo "images: debootstrap is missing; \`make engine\` installs it" >&2; exit 1; }
  rm -rf "$tree"
  debootstrap --variant=minbase bookworm "$tree" "$(mirror)" >"$STATE/debootstrap.log"
  make_it_slim "$tree"
  tar -C "$tree" --sort=name --numeric-owner -c . | docker import -c 'CMD ["bash"]' - debian:bookworm-slim >/dev/null
  rm -rf "$tree"
}

mirror() {
  cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null |
    awk '/^URIs:/ {print $2; exit} /^deb / {print $2; exit}'
}

# As the official image: no caches, no documentation, and apt keeps it so. debootstrap copies the host's name and resolver.
make_it_slim() {
  local tree=$1
  rm -rf "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/* "$tree"/var/log/* \
    "$tree"/usr/share/{doc,man,info,locale,lintian}/*
  mkdir -p "$tree"/var/lib/apt/lists/partial "$tree"/var/cache/apt/archives/partial
  : >"$tree/etc/resolv.conf"
  : >"$tree/etc/hostname"
  cat >"$tree/etc/apt/apt.conf.d/docker-clean" <<'APT'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::Languages "none";
APT
}

check_jars() {
  local pins=$PWD/deploy/local/kafka/jars.sha256
  [ -d "$JARS" ] || { echo "images: Kafka's jars are not in $JARS; \`make images-offline\` fetches them" >&2; exit 1; }
  (cd "$JARS" && sha256sum --check --quiet "$pins")
}

main "$@"
