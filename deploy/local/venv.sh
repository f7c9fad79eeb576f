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

# The first Python of a supported version; a name without one may be taken by an older system Python.
for name in "$python" python3.13 python3.12 python3.11 ''; do
    [ -n "$name" ] || { echo "Python 3.11, 3.12 or 3.13 is needed; found none. Set PYTHON to one." >&2; exit 1; }
    "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && break
done

began=$SECONDS
[ -x "$venv/bin/pip" ] || "$name" -m venv --clear "$venv"
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
