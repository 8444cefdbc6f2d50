#!/bin/bash
# Installs or updates a Sunwell gateway on Raspberry Pi OS 64-bit (Debian 12 or later).
#
#   sudo deploy/gateway/install.sh [--dry-run] [--wheels DIR] [--with-zigbee2mqtt] [--any-system] [--root DIR]
#                                  [--python PROGRAM]
#
# Run it again to update: what is there already stays as it is, settings are never overwritten, and a release
# that was not finished is made anew. The program (/opt/sunwell), its settings (/etc/sunwell) and its data
# (/var/lib/sunwell) live apart; nothing of it runs as root.
#
#   --dry-run           say what would be done
#   --wheels DIR        take the program and its libraries from this folder, without a network
#   --with-zigbee2mqtt  wire a Zigbee2MQTT that stands in /opt/zigbee2mqtt to the broker
#   --any-system        also on another Debian or another processor
#   --python PROGRAM    the Python for the program, 3.11 or later, that its user may run (/usr/bin/python3)
#   --root DIR          put all files under DIR and touch neither users nor services (for images and tests)
set -euo pipefail
umask 022

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../.." && pwd)
kept_releases=3
python=/usr/bin/python3
dry='' wheels='' zigbee='' any='' root=''

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }
say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) dry=yes ;;
        --wheels) wheels=${2:?--wheels needs a folder}; shift ;;
        --with-zigbee2mqtt) zigbee=yes ;;
        --any-system) any=yes ;;
        --python) python=${2:?--python needs a program}; shift ;;
        --root) root=${2:?--root needs a folder}; shift ;;
        --help | -h) usage; exit 0 ;;
        *) usage >&2; fail "unknown option $1" ;;
    esac
    shift
done

changed=0
do_it() { # do_it WHAT COMMAND...
    changed=$((changed + 1))
    if [ -n "$dry" ]; then say "would $1"; else say "$1"; "${@:2}"; fi
}
own() { # own OWNER FILE
    if [ -z "$root" ]; then chown "$1" "$2"; fi
}
folder() { # folder PATH MODE OWNER
    [ -d "$root$1" ] || do_it "make folder $1" make_folder "$@"
}
make_folder() {
    install -d -m "$2" "$root$1"
    own "$3" "$root$1"
}
file() { # file SOURCE TARGET MODE OWNER: as the source is
    cmp -s "$1" "$root$2" || do_it "write $2" write_file "$@"
}
write_file() {
    install -D -m "$3" "$1" "$root$2.new"
    own "$4" "$root$2.new"
    mv "$root$2.new" "$root$2"
}
first_file() { # like file, but what is there stays: it is the operator's
    [ -e "$root$2" ] || file "$@"
}

check_system() {
    [ -n "$any" ] || [ -n "$root" ] && return
    [ "$(id -u)" = 0 ] || [ -n "$dry" ] || fail "run it with sudo"
    [ "$(dpkg --print-architecture)" = arm64 ] || fail "a 64-bit Raspberry Pi OS is needed (or --any-system)"
    # shellcheck source=/dev/null
    [ "$(. /etc/os-release && echo "${VERSION_ID:-0}")" -ge 12 ] || fail "Debian 12 or later is needed"
}

packages() {
    [ -n "$root" ] && return
    local missing=() name
    for name in mosquitto python3-venv; do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
    done
    [ ${#missing[@]} = 0 ] || do_it "install packages ${missing[*]}" \
        env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
}

accounts() {
    [ -n "$root" ] && return
    local group
    for group in dialout gpio audio; do
        getent group "$group" >/dev/null || do_it "make group $group" groupadd --system "$group"
    done
    user sunwell
    [ -z "$zigbee" ] || user zigbee2mqtt
}
user() {
    getent passwd "$1" >/dev/null || do_it "make user $1" \
        useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$1"
}

release() {
    local version release
    version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$source/pyproject.toml")
    [ -n "$version" ] || fail "$source/pyproject.toml names no version"
    release=/opt/sunwell/releases/$version
    # A venv cannot be moved, so it is made in its place, and is whole once it says so.
    [ -e "$root$release/whole" ] || do_it "make release $version" make_release "$release" "$version"
    [ "$(readlink "$root/opt/sunwell/current" 2>/dev/null)" = "releases/$version" ] ||
        do_it "switch to release $version" switch "$version"
}
make_release() { # make_release PATH VERSION
    local pip=("$root$1/bin/pip" install --quiet --disable-pip-version-check)
    rm -rf "${root:?}$1" "$root$1"
    install -d -m 755 "$root/opt/sunwell/releases"
    "$python" -m venv "$root$1"
    if [ -n "$wheels" ]; then
        "${pip[@]}" --no-index --find-links "$wheels" "sunwell[gpio]==$2"
    else
        "${pip[@]}" --constraint "$source/requirements.lock" "${source}[gpio]"
    fi
    "$root$1/bin/sunwell" --help >/dev/null || fail "release $2 does not start; the one before stays in use"
    touch "$root$1/whole"
}
switch() { # in one step: a power cut leaves the old or the new one
    ln -s "releases/$1" "$root/opt/sunwell/current.new"
    mv -T "$root/opt/sunwell/current.new" "$root/opt/sunwell/current"
}
old_releases() { # keep the newest few to go back to, and the current one
    local current old
    current=$(basename "$(readlink "$root/opt/sunwell/current" 2>/dev/null || echo none)")
    find "$root/opt/sunwell/releases" -mindepth 1 -maxdepth 1 -printf '%T@ %f\n' 2>/dev/null | sort -rn |
        tail -n +$((kept_releases + 1)) | cut -d' ' -f2- | while read -r old; do
        [ "$old" = "$current" ] || do_it "remove release $old" rm -rf "$root/opt/sunwell/releases/${old:?}"
    done
}

settings() {
    folder /etc/sunwell 755 root:root
    folder /etc/sunwell/secrets 700 root:root
    first_file "$here/gateway.env.example" /etc/sunwell/gateway.env 640 root:root
}

broker() {
    local plugin name new=''
    plugin=$(find /usr/lib -name mosquitto_dynamic_security.so -print -quit 2>/dev/null)
    [ -n "$plugin" ] || [ -n "$dry" ] || fail "mosquitto_dynamic_security.so is not under /usr/lib"
    for name in edge bridge devices; do
        [ -e "$root/etc/sunwell/secrets/broker_$name" ] && continue
        do_it "make a password for the broker's user $name" make_password "/etc/sunwell/secrets/broker_$name"
        new=yes
    done
    folder /var/lib/sunwell-broker 700 mosquitto:mosquitto
    if [ -n "$new" ] || [ ! -e "$root/var/lib/sunwell-broker/dynamic-security.json" ]; then
        do_it "write the broker's users" broker_users
    fi
    sed "s|@PLUGIN@|${plugin:-unknown}|" "$here/mosquitto/mosquitto.conf" >"$scratch/mosquitto.conf"
    file "$scratch/mosquitto.conf" /etc/sunwell/mosquitto.conf 644 root:root
}
make_password() {
    (umask 077 && head -c 36 /dev/urandom | base64 | tr '+/' '-_' >"$root$1")
}
broker_users() {
    local users=$root/var/lib/sunwell-broker/dynamic-security.json secrets=$root/etc/sunwell/secrets/broker_
    "$python" "$source/scripts/broker-users" "$users" \
        "edge=${secrets}edge" "bridge=${secrets}bridge" "devices=${secrets}devices"
    own mosquitto:mosquitto "$users"
}

zigbee2mqtt() {
    [ -n "$zigbee" ] || return 0
    folder /var/lib/zigbee2mqtt 700 zigbee2mqtt:zigbee2mqtt
    first_file "$here/zigbee2mqtt/configuration.yaml" /var/lib/zigbee2mqtt/configuration.yaml 600 \
        zigbee2mqtt:zigbee2mqtt
    [ -e "$root/var/lib/zigbee2mqtt/secret.yaml" ] ||
        do_it "write /var/lib/zigbee2mqtt/secret.yaml" zigbee_secret
    file "$here/zigbee2mqtt/zigbee2mqtt.service" /etc/systemd/system/zigbee2mqtt.service 644 root:root
}
zigbee_secret() {
    local to=$root/var/lib/zigbee2mqtt/secret.yaml
    (umask 077 && printf 'password: "%s"\n' "$(cat "$root/etc/sunwell/secrets/broker_bridge")" >"$to")
    own zigbee2mqtt:zigbee2mqtt "$to"
}

services() {
    local unit before=$changed units=(sunwell-broker sunwell-gateway)
    for unit in "${units[@]}"; do
        file "$here/systemd/$unit.service" "/etc/systemd/system/$unit.service" 644 root:root
    done
    file "$here/sunwell-gateway" /usr/local/bin/sunwell-gateway 755 root:root
    file "$here/systemd/journald.conf" /etc/systemd/journald.conf.d/sunwell.conf 644 root:root
    [ -z "$zigbee" ] || units+=(zigbee2mqtt)
    [ -n "$root" ] && return
    [ "$changed" = "$before" ] || do_it "read the units" systemctl daemon-reload
    if systemctl is-enabled --quiet mosquitto 2>/dev/null; then
        do_it "put sunwell-broker in mosquitto.service's place" systemctl disable --now mosquitto
    fi
    for unit in "${units[@]}"; do
        systemctl is-enabled --quiet "$unit" 2>/dev/null || do_it "enable $unit" systemctl enable "$unit"
    done
    [ "$changed" = 0 ] || {
        do_it "limit the journal" systemctl try-restart systemd-journald
        do_it "start ${units[*]}" systemctl restart "${units[@]}"
    }
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
check_system
packages
accounts
settings
release
folder /var/lib/sunwell 700 sunwell:sunwell
broker
zigbee2mqtt
services
[ -n "$dry" ] || old_releases
if [ "$changed" = 0 ]; then say "nothing to do"; fi
