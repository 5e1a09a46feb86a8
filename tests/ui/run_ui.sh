#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs a script of this folder with a display and a session bus of its own, with accessibility on:
#   run_ui.sh SCRIPT.py BUILD-DIR [ARGUMENT…]
# Exit status 77 (skipped) where Xvfb, D-Bus or the accessibility bus are missing.

set -euo pipefail

script=$(readlink -f "$1")
build=$(readlink -f "$2")
shift 2
source=$(dirname "$(dirname "$(dirname "$script")")")

for tool in Xvfb dbus-run-session; do
  command -v "$tool" >/dev/null || { echo "1..0 # SKIP $tool is not installed"; exit 77; }
done
launcher=
for at in /usr/libexec/at-spi-bus-launcher /usr/lib/at-spi2-core/at-spi-bus-launcher; do
  [ ! -x "$at" ] || launcher=$at
done
[ -n "$launcher" ] || { echo "1..0 # SKIP at-spi2-core is not installed"; exit 77; }

home=$(mktemp -d)
x_pid=
# shellcheck disable=SC2317 # called by the trap
finish ()
{
  # waited for: its end removes the socket of its display, which the next server may have taken
  [ -z "$x_pid" ] || { kill "$x_pid"; wait "$x_pid"; } 2>/dev/null || true
  # a document portal, where one is installed, is a mount in there
  fusermount -u "$home/run/doc" 2>/dev/null || umount "$home/run/doc" 2>/dev/null || true
  rm -rf "$home" 2>/dev/null || true
}
trap finish EXIT

# Xvfb says which display it took once it answers
mkfifo "$home/display"
Xvfb -displayfd 3 -noreset -screen 0 2880x1800x24 -nolisten tcp 3>"$home/display" 2>/dev/null &
x_pid=$!
read -r number <"$home/display"

unset NO_AT_BRIDGE GTK_MODULES WAYLAND_DISPLAY
export DISPLAY=:$number HOME=$home XDG_RUNTIME_DIR=$home/run XDG_DATA_HOME=$home/data
export XDG_CACHE_HOME=$home/cache XDG_CONFIG_HOME=$home/config
export XDG_DATA_DIRS=$source/data:/usr/local/share:/usr/share
export HEAPSTRATA_PROGRAM=$build/src/cli/heapstrata HEAPSTRATA_LIBEXEC=$build/src/capture
export GSETTINGS_BACKEND=memory GSETTINGS_SCHEMA_DIR=$build/data
export LC_ALL=C.UTF-8 TZ=UTC GTK_THEME='' G_DEBUG=fatal-warnings GDK_BACKEND=x11
unset GTK_THEME
# GTK, fontconfig and the accessibility bridge keep what they have until the end
export ASAN_OPTIONS=detect_leaks=0
mkdir -m 700 "$home/run"

status=0
# shellcheck disable=SC2016 # expanded by the inner shell
dbus-run-session -- /bin/bash -c '
  "$1" --launch-immediately >/dev/null 2>&1 &
  launcher_pid=$!
  shift
  status=0
  "$@" || status=$?
  kill "$launcher_pid" 2>/dev/null || true
  exit "$status"' run_ui "$launcher" /usr/bin/python3 "$script" "$build" "$@" || status=$?
exit "$status"
