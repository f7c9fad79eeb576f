#!/usr/bin/env bash
# A Chromium for the browser tests is here, or it is said loudly that they will be skipped.
set -euo pipefail
for name in chromium-headless-shell chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing chromium for the browser tests"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >/dev/null 2>&1 || true
    # Without the windows nobody sees it takes two thirds of the processor time; older Debians lack it.
    for package in chromium-headless-shell chromium; do
        if apt-get install -y -qq --no-install-recommends "$package" fonts-dejavu-core </dev/null >/dev/null 2>&1; then
            exit 0
        fi
    done
fi
echo "*** NO CHROMIUM: the tests marked 'browser' are SKIPPED. Install chromium to run them. ***" >&2
