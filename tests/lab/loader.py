"""How systemd-boot chooses by the names on the EFI system partition."""

import re

PROGRAM = re.compile(r"warren_(?P<version>[0-9.]+(~\w+)?)-(?P<slot>[ab])(\+(?P<tries>\d+)(-\d+)?)?\.efi")


def order(version):
    """A value that sorts versions like the loader: 1.9.0 < 1.10.0~dev < 1.10.0."""
    numbers, _, prerelease = version.partition("~")
    return tuple(map(int, numbers.split("."))), not prerelease, prerelease


def chosen(names):
    """The program that the loader starts next: the newest version with tries left, then the greatest name."""
    found = [(m["tries"] is None or int(m["tries"]) > 0, order(m["version"]), m[0])
             for m in map(PROGRAM.fullmatch, names) if m]
    return max(found)[2]
