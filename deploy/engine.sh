#!/bin/bash
# A Docker engine for a Debian machine that has none: "deploy/engine.sh" starts it, "deploy/engine.sh stop" ends ours.
#
# Debian 12 packages engine 20.10, too old for BuildKit's secrets and for compose 2. Debian 13's packages are unpacked
# beside the system, never installed into it (they need no more than glibc 2.34); runc and iptables stay the system's.
# An engine that already runs is used as it is. Everything of ours lies in .local/containers.
set -euo pipefail

cd "$(dirname "$0")/.."
STATE=${CONTAINERS_STATE:-$PWD/.local/containers}
BIN=$STATE/bin
PIDFILE=$STATE/dockerd.pid
export PATH="$BIN:$PATH"

main() {
  case "${1:-start}" in
    start) start ;;
    stop) stop ;;
    *) fail "usage: deploy/engine.sh [start|stop]" ;;
  esac
}

start() {
  if engine_answers && docker buildx version >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then
    echo "engine: $(docker version --format '{{.Server.Version}}') already runs"
    return
  fi
  [ "$(id -u)" = 0 ] || fail "no container engine runs here, and only root can bring one"
  command -v apt-get >/dev/null || fail "no container engine runs here; off Debian, install Docker 26 or newer"
  mkdir -p "$BIN" "$STATE/debs" "$STATE/lists/partial"
  install_what_the_system_offers
  [ -x "$BIN/dockerd" ] || unpack_the_engine
  link_the_plugins
  engine_answers || start_dockerd
  echo "engine: $(docker version --format '{{.Server.Version}}'), compose $(docker compose version --short)"
}

install_what_the_system_offers() {
  command -v runc >/dev/null && command -v iptables >/dev/null && command -v debootstrap >/dev/null && return
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    runc iptables debootstrap ca-certificates >"$STATE/apt.log" 2>&1 || fail "apt-get failed: see $STATE/apt.log"
}

unpack_the_engine() {
  local from
  from=$(mirror)
  [ -n "$from" ] || fail "no Debian mirror is configured"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $from trixie main" >"$STATE/trixie.list"
  # Lists and caches of their own, so that the system's package state never hears of Debian 13.
  local beside=(-o Dir::Etc::sourcelist="$STATE/trixie.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$STATE/lists"
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root -o Acquire::Languages=none)
  apt-get "${beside[@]}" update -qq
  (cd "$STATE/debs" && apt-get "${beside[@]}" download -qq \
    docker.io docker-cli docker-buildx docker-compose containerd)
  local deb tool
  for deb in "$STATE"/debs/*.deb; do dpkg -x "$deb" "$STATE/unpacked"; done
  for tool in usr/bin/{docker,docker-init,containerd,containerd-shim-runc-v2} usr/sbin/{docker-proxy,dockerd}; do
    [ ! -e "$STATE/unpacked/$tool" ] || ln -sf "$STATE/unpacked/$tool" "$BIN/"
  done
}

# The one place outside our folder: where every docker command line looks for its plugins. Made anew at each start, since
# a machine may be another one that has our folder still.
link_the_plugins() {
  mkdir -p /usr/local/lib/docker/cli-plugins
  local plugin
  for plugin in "$STATE"/unpacked/usr/libexec/docker/cli-plugins/*; do
    ln -sf "$plugin" /usr/local/lib/docker/cli-plugins/
  done
}

# The mirror that this machine uses already.
mirror() {
  { cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true; } |
    awk '/^URIs:/ {print $2; exit} /^deb / {print $2; exit}'
}

start_dockerd() {
  setsid nohup "$BIN/dockerd" --pidfile "$PIDFILE" --data-root "$STATE/root" \
    --userland-proxy-path "$BIN/docker-proxy" >"$STATE/dockerd.log" 2>&1 </dev/null &
  local pid=$!
  until engine_answers; do
    kill -0 "$pid" 2>/dev/null || fail "the engine did not start: $(tail -3 "$STATE/dockerd.log")"
    sleep 0.2
  done
}

stop() {
  [ -s "$PIDFILE" ] || { echo "engine: none of ours runs"; return; }
  remove_what_tests_left
  local pid
  pid=$(<"$PIDFILE")
  kill -TERM "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
  rm -f "$PIDFILE"
  echo "engine: stopped"
}

# A run of the tests that was killed could not; with the next engine they would start again.
remove_what_tests_left() {
  local left
  left=$(docker ps -aq --filter label=org.testcontainers=true 2>/dev/null) || return 0
  [ -z "$left" ] || xargs docker rm -fv >/dev/null <<<"$left"
}

engine_answers() { docker info >/dev/null 2>&1; }

fail() {
  echo "engine: $*" >&2
  exit 1
}

main "$@"
