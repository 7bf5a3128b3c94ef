#!/bin/bash
# The images of the four services, or of those named: deploy/images/services.sh [members hub ...]
# Each is tagged by its own version; IMAGE_PREFIX names another registry or project.
set -euo pipefail

cd "$(dirname "$0")/../.."
STATE=${CONTAINERS_STATE:-$PWD/.local/containers}
PREFIX=${IMAGE_PREFIX:-migration-network}
ASSETS=libs/common/common/web/static/vendor
AUTHORITIES=${EXTRA_CA:-/etc/ssl/certs/ca-certificates.crt}
export PATH="$STATE/bin:$PATH" DOCKER_BUILDKIT=1

main() {
  docker info >/dev/null 2>&1 || { echo "images: no container engine answers; \`make engine\` brings one" >&2; exit 1; }
  [ $# -gt 0 ] || set -- members hub surveys notifications
  local service
  for service in "$@"; do build "$service" "$(version "$service")"; done
}

build() {
  local service=$1 version=$2
  local given=(--build-arg "SERVICE=$service" --build-arg "VERSION=$version" --build-arg "REVISION=$(revision)")
  if [ -d "$ASSETS" ]; then given+=(--build-arg ASSETS=prebuilt --build-context "prebuilt=$ASSETS"); fi
  if [ -s "$AUTHORITIES" ]; then given+=(--secret "id=extra-ca,src=$AUTHORITIES"); fi
  docker build --quiet -f deploy/Dockerfile "${given[@]}" --tag "$PREFIX/$service:$version" . >/dev/null
  echo "$PREFIX/$service:$version"
}

version() { awk -F '"' '/^version = / {print $2; exit}' "services/$1/pyproject.toml"; }

revision() { git rev-parse --short HEAD 2>/dev/null || echo unknown; }

main "$@"
