#!/bin/bash
# Tests vpnctl routes, exec and stack in its own namespace, without a daemon. Without root it says so and exits with 77.
# Usage: stack_test.sh VPNCTL
set -u

vpnctl="$1"
id="ctl-test-$$"
ns="warren-$id"
((EUID == 0)) || { echo "skipped: needs root"; exit 77; }
ip netns add "$ns" 2>/dev/null || { echo "skipped: cannot make a network namespace"; exit 77; }
scratch="$(mktemp -d)"
chmod 755 "$scratch"
cp "$vpnctl" "$scratch/vpnctl"  # where an unprivileged user finds it
trap 'ip netns del "$ns"; rm -rf "/etc/netns/$ns" "$scratch"; rmdir /etc/netns 2>/dev/null' EXIT
failures=0

# same WHAT GOT EXPECTED
same() {
    [[ "$2" == "$3" ]] && return
    printf 'FAILED: %s\n  got:      %q\n  expected: %q\n' "$1" "$2" "$3"
    failures=$((failures + 1))
}

ip -n "$ns" link add vpn0 type veth peer name far0
ip -n "$ns" link set far0 up
ip -n "$ns" link set vpn0 up
ip -n "$ns" address add 10.0.0.1/24 dev vpn0
ip -n "$ns" route add 10.43.0.0/16 dev vpn0 proto 87 metric 512
ip -n "$ns" route add 10.99.0.0/16 via 10.0.0.2 proto static
ip -n "$ns" route add unreachable default metric 4278198272
ip -n "$ns" -6 route add fd00:43::/64 dev vpn0 proto 87 metric 512
ip -n "$ns" route add 192.0.2.0/24 dev vpn0 table 77

same "routes" "$("$vpnctl" routes "$id" | grep -v '^fe80::')" \
"TO            TYPE         VIA       DEVICE      METRIC  MADE BY
0.0.0.0/0     unreachable  -         -       4278198272  boot
10.0.0.0/24   unicast      -         vpn0             0  kernel
10.43.0.0/16  unicast      -         vpn0           512  warren
10.99.0.0/16  unicast      10.0.0.2  vpn0             0  static
fd00:43::/64  unicast      -         vpn0           512  warren"
"$vpnctl" --json routes "$id" | python3 -c '
import json, sys
routes = json.load(sys.stdin)["routes"]
ours = {"to": "10.43.0.0/16", "type": "unicast", "via": None, "device": "vpn0", "metric": 512, "protocol": "warren"}
assert ours in routes, routes
assert not any(route["to"] == "192.0.2.0/24" for route in routes), routes
' || failures=$((failures + 1))

same "exec sees the devices of the stack" \
    "$("$vpnctl" exec "$id" -- sh -c 'ls /sys/class/net' | tr '\n' ' ')" "far0 lo vpn0 "
same "exec is in the namespace" \
    "$("$vpnctl" exec "$id" -- ip -o -4 address show dev vpn0 | grep -o '10.0.0.1/24')" "10.0.0.1/24"
before="$(ls /sys/class/net)"
"$vpnctl" exec "$id" -- sh -c 'exit 7'
same "the program's exit status passes through" "$?" 7
same "the caller's /sys stays as it was" "$(ls /sys/class/net)" "$before"
"$vpnctl" exec "$id" -- sh -c 'kill -TERM $$'
same "a signal too" "$?" 143
mkdir -p "/etc/netns/$ns"
echo "192.0.2.7 only-here" >"/etc/netns/$ns/hosts"
echo "x" >"/etc/netns/$ns/no-such-file-in-etc"
same "files of /etc/netns lie over those of /etc" "$("$vpnctl" exec "$id" -- cat /etc/hosts)" "192.0.2.7 only-here"
same "but only inside" "$(grep -c only-here /etc/hosts)" 0
same "stack exec is an ordinary user" "$("$vpnctl" stack exec "$id" -- id -u)" 65534
same "who ran sudo, where somebody did" "$(SUDO_UID=65533 "$vpnctl" stack exec "$id" -- id -u)" 65533
same "or who is named" "$("$vpnctl" stack --user root exec "$id" -- id -u)" 0
same "without capabilities" \
    "$("$vpnctl" stack exec "$id" -- grep -c '^Cap.*:.0000000000000000$' /proc/self/status)" 5
"$vpnctl" stack exec "$id" -- ip link set vpn0 down 2>/dev/null
same "so it changes nothing" "$?" 2
same "its first process is not the machine's" "$("$vpnctl" stack exec "$id" -- sh -c 'echo $$')" 2
same "/run is its own" "$("$vpnctl" stack exec "$id" -- ls /run)" warren-stack
same "files of /etc/netns lie over those of /etc there too" \
    "$("$vpnctl" stack exec "$id" -- cat /etc/hosts)" "192.0.2.7 only-here"
same "the host's resolver is not asked" "$("$vpnctl" stack exec "$id" -- grep -c '^nameserver' /etc/resolv.conf)" 0
"$vpnctl" stack exec "$id" -- sh -c 'exit 7'
same "the program's exit status passes through here too" "$?" 7
"$vpnctl" stack exec "$id" -- sh -c 'kill -TERM $$'
same "and a signal" "$?" 143
same "show without a daemon says so" \
    "$("$vpnctl" stack show "$id" | grep -o 'not known: vpnd does not answer')" "not known: vpnd does not answer"
same "what is not Warren's is called other" \
    "$("$vpnctl" stack list | awk -v id="$id" '$1 == id {print $2, $3}')" "other 3"

same "no program" \
    "$("$vpnctl" exec "$id" -- /no/such/program 2>&1; echo $?)" "vpnctl: /no/such/program: No such file or directory
4"
same "without root" \
    "$(setpriv --reuid 65534 --regid 65534 --clear-groups "$scratch/vpnctl" routes "$id" 2>&1; echo $?)" \
"vpnctl: not allowed to enter the stack of customer $id; run this as root
4"

((failures == 0)) && echo "routes, exec and stack work in a real stack"
exit "$((failures != 0))"
