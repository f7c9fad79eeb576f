#!/usr/bin/env bash
# The virtual environment holds what the lock says; nothing is done while the lock is the one installed last.
# usage: venv.sh requirements.txt | requirements-dev.txt
set -euo pipefail
cd "$(dirname "$0")/../.."
lock=$1 venv=${VENV:-.venv} python=${PYTHON:-python3}
stamp="$venv/.installed-$lock"
wanted="$(sha256sum "$lock" | cut -d' ' -f1) $venv"

# What the tests need includes what the service needs, so their stamp serves both.
if [ -x "$venv/bin/python" ]; then
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && exit 0
    dev="$(sha256sum requirements-dev.txt | cut -d' ' -f1) $(sha256sum requirements.txt | cut -d' ' -f1)"
    [ "$lock" = requirements.txt ] && [ "$(cat "$venv/.installed-both" 2>/dev/null)" = "$dev" ] && exit 0
fi

# How long a Python takes for the same work, in seconds; nothing from one of another version. Some are built without the
# compiler's optimisations and take twice as long for everything: the quickest one is taken.
pace='
import sys, time
if not (3, 11) <= sys.version_info < (3, 14):
    sys.exit(1)
def work():
    began, seen = time.perf_counter(), {}
    for number in range(60_000):
        seen[number % 97] = (number, str(number))
    return time.perf_counter() - began
print(min(work() for _ in range(5)))'

# Found by the names they have; with PYTHON set to another than python3 that one alone.
names=("$python")
[ "$python" != python3 ] || names+=(/usr/bin/python3 /usr/local/bin/python3 python3.13 python3.12 python3.11)
found=$(for name in "${names[@]}"; do
    if took=$("$name" -c "$pace" 2>/dev/null); then echo "$took $name"; fi
done | sort -n)

make_venv() {
    local name
    while read -r _ name; do
        "$name" -m venv --clear "$venv" >/dev/null 2>&1 && return
    done <<< "$found"
    echo "Python 3.11, 3.12 or 3.13 with its module venv is needed; found none. Set PYTHON to one." >&2
    return 1
}

began=$SECONDS
[ -x "$venv/bin/pip" ] || make_venv
echo "installing from $lock into $venv, $("$venv/bin/python" -V)"
quietly=(--quiet --disable-pip-version-check --no-input --no-compile --require-hashes)

# uv takes a tenth of the time; it knows nothing of pip's own settings (a mirror), and where it fails pip goes on.
# The certificates of the machine, as pip and git take them: a company's own authority is not among those uv brings along.
export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS-1}
uv=uv
if ! uv --version >/dev/null 2>&1; then
    uv="$venv/installer/bin/uv"
    [ -x "$uv" ] || "$venv/bin/pip" install "${quietly[@]}" --target "$venv/installer" -r deploy/local/installer.txt || uv=
fi
if [ -z "$uv" ] || ! "$uv" pip install --quiet --python "$venv/bin/python" --require-hashes -r "$lock"; then
    echo "without uv; pip takes a minute or two"
    # Modules are compiled when they are first imported, as uv leaves them: most never are.
    "$venv/bin/pip" install "${quietly[@]}" --no-deps -r "$lock"
fi
echo "$wanted" > "$stamp"
if [ "$lock" = requirements-dev.txt ]; then
    echo "$(sha256sum requirements-dev.txt | cut -d' ' -f1) $(sha256sum requirements.txt | cut -d' ' -f1)" > "$venv/.installed-both"
fi
echo "installed in $((SECONDS - began)) s"
