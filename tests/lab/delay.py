"""A long way: packets between a place and the internet arrive later. Not every kernel has a module for it."""

import collections
import fcntl
import os
import select
import struct
import threading
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
PACKET = 65_536


class Delay:
    """For the duration of a `with`, each packet between `place` and the rest of the `internet` takes `seconds` longer,
    each way. For some thousand packets a second. In the router, such packets enter a TUN, wait in a queue, and leave it
    on their way."""

    def __init__(self, internet, place, seconds):
        self.internet, self.place, self.seconds = internet, place, seconds
        self.device, self.table = f"far{place.number}", str(1_000 + place.number)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._carry)

    def _rules(self):
        yield f"iif {self.place.router_device}"
        yield f"to {self.place.ipv4} iif hub0"

    def __enter__(self):
        self.tun = self.internet.inside(self._open)
        self.internet.sysctl(f"net.ipv4.conf.{self.device}.rp_filter", 0)
        self.internet.ip(f"link set {self.device} mtu 9000 txqueuelen 5000 up",
                         f"route add default dev {self.device} table {self.table}",
                         *(f"rule add {rule} lookup {self.table}" for rule in self._rules()))
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.internet.ip(*(f"rule del {rule} lookup {self.table}" for rule in self._rules()))
        self.over.set()
        self.thread.join()
        os.close(self.tun)

    def _open(self):
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", self.device.encode(), IFF_TUN | IFF_NO_PI))
        return tun

    def _carry(self):
        waiting = collections.deque()  # (when it leaves, packet); all wait equally long, so it is in order
        while not self.over.is_set():
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                os.write(self.tun, waiting.popleft()[1])
            readable, _, _ = select.select([self.tun], [], [], min(waiting[0][0] - now, 0.05) if waiting else 0.05)
            if not readable:
                continue
            arrived = time.monotonic() + self.seconds
            try:
                for _ in range(64):
                    waiting.append((arrived, os.read(self.tun, PACKET)))
            except BlockingIOError:
                pass
