"""The scenario KERNEL in a guest with Debian's kernel, because this host's kernel may lack WireGuard. The guest has one
emulated core whose clock counts instructions (QEMU's -icount): a CPU-second is 500 million instructions, even if this
host is busy. So the figures compare instructions, not cycles: an AVX2 instruction counts like any other, a cache miss
costs nothing, and neither side has AVX-512."""

import json
import os

from bench import table as tables
from tests.lab import guest, netlab, toolbox

READY_SECONDS = 480
ICOUNT = ("-icount", "shift=1")
PROGRAMS = ("stackd", "vpnd", "vpnctl", "wgblast")


def run(stage, table, options):
    image = os.environ.get("WARREN_IMAGE")
    if not image:
        raise SystemExit("bench/run GUEST: set WARREN_IMAGE to the qcow2 image to boot; image/build makes one")
    built = os.environ["WARREN_BIN"]
    with netlab.Lab() as lab:
        ns = lab.namespace("internet")
        ethtool = netlab.run("which", "ethtool").stdout.strip()
        tools = toolbox.pack(lab, [*(f"{built}/{name}" for name in PROGRAMS), ethtool])
        machine = guest.Guest(lab, ns, image, "tap0", drives=[tools], memory=1024, options=ICOUNT)
        lab.at_end(machine.stop)
        machine.start()
        machine.expect(r"warren: READY slot=a", READY_SECONDS)
        machine.log_in(timeout=300)
        status, said = machine.run(f"{toolbox.MOUNT} && export WARREN_BIN={toolbox.HERE}/bin", 120)
        assert status == 0, said
        command = (f"python3 bench/run KERNEL --hubs warren kernel --mode {options.mode} "
                   f"--seconds {options.seconds} --rounds {options.rounds}")
        status, said = machine.run(f"{command}; sync", 1500)
        if status:
            raise SystemExit(said)
        document = json.loads(netlab.run("debugfs", "-R", f"cat /build/bench/KERNEL-{options.mode}.json", tools).stdout)
    for block in document["blocks"]:
        table.add(block.pop("row"), block.pop("hub"), **block)
    table.facts["guest"] = {**document["machine"], "encryption": document["encryption"]}
