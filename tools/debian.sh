#!/bin/sh
# tools/debian.sh PACKAGE FOLDER: unpacks a Debian package into FOLDER without installing it.
# No root, no service started, nothing changed outside FOLDER. The download is checked by apt as always.
set -eu

package=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd -P)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"
cd "$work"

private_apt() {
    # An empty sandbox user: as root, apt would otherwise drop to one that cannot write here.
    apt-get -o Dir::State="$work/state" -o Dir::State::lists="$work/state/lists" -o Dir::Cache="$work/cache" \
        -o APT::Sandbox::User= -o Acquire::http::Timeout=20 -o Acquire::Languages=none -q "$@"
}

private_apt update || true # one broken source of many must not stop us: the download decides
private_apt download "$package"
dpkg -x "$package"_*.deb "$folder"
