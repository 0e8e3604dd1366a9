"""Shows what a power cut leaves on a disk, at any moment while a machine writes to it.

QEMU's blklogwrites records every write and flush that the guest's disk completed, in order (in the format of
dm-log-writes: one sector about each, then its data). A disk keeps all writes completed before its last completed flush.
Later writes are in its cache, and a cut keeps any part of them: here each is lost, kept, or kept in some of its
sectors, chosen by a random number generator with a known seed.
"""

import json
import os
import random
import struct
import subprocess
from dataclasses import dataclass

from . import netlab

SECTOR = 512
FLUSH, DISCARD = 1, 4
MAGIC = 0x6A736677736872


@dataclass
class Write:
    offset: int  # on the disk, in bytes
    size: int    # 0 means a flush
    place: int   # of the data in the log


class Log:
    """A log that QEMU writes. Call moment() while QEMU runs, and writes() after it has ended."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb"):
            pass

    def options(self, disk):
        """Options for a QEMU whose virtio disk is the qcow2 `disk`. Discards are off, because a disk may return
        anything after one. Merging is off, because the filter adds two segments to each request, and requests that
        already have the host's maximum would fail."""
        return ["-blockdev", f"driver=qcow2,node-name=disk,cache.no-flush=on,file.driver=file,file.filename={disk}",
                "-blockdev", f"driver=file,node-name=log,cache.no-flush=on,filename={self.path}",
                "-blockdev", "driver=blklogwrites,node-name=logged,file=disk,log=log",
                "-device", "virtio-blk-pci,drive=logged,discard=off,write-zeroes=off,request-merging=off"]

    def moment(self):
        """The current place in the log: all writes that the guest knows to be complete are before it."""
        return os.path.getsize(self.path)

    def writes(self):
        found, at, end = [], SECTOR, os.path.getsize(self.path)
        with open(self.path, "rb") as log:
            magic, version = struct.unpack("<QQ", log.read(16))
            assert (magic, version) == (MAGIC, 1)
            while at + SECTOR <= end:
                log.seek(at)
                sector, sectors, flags, _ = struct.unpack("<QQQQ", log.read(32))
                assert not flags & DISCARD and (sectors > 0) != bool(flags & FLUSH), (at, sector, sectors, flags)
                write = Write(sector * SECTOR, sectors * SECTOR, at + SECTOR)
                at = write.place + write.size
                if at <= end:
                    found.append(write)
        return found


class Cuts:
    """Makes the disk `before` (a raw file) as it is after cuts at later and later moments. `durable` is a path for its
    own use."""

    def __init__(self, before, durable, log, seed=1):
        netlab.run("cp", "--sparse=always", before, durable)
        self.durable, self.writes = durable, log.writes()
        self._log, self._random, self._done = log.path, random.Random(seed), 0

    def index_of(self, moment):
        """The number of writes that were complete at this moment."""
        return sum(write.place + write.size <= moment for write in self.writes)

    def leave(self, index, path):
        """Makes at `path` the disk after a cut behind the first `index` writes; returns how many of them were still in
        the disk's cache."""
        flushed = max((i for i in range(index) if self.writes[i].size == 0), default=0)
        assert flushed >= self._done, "each cut has to be later than the one before"
        self._apply(self.durable, [(write, True) for write in self.writes[self._done:flushed]])
        self._done = flushed
        netlab.run("cp", "--sparse=always", self.durable, path)
        cached = [write for write in self.writes[flushed:index] if write.size]
        self._apply(path, [(write, fate == "kept")
                           for write in cached if (fate := self._random.choice(["lost", "kept", "torn"])) != "lost"])
        return len(cached)

    def _apply(self, path, writes):
        with open(path, "r+b") as disk, open(self._log, "rb") as log:
            for write, whole in writes:
                log.seek(write.place)
                data = log.read(write.size)
                for at in [0] if whole else [at for at in range(0, write.size, SECTOR) if self._random.random() < 0.5]:
                    disk.seek(write.offset + at)
                    disk.write(data if whole else data[at:at + SECTOR])


def partitions(disk):
    """Name -> (offset, size) in bytes, for a raw disk."""
    table = json.loads(netlab.run("sfdisk", "--json", disk).stdout)["partitiontable"]
    return {entry["name"]: (entry["start"] * SECTOR, entry["size"] * SECTOR) for entry in table["partitions"]}


def extract(disk, name, path):
    offset, size = partitions(disk)[name]
    netlab.run("dd", f"if={disk}", f"of={path}", "bs=1M", "iflag=skip_bytes,count_bytes", f"skip={offset}",
               f"count={size}", "conv=sparse", "status=none")
    os.truncate(path, size)  # which ends at its last byte that is not zero
    return path
