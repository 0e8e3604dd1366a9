"""What a stranger or a broken peer sends to a live IKE_SA. Each function makes datagrams; tests send them, and look
what is left."""

import os
import struct

from . import ikewire, rawpeer
from .ikesa import IkeSa
from .ikewire import HEADER, Exchange, Header, Kind, Notify


def example():
    """An IKE_SA that nobody has, for the names of what follows."""
    return IkeSa(True, os.urandom(8), os.urandom(8))


def unprotected(sa, payloads=(), exchange=Exchange.INFORMATIONAL, message_id=None):
    """A message with the SPIs of a live IKE_SA, which anybody on the way can read, and without SK."""
    return ikewire.message(sa.spi_i, sa.spi_r, exchange, sa.flags(False),
                           sa.next_id if message_id is None else message_id, list(payloads))


def malformed_sk(sa, exchange=Exchange.INFORMATIONAL):
    """{what is wrong: datagram}: SK payloads that nobody with the keys made."""
    def header(first, size):
        return Header(sa.spi_i, sa.spi_r, first, exchange, sa.flags(False), sa.next_id, HEADER + size).pack()

    def sk(length, content, first=Kind.DELETE):
        body = struct.pack("!BBH", first, 0, length) + content
        return header(Kind.SK, len(body)) + body

    return {
        "length 0": sk(0, os.urandom(32)), "length 3": sk(3, os.urandom(32)), "length 4, empty": sk(4, b""),
        "length beyond the end": sk(1000, os.urandom(32)), "shorter than an IV": sk(11, os.urandom(7)),
        "shorter than a tag": sk(4 + 8 + 15, os.urandom(23)), "random content": sk(4 + 32, os.urandom(32)),
        "random content, of whole blocks": sk(4 + 16 * 6, os.urandom(16 * 6)), "no SK at all": unprotected(sa),
        "an unprotected DELETE": unprotected(sa, [ikewire.delete(ikewire.IKE)]),
        "an unprotected AUTHENTICATION_FAILED": unprotected(sa, [ikewire.notify(Notify.AUTHENTICATION_FAILED)]),
        "an SKF": header(Kind.SKF, 40) + struct.pack("!BBHHH", Kind.DELETE, 0, 40, 1, 2) + os.urandom(32)}


def header_lies(sa, datagram):
    """{what is wrong: datagram}: an authentic message whose header was changed on the way."""
    size = len(datagram)
    return {
        "another exchange": ikewire.edited(datagram, exchange=Exchange.CREATE_CHILD_SA),
        "an unknown exchange": ikewire.edited(datagram, exchange=77),
        "the next message ID": ikewire.edited(datagram, message_id=sa.next_id + 1),
        "message ID 2^32-1": ikewire.edited(datagram, message_id=0xFFFFFFFF),
        "a response": ikewire.edited(datagram, flags=sa.flags(True)),
        "the other role": ikewire.edited(datagram, flags=sa.flags(False) ^ ikewire.INITIATOR),
        "major version 3": ikewire.edited(datagram, version=0x30),
        "IKEv1": ikewire.edited(datagram, version=0x10),
        "one byte shorter": ikewire.edited(datagram, length=size - 1),
        "one byte longer": ikewire.edited(datagram, length=size + 1), "no length": ikewire.edited(datagram, length=0),
        "2^32-1 long": ikewire.edited(datagram, length=0xFFFFFFFF),
        "no SPI of the initiator": ikewire.edited(datagram, spi_i=bytes(8)),
        "no SPI of the responder": ikewire.edited(datagram, spi_r=bytes(8)),
        "exchanged SPIs": ikewire.edited(datagram, spi_i=sa.spi_r, spi_r=sa.spi_i)}


def flips(datagram):
    """The datagram with each of its bits flipped."""
    for bit in range(8 * len(datagram)):
        yield rawpeer.flip(datagram, bit)


def cuts(datagram):
    """The datagram cut off at each byte."""
    for size in range(len(datagram)):
        yield datagram[:size]
