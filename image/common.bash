# shellcheck shell=bash
# Shared by the scripts of this directory; each runs in the project's root.
set -euo pipefail
export LC_ALL=C
umask 022

readonly program=image/${0##*/}
refuse() { echo "$program: $1" >&2; exit 4; }
say() { printf '%6d s  %s\n' "$SECONDS" "$1" >&2; }

# need TOOL...: refuses if a tool is missing, and says how to install it.
need() {
  local tool missing=()
  for tool in "$@"; do
    command -v "$tool" >/dev/null || [[ -x /usr/sbin/$tool ]] || missing+=("$tool")
  done
  ((${#missing[@]} == 0)) || refuse "missing: ${missing[*]}; tools/setup image"
}

# need_space DIRECTORY MEGABYTES
need_space() {
  local free
  free=$(df --output=avail -BM "$1" | tail -n 1 | tr -dc 0-9)
  ((free >= $2)) || refuse "$1 has $free MB free, and $2 MB are needed"
}

export PATH=$PATH:/usr/sbin:/sbin
