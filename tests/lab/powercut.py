"""What a power cut leaves of a disk, at any moment of what a machine wrote to it.

QEMU's blklogwrites records every write and flush that the guest's disk completed, in their order (the form is
dm-log-writes': one sector about each, then its data). A disk keeps what it completed before the last flush that it
completed. What came after lies in its cache, of which a cut leaves any part: here each of these writes is lost, kept,
or kept in some of its sectors, as a generator of random numbers with a known seed says.
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
    size: int    # 0: a flush
    place: int   # of the data in the log


class Log:
    """A log that QEMU has written. Use moment() while it does, writes() when it ended."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb"):
            pass

    def options(self, disk):
        """For a QEMU whose virtio disk is the qcow2 `disk`. Without discards: what they leave is the disk's to say.
        Without merging: the filter adds two segments to each request, and fails those that have as many as the host
        takes."""
        return ["-blockdev", f"driver=qcow2,node-name=disk,cache.no-flush=on,file.driver=file,file.filename={disk}",
                "-blockdev", f"driver=file,node-name=log,cache.no-flush=on,filename={self.path}",
                "-blockdev", "driver=blklogwrites,node-name=logged,file=disk,log=log",
                "-device", "virtio-blk-pci,drive=logged,discard=off,write-zeroes=off,request-merging=off"]

    def moment(self):
        """Now, as a place in the log: what the guest knows to be done is before it."""
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
    """The disk that was `before` (a raw file) after cuts at later and later moments; `durable` is a path for its own
    use."""

    def __init__(self, before, durable, log, seed=1):
        netlab.run("cp", "--sparse=always", before, durable)
        self.durable, self.writes = durable, log.writes()
        self._log, self._random, self._done = log.path, random.Random(seed), 0

    def index_of(self, moment):
        """How many of the writes were done at this moment."""
        return sum(write.place + write.size <= moment for write in self.writes)

    def leave(self, index, path):
        """Makes at `path` what a cut after `index` of the writes leaves; returns how many of them the disk's cache
        still had."""
        flushed = max((i for i in range(index) if self.writes[i].size == 0), default=0)
        assert flushed >= self._done, "cuts go forward only"
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
    """Name -> (offset, size) in bytes, of a raw disk."""
    table = json.loads(netlab.run("sfdisk", "--json", disk).stdout)["partitiontable"]
    return {entry["name"]: (entry["start"] * SECTOR, entry["size"] * SECTOR) for entry in table["partitions"]}


def extract(disk, name, path):
    offset, size = partitions(disk)[name]
    netlab.run("dd", f"if={disk}", f"of={path}", "bs=1M", "iflag=skip_bytes,count_bytes", f"skip={offset}",
               f"count={size}", "conv=sparse", "status=none")
    os.truncate(path, size)  # which ends at its last byte that is not zero
    return path
