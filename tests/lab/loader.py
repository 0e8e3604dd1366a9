"""What systemd-boot does with the names on the EFI system partition."""

import re

PROGRAM = re.compile(r"warren_(?P<version>[0-9.]+)-(?P<slot>[ab])(\+(?P<tries>\d+)(-\d+)?)?\.efi")


def chosen(names):
    """The program that is started next: of those with tries left the newest version, then the greatest name."""
    found = [(m["tries"] is None or int(m["tries"]) > 0, tuple(map(int, m["version"].split("."))), m[0]) for m in map(PROGRAM.fullmatch, names) if m]
    return max(found)[2]
