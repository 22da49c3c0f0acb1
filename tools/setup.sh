#!/bin/sh
# Makes .venv: Python packages by hash from requirements.lock, the project itself, and a Prometheus to run beside it.
# A second run finds its stamps and does nothing. PYTHON=/path/to/python3 chooses the interpreter.
set -eu
cd "$(dirname "$0")/.."
. tools/steps.sh

unset PYTHONHOME PYTHONPATH
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

recent_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

choose_python() {
    if [ -n "${PYTHON:-}" ]; then
        recent_enough "$PYTHON" || die "PYTHON=$PYTHON is no Python 3.11 or newer."
        python=$PYTHON
        return
    fi
    for python in python3.14 python3.13 python3.12 python3.11 python3; do
        if recent_enough "$python"; then return; fi
    done
    die "no Python 3.11 or newer on PATH." \
        "Debian 12: apt-get install python3. macOS: brew install python@3.13." \
        "Elsewhere: make setup PYTHON=/path/to/python3.11-or-newer."
}

# Debian keeps the first pip of a venv in a package of its own (python3-venv). Where it is missing, take the pip wheel
# out of that package without installing it.
venv_with_debian_pip() {
    "$python" -m venv --without-pip .venv &&
        tools/debian.sh python3-pip-whl .venv/opt/pip &&
        wheel=$(find .venv/opt/pip -name 'pip-*.whl') &&
        .venv/bin/python "$wheel/pip" install --no-index "$wheel"
}

debian_venv_package() {
    [ "$(id -u)" -eq 0 ] && apt-get install -y -q python3-venv && "$python" -m venv .venv
}

make_venv() {
    # "opt" holds Prometheus, which may have taken minutes to build and does not depend on the interpreter.
    if [ -e .venv ]; then
        find .venv -mindepth 1 -maxdepth 1 ! -name opt -exec rm -rf {} +
    fi
    "$python" -m venv .venv && return
    if command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
        venv_with_debian_pip && return
        debian_venv_package && return
    fi
    echo "This Python cannot make a venv with pip in it. Ways out: install its venv package (Debian: apt-get install"
    echo "python3-venv) or name another interpreter: make setup PYTHON=/path/to/python3.11-or-newer."
    return 1
}

install_packages() {
    .venv/bin/python -m pip install --only-binary :all: --require-hashes -r requirements.lock
}

install_project() {
    .venv/bin/python -m pip install --no-build-isolation --no-deps --no-index -e .
}

# The path belongs to the stamp: a venv does not survive being moved.
stamp() {
    { pwd -P && cat "$@"; } | cksum
}

fresh() {
    [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]
}

same_python() {
    [ -z "${PYTHON:-}" ] || [ "$("$PYTHON" -VV 2>/dev/null)" = "$(.venv/bin/python -VV)" ]
}

packages_stamp=$(stamp requirements.lock)
project_stamp=$(stamp requirements.lock pyproject.toml)

if ! fresh .venv/.packages "$packages_stamp" || ! .venv/bin/python -c '' 2>/dev/null || ! same_python; then
    choose_python
    step "Virtual environment .venv ($("$python" -V 2>&1))" make_venv
    step "Python packages by hash" install_packages
    echo "$packages_stamp" >.venv/.packages
fi
if ! fresh .venv/.project "$project_stamp"; then
    step "The project, editable" install_project
    echo "$project_stamp" >.venv/.project
fi
tools/prometheus.sh
echo "Set up: .venv ($(.venv/bin/python -V))"
