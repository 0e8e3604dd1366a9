"""Who may use whom, as data. The picture is in docs/architecture.md; the tests of this directory read the tree against it."""

import os

# Types of keys, for those who carry keys and never use them.
KEY_TYPES = ["crypto/keys.h", "crypto/secret.h"]

# Room -> what its files may include: directories end in "/", everything else is one file. A room always may include itself.
MAY_INCLUDE = {
    "base": [],
    "crypto": ["base/"],
    "config": ["base/", *KEY_TYPES, "crypto/x25519.h"],  # to refuse the server's own public key as a peer's
    "ipc": ["base/", *KEY_TYPES],
    "vpnd/dataplane": ["base/", "crypto/"],
    "vpnd/wireguard": ["base/", "crypto/", "vpnd/dataplane/install.h"],
    "vpnd/ike": ["base/", "crypto/", "vpnd/dataplane/install.h"],
    "vpnd/io": ["base/", "crypto/", "vpnd/dataplane/", "vpnd/wireguard/", "vpnd/ike/"],
    "vpnd": ["base/", "crypto/", "ipc/", "vpnd/"],
    "stacks": ["base/", *KEY_TYPES, "crypto/x25519.h", "config/", "ipc/"],
    "ctl": ["base/", "config/", "ipc/channel.h", "ipc/control_messages.h", "ipc/drop_reasons.h", "ipc/snapshot.h", "access/",
            "crypto/keys.h", "crypto/random.h", "crypto/x25519.h"],  # setup makes the server's key
    "access": ["base/", "config/document.h"],
    "web": ["base/", "access/", "ipc/channel.h", "ipc/drop_reasons.h", "ipc/snapshot.h", "ipc/start.h", "ipc/web_messages.h"],
}

# Rooms that see all others.
OPEN_ROOMS = ["tests", "bench", "demo", "image", "tools"]

# The library of each room (warren_library in its CMakeLists.txt), and the rooms whose libraries it may link.
LIBRARY_OF = {
    "base": "base",
    "crypto": "crypto",
    "config": "config",
    "ipc": "ipc",
    "vpnd/dataplane": "dataplane",
    "vpnd/wireguard": "wireguard",
    "vpnd/ike": "ike",
    "vpnd/io": "io",
    "vpnd": "vpnd_core",
    "stacks": "stacks",
    "ctl": "ctl",
    "access": "access",
    "web": "web",
}

# What a file may not even reach through other headers: file or room -> directories.
MUST_NOT_REACH = {
    "ipc/snapshot.h": ["crypto/", "config/"],  # a snapshot cannot name a key
    "ipc/control_messages.h": ["crypto/", "config/"],
    "ipc/web_messages.h": ["crypto/", "config/"],
    "web/": ["crypto/", "config/"],
    "base/": ["crypto/"],
    "stacks/": ["vpnd/"],  # never a protocol
    "vpnd/": ["config/", "stacks/"],
    "vpnd/dataplane/": ["vpnd/wireguard/", "vpnd/io/"],  # knows nothing of handshakes
}

# PURE code: no sockets, clock, threads, files, environment or logging. Library -> the sources it is true for. What these use of
# other sources must be pure as well.
PURE = {
    "crypto": {"except": ["random"]},
    "config": {"except": ["load"]},
    "wireguard": {"except": []},
    "dataplane": {"except": []},
    "stacks": {"only": ["desired", "plan", "patrol"]},
    "web": {"only": ["backoff", "events", "fleet", "page", "sentences", "series"]},
}
# No class with virtual functions: a packet is not to pay for a call through a pointer.
NO_VIRTUAL_CLASSES = ["dataplane"]
# base is used by everybody; of it, these do I/O.
IMPURE_BASE = ["log", "fd", "process_usage"]
# A failed WARREN_CHECK writes a line and aborts; that is the end of the process, not I/O of its code.
LAST_WORDS = ("base", "check")


def must_be_pure(library, source):
    """Whether the source file `source` (no suffix) of `library` promises to be pure by itself."""
    rule = PURE.get(library)
    if rule is None:
        return False
    return source in rule["only"] if "only" in rule else source not in rule["except"]


def is_impure(library, source):
    """Whether a source file is named as one that does I/O."""
    return source in (IMPURE_BASE if library == "base" else PURE.get(library, {}).get("except", []))


def room_of(path):
    """The room of a file: the longest directory that is in the table. None outside of all rooms."""
    directory = os.path.dirname(path)
    while directory:
        if directory in MAY_INCLUDE or directory in OPEN_ROOMS:
            return directory
        directory = os.path.dirname(directory)
    return None


def matches(path, patterns):
    """Whether `path` is one of the files, or lies below one of the directories, in `patterns`."""
    return any(path.startswith(p) if p.endswith("/") else path == p for p in patterns)
