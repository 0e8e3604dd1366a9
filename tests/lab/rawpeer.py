"""A scripted WireGuard peer, written from the formulas of the WireGuard whitepaper (sections 5.4.1 to 5.4.7). It shares
no code with Warren, so it can judge Warren, and it can misbehave: a test can override every field of every message.

    peer = RawPeer(private, server_public, sock, ("198.51.100.1", 51820))
    session = peer.handshake()
    peer.send(session.data(inner.ipv4_udp("10.0.0.2", "10.0.0.1", 7, 7, b"hello")))
"""

import base64
import hashlib
import hmac
import os
import select
import struct
import time
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

CONSTRUCTION = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
IDENTIFIER = b"WireGuard v1 zx2c4 Jason@zx2c4.com"
LABEL_MAC1, LABEL_COOKIE = b"mac1----", b"cookie--"
INITIATION, RESPONSE, COOKIE_REPLY, DATA = 1, 2, 3, 4
SIZES = {INITIATION: 148, RESPONSE: 92, COOKIE_REPLY: 64}
ZERO = bytes(32)


def hash_(data):
    return hashlib.blake2s(data).digest()


def mac(key, data):
    return hashlib.blake2s(data, key=key, digest_size=16).digest()


def kdf(count, key, data):
    """The n keys of HKDF with HMAC-BLAKE2s."""
    secret = hmac.new(key, data, hashlib.blake2s).digest()
    keys, last = [], b""
    for number in range(1, count + 1):
        last = hmac.new(secret, last + bytes([number]), hashlib.blake2s).digest()
        keys.append(last)
    return keys if count > 1 else keys[0]


def dh(private, public):
    """X25519; all zero for a low-order point, which the library refuses."""
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        return ZERO


def public_of(private):
    key = X25519PrivateKey.from_private_bytes(private).public_key()
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def seal(key, counter, plain, associated=b""):
    return ChaCha20Poly1305(key).encrypt(struct.pack("<IQ", 0, counter), plain, associated)


def open_(key, counter, sealed, associated=b""):
    """The plaintext; ValueError if it is not authentic."""
    try:
        return ChaCha20Poly1305(key).decrypt(struct.pack("<IQ", 0, counter), sealed, associated)
    except InvalidTag:
        raise ValueError("not authentic") from None


def hchacha20(key, nonce16):
    """draft-irtf-cfrg-xchacha-03 section 2.2."""
    state = list(struct.unpack("<4I8I4I", b"expand 32-byte k" + key + nonce16))

    def quarter(a, b, c, d):
        for left, mixed, by in ((a, d, 16), (c, b, 12), (a, d, 8), (c, b, 7)):
            state[left] = (state[left] + state[b if left == a else d]) & 0xFFFFFFFF
            word = state[mixed] ^ state[left]
            state[mixed] = (word << by | word >> (32 - by)) & 0xFFFFFFFF

    for _ in range(10):
        for column in range(4):
            quarter(column, 4 + column, 8 + column, 12 + column)
        for column in range(4):
            quarter(column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    return struct.pack("<8I", *(state[:4] + state[12:]))


def open_xchacha(key, nonce24, sealed, associated):
    subkey = hchacha20(key, nonce24[:16])
    try:
        return ChaCha20Poly1305(subkey).decrypt(bytes(4) + nonce24[16:], sealed, associated)
    except InvalidTag:
        raise ValueError("not authentic") from None


def tai64n(seconds=None):
    """A TAI64N timestamp of now, or of these seconds since 1970 (a float), in 12 bytes."""
    seconds = time.time() if seconds is None else seconds
    whole = int(seconds)
    return struct.pack(">QI", 0x400000000000000A + whole, int((seconds - whole) * 1e9))


def flip(data, bit):
    """`data` with one bit flipped."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def random_index():
    return int.from_bytes(os.urandom(4), "little")


@dataclass
class Sent:
    """A handshake message that we made, and the state to continue from it."""

    message: bytes
    index: int = 0
    ephemeral: bytes = ZERO  # private
    chain: bytes = ZERO
    digest: bytes = ZERO

    @property
    def mac1(self):
        return self.message[-32:-16]


@dataclass
class Initiation:
    """A received initiation, opened."""

    sender: int
    ephemeral: bytes
    static: bytes
    timestamp: bytes
    chain: bytes
    digest: bytes


@dataclass
class Session:
    """The keys of both directions. `counter` is the next to use, and a test may set it to anything."""

    send_key: bytes
    receive_key: bytes
    local_index: int
    remote_index: int
    counter: int = 0
    received: list = field(default_factory=list)  # counters, in the order opened

    def data(self, inner=b"", *, counter=None, receiver=None, pad=True, kind=DATA, key=None):
        """A data message with `inner`. An explicit `counter` does not advance the session's own."""
        if counter is None:
            counter, self.counter = self.counter, self.counter + 1
        if pad:
            inner += bytes(-len(inner) % 16)
        receiver = self.remote_index if receiver is None else receiver
        return struct.pack("<IIQ", kind, receiver, counter) + seal(key or self.send_key, counter, inner)

    def open(self, message):
        """The inner packet, with padding, of a data message to us; ValueError if it is not one."""
        if len(message) < 32:
            raise ValueError("too short")
        kind, receiver, counter = struct.unpack("<IIQ", message[:16])
        if kind != DATA or receiver != self.local_index:
            raise ValueError("not for this session")
        inner = open_(self.receive_key, counter, message[16:])
        self.received.append(counter)
        return inner


class RawPeer:
    """Keys, indexes and a UDP socket. `private`, `remote_public` and `psk` are base64, as `wg` prints them."""

    def __init__(self, private, remote_public, sock=None, remote=None, psk=None):
        self.private = base64.b64decode(private)
        self.public = public_of(self.private)
        self.remote_public = base64.b64decode(remote_public)
        self.psk = base64.b64decode(psk) if psk else ZERO
        self.sock, self.remote = sock, remote
        self.cookie = None  # the last one received, used for mac2 when set
        self._next_handshake = 0.0

    # --- messages -----------------------------------------------------------------------------------------------------

    def _finish(self, body, mac1=None, mac2=None):
        """Appends both MACs: mac1 with the remote public key, mac2 with the cookie (zero without a cookie)."""
        mac1 = mac(hash_(LABEL_MAC1 + self.remote_public), body) if mac1 is None else mac1
        if mac2 is None:
            mac2 = mac(self.cookie, body + mac1) if self.cookie else bytes(16)
        return body + mac1 + mac2

    def initiation(self, *, index=None, timestamp=None, ephemeral=None, ephemeral_public=None, static_private=None,
                   static_public=None, head=b"\1\0\0\0", mac1=None, mac2=None):
        """The first message. `ephemeral` is a private key; `ephemeral_public` overrides the public key that is sent
        (for example with a low-order point), and `static_private`/`static_public` claim another identity."""
        index = random_index() if index is None else index
        ephemeral = ephemeral or os.urandom(32)
        ephemeral_public = ephemeral_public or public_of(ephemeral)
        static_private = static_private or self.private
        static_public = static_public or public_of(static_private)
        chain = hash_(CONSTRUCTION)
        digest = hash_(hash_(chain + IDENTIFIER) + self.remote_public)
        chain, digest = kdf(1, chain, ephemeral_public), hash_(digest + ephemeral_public)  # e
        es = ZERO if ephemeral_public != public_of(ephemeral) else dh(ephemeral, self.remote_public)
        chain, key = kdf(2, chain, es)  # es
        sealed_static = seal(key, 0, static_public, digest)  # s
        digest = hash_(digest + sealed_static)
        chain, key = kdf(2, chain, dh(static_private, self.remote_public))  # ss
        sealed_time = seal(key, 0, tai64n() if timestamp is None else timestamp, digest)
        digest = hash_(digest + sealed_time)
        body = head + struct.pack("<I", index) + ephemeral_public + sealed_static + sealed_time
        return Sent(self._finish(body, mac1, mac2), index, ephemeral, chain, digest)

    def consume_response(self, sent, message):
        """The session that a response to our initiation makes; ValueError if it is not authentic."""
        if len(message) != SIZES[RESPONSE] or message[:4] != b"\2\0\0\0":
            raise ValueError("not a response")
        self.check_mac1(message)
        sender, receiver = struct.unpack("<II", message[4:12])
        if receiver != sent.index:
            raise ValueError("not a response to this initiation")
        ephemeral = message[12:44]
        chain, digest = kdf(1, sent.chain, ephemeral), hash_(sent.digest + ephemeral)  # e
        chain = kdf(1, chain, dh(sent.ephemeral, ephemeral))  # ee
        chain = kdf(1, chain, dh(self.private, ephemeral))  # se
        chain, mixed, key = kdf(3, chain, self.psk)  # psk
        digest = hash_(digest + mixed)
        open_(key, 0, message[44:60], digest)
        send_key, receive_key = kdf(2, chain, b"")
        return Session(send_key, receive_key, sent.index, sender)

    def consume_initiation(self, message):
        """Opens an initiation to us; ValueError if it is not authentic."""
        if len(message) != SIZES[INITIATION] or message[:4] != b"\1\0\0\0":
            raise ValueError("not an initiation")
        self.check_mac1(message)
        sender, = struct.unpack("<I", message[4:8])
        ephemeral, sealed_static, sealed_time = message[8:40], message[40:88], message[88:116]
        chain = hash_(CONSTRUCTION)
        digest = hash_(hash_(chain + IDENTIFIER) + self.public)
        chain, digest = kdf(1, chain, ephemeral), hash_(digest + ephemeral)  # e
        chain, key = kdf(2, chain, dh(self.private, ephemeral))  # es
        static = open_(key, 0, sealed_static, digest)  # s
        digest = hash_(digest + sealed_static)
        chain, key = kdf(2, chain, dh(self.private, static))  # ss
        timestamp = open_(key, 0, sealed_time, digest)
        return Initiation(sender, ephemeral, static, timestamp, chain, hash_(digest + sealed_time))

    def response(self, initiation, *, index=None, receiver=None, psk=None, head=b"\2\0\0\0", mac1=None, mac2=None,
                 empty=b"", ephemeral_public=None):
        """(Sent, Session): the second message, and the session it makes."""
        index = random_index() if index is None else index
        ephemeral = os.urandom(32)
        public = ephemeral_public or public_of(ephemeral)
        ee, se = ZERO, ZERO
        if not ephemeral_public:
            ee, se = dh(ephemeral, initiation.ephemeral), dh(ephemeral, initiation.static)
        chain, digest = kdf(1, initiation.chain, public), hash_(initiation.digest + public)  # e
        chain = kdf(1, kdf(1, chain, ee), se)  # ee, se
        chain, mixed, key = kdf(3, chain, self.psk if psk is None else psk)  # psk
        digest = hash_(digest + mixed)
        receiver = initiation.sender if receiver is None else receiver
        body = head + struct.pack("<II", index, receiver) + public + seal(key, 0, empty, digest)
        receive_key, send_key = kdf(2, chain, b"")
        return Sent(self._finish(body, mac1, mac2), index), Session(send_key, receive_key, index, initiation.sender)

    def consume_cookie_reply(self, message, mac1):
        """Opens a cookie reply to the message with this mac1 and keeps the cookie; ValueError if it is not
        authentic."""
        if len(message) != SIZES[COOKIE_REPLY] or message[:4] != b"\3\0\0\0":
            raise ValueError("not a cookie reply")
        key = hash_(LABEL_COOKIE + self.remote_public)
        self.cookie = open_xchacha(key, message[8:32], message[32:64], mac1)
        return self.cookie

    def check_mac1(self, message):
        if mac(hash_(LABEL_MAC1 + self.public), message[:-32]) != message[-32:-16]:
            raise ValueError("wrong mac1")

    # --- the wire -----------------------------------------------------------------------------------------------------

    def send(self, message, to=None):
        self.sock.sendto(message, to or self.remote)

    def receive(self, timeout=10.0):
        """(message, sender) or None."""
        if not select.select([self.sock], [], [], timeout)[0]:
            return None
        return self.sock.recvfrom(65535)

    def receive_kind(self, kind, timeout=10.0):
        """The next message of this type; skips others. None if none arrives."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            got = self.receive(left)
            if got and got[0][0] == kind:
                return got[0]
        return None

    def drain(self):
        """All messages that wait on the socket."""
        messages = []
        while (got := self.receive(0)) is not None:
            messages.append(got[0])
        return messages

    def initiate(self, **fields):
        """Sends an initiation and returns what was sent, after the 20 ms that a responder wants between two initiations
        of one peer: it answers none that comes sooner."""
        time.sleep(max(0.0, self._next_handshake - time.monotonic()))
        self._next_handshake = time.monotonic() + 0.05
        sent = self.initiation(**fields)
        self.send(sent.message)
        return sent

    def handshake(self, timeout=10.0, **fields):
        """Initiates and returns the session; ValueError without a response. It obeys one cookie reply to this
        initiation, and skips a late reply to an earlier one, whose cookie is sealed to another mac1. The responder uses
        the session only after we have sent on it: see `confirm`."""
        for _ in range(2):
            sent = self.initiate(**fields)
            deadline = time.monotonic() + timeout
            while (left := deadline - time.monotonic()) > 0 and (got := self.receive(left)):
                message = got[0]
                if message[0] == RESPONSE:
                    return self.consume_response(sent, message)
                if message[0] == COOKIE_REPLY and message[4:8] == struct.pack("<I", sent.index):
                    self.consume_cookie_reply(message, sent.mac1)
                    break
            else:
                break
        raise ValueError("no response")

    def confirm(self, session):
        self.send(session.data())

    def receive_inner(self, session, timeout=10.0):
        """The next inner packet that is not empty; None if none arrives."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            message = self.receive_kind(DATA, left)
            if message is None:
                return None
            try:
                packet = session.open(message)
            except ValueError:
                continue
            if packet:
                return packet
        return None
