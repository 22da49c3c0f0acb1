#!/bin/sh
# Writes requirements.lock anew from pyproject.toml. Arguments go to uv: tools/lock.sh --upgrade
set -eu
cd "$(dirname "$0")/.."

# Nothing of this machine may leak into the lock: no configured index, no folder of wheels.
for name in $(env | grep -oE '^(UV|PIP)_[A-Z0-9_]+' || true); do unset "$name"; done
exec .venv/bin/uv pip compile --no-config --universal --generate-hashes --no-emit-index-url --no-header --quiet \
    --python-version 3.11 --group dev --extra postgresql "$@" pyproject.toml -o requirements.lock
