#!/bin/sh
# Puts a Prometheus, and the promtool beside it that tests need, into .venv/bin, the gentlest way this machine offers; nothing outside .venv changes unless every
# gentler way failed. With PROMETHEUS_URL set there is one already, and nothing to do.
set -eu
cd "$(dirname "$0")/.."
. tools/steps.sh

opt=.venv/opt/prometheus

runs() {
    "$1" --version 2>&1 | grep -q '^prometheus, version'
}

# link FOLDER: a relative link survives a moved clone when the target lies inside it. promtool comes along if there.
link() {
    runs "$1/prometheus" || return 1
    for name in prometheus promtool; do
        if [ ! -x "$1/$name" ]; then continue; fi
        case $1 in
        .venv/*) ln -sf "../${1#.venv/}/$name" ".venv/bin/$name" ;;
        *) ln -sf "$1/$name" ".venv/bin/$name" ;;
        esac
    done
}

link_from_path() {
    link "$(dirname "$(command -v prometheus)")"
}

unpack_debian() {
    tools/debian.sh prometheus "$opt" && link "$opt/usr/bin"
}

# Last of the Debian ways: on a machine with an init system this also starts a service on port 9090.
install_debian() {
    apt-get install -y -q --no-install-recommends prometheus && link /usr/bin
}

install_brew() {
    brew install prometheus && link "$(brew --prefix prometheus)/bin"
}

build_go() {
    mkdir -p "$opt/bin" && to=$(cd "$opt/bin" && pwd -P) &&
        (cd tools/prometheus && go build -o "$to/" tool) &&
        link "$opt/bin"
}

obtain() {
    # Kept from an earlier set-up, unless that one built no promtool.
    if link "$opt/usr/bin" || { [ -x "$opt/bin/promtool" ] && link "$opt/bin"; }; then return; fi
    if command -v prometheus >/dev/null && attempt "Prometheus from PATH" link_from_path; then return; fi
    if command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
        if attempt "Prometheus from Debian's package, unpacked" unpack_debian; then return; fi
        if [ "$(id -u)" -eq 0 ] && attempt "Prometheus from Debian's package, installed" install_debian; then return; fi
    fi
    if command -v brew >/dev/null && attempt "Prometheus from brew" install_brew; then return; fi
    if command -v go >/dev/null && attempt "Prometheus built with Go (minutes)" build_go; then return; fi
    die "no way to a Prometheus worked on this machine. Ways out:" \
        "  set PROMETHEUS_URL to one that runs," \
        "  or put a 'prometheus' on PATH," \
        "  or install apt-get, brew or Go (1.24 or newer) and have a network, then 'make setup' again."
}

if [ -n "${PROMETHEUS_URL:-}" ]; then exit 0; fi
if runs .venv/bin/prometheus && [ -x .venv/bin/promtool ]; then exit 0; fi
obtain
