# shellcheck shell=bash disable=SC2154  # root is set by the script that sources it
# The two slots and their state for the boot loader. Sourced by update and health, with `root` set to "" (or, in
# tests, to a directory). A slot is a root, its hash tree, and a program on the ESP: warren_VERSION-SLOT.efi when it
# is good, ...+LEFT[-DONE].efi while it is on trial.
# Source: systemd's automatic boot assessment; the loader takes the newest version of those that have tries left.
readonly programs=$root/efi/EFI/Linux
readonly before=$root/data/update/before  # what worked before the machine started the other slot

running_slot() { sed -n 's/.*warren\.slot=\([ab]\).*/\1/p' "$root/proc/cmdline"; }
running_version() { sed -n 's/^IMAGE_VERSION=//p' "$root/usr/lib/os-release"; }
other_slot() { [[ $(running_slot) == a ]] && echo b || echo a; }

# Whether this start counts as a try.
on_trial() { compgen -G "$root/sys/firmware/efi/efivars/LoaderBootCountPath-*" >/dev/null; }

# program_of SLOT: the path of its program, or nothing.
program_of() {
  find "$programs" -maxdepth 1 \( -name "warren_*-$1.efi" -o -name "warren_*-$1+*.efi" \) | sort -V | tail -n 1
}
# version_of PROGRAM. tries_of PROGRAM: how many tries are left; nothing if it is good.
version_of() { sed -n 's|.*/warren_\(.*\)-[ab]\(+[0-9-]*\)\?\.efi$|\1|p' <<<"$1"; }
tries_of() { sed -n 's|.*-[ab]+\([0-9]*\)\(-[0-9]*\)\?\.efi$|\1|p' <<<"$1"; }

# state_of SLOT: empty, good, trial, failed.
state_of() {
  local program tries
  program=$(program_of "$1")
  [[ -n $program ]] || { echo empty; return; }
  tries=$(tries_of "$program")
  if [[ -z $tries ]]; then echo good; elif ((10#$tries > 0)); then echo trial; else echo failed; fi
}

# The slot that the loader takes next.
next_slot() {
  local slot rank
  for slot in a b; do
    case $(state_of "$slot") in empty) continue ;; failed) rank=0 ;; *) rank=1 ;; esac
    echo "$rank $(version_of "$(program_of "$slot")") $slot"
  done | sort -k1,1n -k2,2V -k3,3 | tail -n 1 | cut -d' ' -f3
}

# Flushes what was written to the ESP to the disk. On FAT, syncfs leaves it in the disk's cache, and fsync does not
# write all of a renamed file.
flush_programs() { sync -f "$programs" && sync "$programs"; }

# Whether a rollback gave up SLOT, which runs: it has no tries left, none was counted, and the other slot is next.
is_given_up() { [[ $(program_of "$1") == *+0.efi && $(next_slot) != "$1" ]]; }

# mark SLOT [TRIES]: gives it that many tries; without TRIES marks it as good. One rename, flushed before this returns.
mark() {
  local program to
  program=$(program_of "$1")
  to=$programs/warren_$(version_of "$program")-$1${2:++$2}.efi
  [[ $program == "$to" ]] || mv "$program" "$to"
  flush_programs
}

# vital NAME: a value that remember_vitals wrote; nothing if it was not written.
vital() { sed -n "s/\(.* \)\?$1=\([^ ]*\).*/\2/p" "$before" 2>/dev/null || true; }

# discard SLOT: removes its programs, and the rest of an interrupted install. First renames them so that the loader does
# not see them, and flushes that: FAT may lose a file's content before its name.
discard() {
  local program
  rm -f "$programs/.new" "$programs/.old"
  while program=$(program_of "$1") && [[ -n $program ]]; do
    mv "$program" "$programs/.old"
    flush_programs
    rm -f "$programs/.old"
  done
  flush_programs
}

customers_up() { { vpnctl customers 2>/dev/null || true; } | tail -n +2 | wc -l; }
# How many customers have to be up. On trial as many as before, so that a file that was wrong before does not count
# against the update. But changes made under another form are not here after a rollback.
customers_wanted() {
  local here was_up=''
  here=$(find "$root$(readlink "$root/etc/warren")/customers" -name '*.toml' | wc -l)
  if on_trial; then was_up=$(vital customers); fi
  if [[ $(vital for) == rollback && $(vital form) != "$(readlink "$root/etc/warren")" ]] &&
    ((here < ${was_up:-0})); then
    was_up=$here
  fi
  echo "${was_up:-$here}"
}

# Whether the first default gateway is a neighbour that answers; it need not answer a ping. True without a gateway.
gateway_answers() {
  local gateway device
  read -r gateway device < <(ip route show default | sed -n 's/.*via \([^ ]*\) dev \([^ ]*\).*/\1 \2/p') || return 0
  ping -c 1 -W 3 "$gateway" >/dev/null 2>&1 && return 0
  ip neigh show to "$gateway" dev "$device" | grep -qE 'REACHABLE|STALE|DELAY|PROBE|PERMANENT'
}

# remember_vitals install|rollback: records what works now, which the next slot has to reach, and why it is started.
# form: the directory of the configuration in force.
remember_vitals() {
  local gateway=no
  if gateway_answers; then gateway=yes; fi
  mkdir -p "${before%/*}"
  echo "for=$1 customers=$(customers_up) gateway=$gateway form=$(readlink "$root/etc/warren")" >"$before.new"
  sync "$before.new"
  mv "$before.new" "$before"
  sync -f "$before"  # its new name too: a power cut may follow
}
