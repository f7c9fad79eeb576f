#!/usr/bin/env bash
# A MariaDB server for the connector tests is here, or it is said loudly that they will be skipped.
# As root it is installed (7 MB); else its packages are unpacked into the virtual environment, where apt-get knows them.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=${VENV:-.venv}/mariadb
[ -n "${MARIADBD:-}" ] && exit 0
for name in mariadbd mysqld; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
[ -x "$here/usr/sbin/mariadbd" ] && exit 0
packages="mariadb-server-core libaio1 liburing2"
if command -v apt-get >/dev/null 2>&1; then
    echo "installing mariadb-server-core for the connector tests"
    export DEBIAN_FRONTEND=noninteractive
    if [ "$(id -u)" = 0 ]; then
        if apt-get update -qq >/dev/null 2>&1 &&
            apt-get install -y -qq --no-install-recommends mariadb-server-core </dev/null >/dev/null 2>&1; then
            exit 0
        fi
    else
        folder=$(mktemp -d)
        # shellcheck disable=SC2086
        if (cd "$folder" && apt-get download -qq $packages >/dev/null 2>&1); then
            for file in "$folder"/*.deb; do dpkg -x "$file" "$here"; done
            rm -rf "$folder"
            exit 0
        fi
        rm -rf "$folder"
    fi
fi
echo "*** NO MARIADB: the connector tests on it are SKIPPED. Install mariadb-server-core to run them. ***" >&2
