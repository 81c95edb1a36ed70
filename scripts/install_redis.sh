#!/usr/bin/env bash
# The last resort of `make test` where neither PATH nor a wheel brings a Redis: the distribution's own package.
set -euo pipefail

as_root() {
    if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi
}

if ! command -v apt-get >/dev/null; then
    echo "install redis-server or valkey-server with your package manager, then run make test again" >&2
    exit 1
fi
echo "Installing redis-server ..."
as_root apt-get update -qq
# Only the program is wanted: a service would take the usual port.
as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -yqq --no-install-recommends redis-server
