#!/bin/bash
# Tests vpnctl routes and exec in its own namespace. Without root it says so and exits with 77.
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
same "no program" \
    "$("$vpnctl" exec "$id" -- /no/such/program 2>&1; echo $?)" "vpnctl: /no/such/program: No such file or directory
4"
same "without root" \
    "$(setpriv --reuid 65534 --regid 65534 --clear-groups "$scratch/vpnctl" routes "$id" 2>&1; echo $?)" \
"vpnctl: not allowed to enter the stack of customer $id; run this as root
4"

((failures == 0)) && echo "routes and exec work in a real stack"
exit "$((failures != 0))"
