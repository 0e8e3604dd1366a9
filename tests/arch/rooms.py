"""Who may use whom, as data: one row a folder. The picture is in docs/architecture.md; the tests of this directory
read the tree against it."""

import os

# Types of keys, for those who carry keys and never use them.
KEY_TYPES = ["crypto/keys.h", "crypto/secret.h", "crypto/secret_buffer.h"]

# What an engine may see of the data plane: the conversation with it.
ENGINE = ["base/", "crypto/", "vpnd/control/", "vpnd/dataplane/install.h"]

# Room -> what its files may include: directories end in "/" (all below them), everything else is one file. A room
# always may include itself. A folder without a row belongs to the room above it.
MAY_INCLUDE = {
    "base": [],
    "base/seccomp": ["base/"],
    "crypto": ["base/"],
    # x25519.h: to refuse the server's own public key as a peer's.
    "config": ["base/", *KEY_TYPES, "crypto/x25519.h", "auth/chain/"],
    "clients": ["base/", "config/", *KEY_TYPES],
    "amend": ["base/", "config/", "clients/", *KEY_TYPES],
    "history": ["base/", "config/", *KEY_TYPES, "crypto/sha.h", "crypto/hmac_sha.h", "crypto/random.h"],
    "ipc": ["base/", *KEY_TYPES, "crypto/sha.h"],
    "access": ["base/", "config/document.h", "config/customer_id.h"],
    "auth/chain": ["base/", "crypto/"],
    "auth/table": ["base/", "crypto/", "ipc/auth_messages.h", "ipc/secret.h"],
    "auth": ["base/", "crypto/", "ipc/auth_messages.h", "ipc/channel.h", "ipc/child.h", "auth/"],
    "health": ["base/", "ipc/control_messages.h"],
    "auth/eap": ["base/", "crypto/"],
    "vpnd/packet": ["base/"],
    "vpnd/turns": ["base/", "vpnd/packet/"],
    "vpnd/dataplane": ["base/", "crypto/", "vpnd/packet/", "vpnd/turns/"],
    "vpnd/control": ["base/", "crypto/", "vpnd/dataplane/install.h"],
    "vpnd/wireguard": ENGINE,
    "vpnd/ike": ENGINE,
    "vpnd/listeners": ["base/", "crypto/", "vpnd/control/", "vpnd/dataplane/framing/"],
    "vpnd/io": ["base/", "crypto/", "vpnd/packet/", "vpnd/turns/", "vpnd/dataplane/", "vpnd/control/",
                "vpnd/listeners/message_queue.h", "vpnd/listeners/message_socket.h", "vpnd/listeners/steering.h"],
    "vpnd/customers": ["base/", "ipc/", "vpnd/dataplane/customer_view.h", "vpnd/control/engine.h"],
    "vpnd/show": ["base/", "crypto/", "ipc/", "vpnd/customers/", "vpnd/io/", "vpnd/dataplane/", "vpnd/packet/",
                  "vpnd/turns/", "vpnd/control/"],
    "vpnd/usage": ["base/", "ipc/", "vpnd/customers/", "vpnd/io/worker_messages.h", "vpnd/show/usage_source.h"],
    # Descriptors as the control worker takes them.
    "vpnd/listeners/sockets": ["base/", "ipc/", "vpnd/customers/", "vpnd/io/"],
    # What outlives the process.
    "vpnd/listeners/kept": ["base/", "crypto/"],
    "vpnd/listeners/wireguard": ["base/", "crypto/", "vpnd/control/", "vpnd/customers/", "vpnd/dataplane/framing/",
                                 "vpnd/io/", "vpnd/listeners/sockets/", "vpnd/listeners/kept/", "vpnd/show/counters.h",
                                 "vpnd/wireguard/"],
    "vpnd/listeners/ike": ["base/", "crypto/", "ipc/", "vpnd/control/", "vpnd/customers/", "vpnd/dataplane/framing/",
                           "vpnd/io/", "vpnd/listeners/sockets/", "vpnd/listeners/kept/", "vpnd/ike/"],
    "vpnd": ["base/", "crypto/", "ipc/", "vpnd/"],
    "stacks/plan": ["base/", "config/", "ipc/"],
    "stacks/kernel": ["base/", "stacks/plan/"],
    "stacks/listeners": ["base/", *KEY_TYPES, "config/", "ipc/"],
    "stacks/host": ["base/", "stacks/plan/desired.h"],
    "stacks/children": ["base/", *KEY_TYPES, "config/", "ipc/", "stacks/plan/", "stacks/kernel/netns.h",
                        "stacks/listeners/uapi_socket.h"],
    "stacks/services": ["base/", *KEY_TYPES, "config/", "ipc/", "stacks/plan/", "stacks/kernel/netns.h",
                        "stacks/children/vpnd_process.h"],
    "stacks": ["base/", *KEY_TYPES, "crypto/x25519.h", "crypto/hmac_sha.h", "crypto/random.h",
               "config/", "amend/", "access/", "clients/profile.h", "history/", "ipc/", "stacks/"],
    # Pure values; the machine of who owns what.
    "fleet/ownership": ["base/"],
    "fleet/records": ["base/", "fleet/ownership/"],
    "fleet/rim": ["base/", "ipc/channel.h", "ipc/codec.h", "ipc/control_messages.h", "ipc/long_text.h",
                  "ipc/snapshot.h",
                  "fleet/ownership/", "fleet/records/"],
    "fleet": ["base/", "config/document.h", "ipc/control_messages.h", "fleet/"],
    # HMAC is what signs a webhook, SHA-256 what shows that a state is whole.
    "alerts/model": ["base/", "crypto/hmac_sha.h", "health/", "ipc/control_messages.h", "ipc/snapshot.h"],
    "alerts/rim": ["base/", *KEY_TYPES, "crypto/sha.h", "ipc/alert_messages.h", "alerts/model/"],
    "alerts": ["base/", *KEY_TYPES, "ipc/alert_messages.h", "ipc/alert_questions.h", "ipc/channel.h", "ipc/child.h",
               "ipc/snapshot.h", "alerts/"],
    "ctl/diagnosis": ["base/", "ipc/snapshot.h"],
    # aead.h, hmac_sha.h, random.h: of a join token's messages; authority.h: of the list of nodes.
    "ctl/files": ["base/", "config/", "amend/", *KEY_TYPES, "crypto/sealed_text.h", "crypto/sha.h", "crypto/aead.h",
                  "crypto/authority.h", "crypto/hmac_sha.h", "crypto/random.h", "ctl/command.h"],
    # stacks/plan: the names and marks of what stackd makes.
    "ctl/ask": ["base/", "config/parse.h", "config/customer.h", "ipc/alert_questions.h", "ipc/capture.h",
                "ipc/channel.h", "ipc/control_messages.h", "ipc/disabled_peers.h", "ipc/learned_facts.h",
                "ipc/long_text.h", "ipc/page_messages.h", "ipc/service_facts.h", "ipc/snapshot.h", "stacks/plan/"],
    "ctl/show": ["base/", "config/", "history/revisions.h", "ipc/alert_questions.h", "ipc/capture.h",
                 "ipc/certificate_facts.h", "ipc/control_messages.h", "ipc/disabled_peers.h", "ipc/learned_facts.h",
                 "ipc/limits.h", "ipc/snapshot.h", "health/",
                 "ctl/ask/", "ctl/diagnosis/", "stacks/plan/"],
    "ctl/commands": ["base/", "amend/", "clients/", "config/", "history/", "ipc/alert_questions.h", "ipc/capture.h",
                     "ipc/certificate_facts.h", "ipc/control_messages.h", "ipc/service_facts.h", "ipc/snapshot.h",
                     "access/", "health/",
                     *KEY_TYPES, "crypto/passphrase_box.h", "crypto/sealed_text.h",
                     "crypto/random.h", "crypto/x25519.h",  # setup makes the server's key
                     "crypto/authority.h",  # a fleet's
                     "stacks/plan/desired.h",  # names and marks of devices
                     "ctl/"],
    "ctl": ["base/", "config/schema.h"],
    "web/model": ["base/", "access/", "health/", "ipc/control_messages.h", "ipc/snapshot.h", "ipc/web_changes.h",
                  "ipc/web_stacks.h", "ipc/web_revisions.h", "ipc/web_look.h", "ipc/alert_targets.h"],
    "web/login": ["base/", "access/", "web/model/"],
    "web/api": ["base/", "access/", "health/", "ipc/snapshot.h", "ipc/web_changes.h", "ipc/web_look.h",
                "ipc/web_revisions.h", "web/model/", "web/login/"],
    "web/past": ["base/", "web/model/"],
    "web/rim": ["base/", "access/secrets.h", "ipc/channel.h", "ipc/page_messages.h", "ipc/snapshot.h", "web/model/",
                "web/login/", "web/api/"],
    "web": ["base/", "access/", "health/", "ipc/channel.h", "ipc/child.h", "ipc/web_messages.h", "ipc/web_stacks.h",
            "ipc/web_revisions.h", "web/"],
}

# Rooms that see all others.
OPEN_ROOMS = ["tests", "bench", "demo", "image", "tools"]

# The library that each room's sources are in (warren_library in a CMakeLists.txt).
LIBRARY_OF = {
    "base": "base",
    "base/seccomp": "seccomp_filter",
    "crypto": "crypto",
    "config": "config",
    "clients": "clients",
    "amend": "amend",
    "history": "history",
    "ipc": "ipc",
    "access": "access",
    "auth/chain": "auth_chain",
    "auth/table": "auth_table",
    "auth": "auth",
    "health": "health",
    "auth/eap": "eap",
    "vpnd/packet": "packet",
    "vpnd/turns": "turns",
    "vpnd/dataplane": "dataplane",
    "vpnd/control": "control",
    "vpnd/wireguard": "wireguard",
    "vpnd/ike": "ike",
    "vpnd/io": "io",
    "vpnd/listeners": "io",
    "vpnd/customers": "vpnd_core",
    "vpnd/show": "vpnd_core",
    "vpnd/usage": "vpnd_core",
    "vpnd/listeners/sockets": "vpnd_core",
    "vpnd/listeners/kept": "vpnd_core",
    "vpnd/listeners/wireguard": "vpnd_core",
    "vpnd/listeners/ike": "vpnd_core",
    "vpnd": "vpnd_core",
    "stacks/plan": "stacks_plan",
    "alerts/model": "alerts_model",
    "alerts/rim": "alerts",
    "alerts": "alerts",
    "fleet/ownership": "fleet_ownership",
    "fleet/records": "fleet_records",
    "fleet/rim": "fleet",
    "fleet": "fleet",
    **{f"stacks/{folder}": "stacks" for folder in ("kernel", "listeners", "host", "children", "services")},
    "stacks": "stacks",
    **{f"ctl/{folder}": "ctl" for folder in ("files", "ask", "show", "commands")},
    "ctl/diagnosis": "diagnosis",
    "ctl": "ctl",
    "web/model": "web_model",
    **{f"web/{folder}": "web" for folder in ("login", "api", "past", "rim")},
    "web": "web",
}

# What a file may not even reach through other headers: file or room -> directories.
MUST_NOT_REACH = {
    "ipc/snapshot.h": ["crypto/", "config/"],  # a snapshot cannot name a key
    "ipc/control_messages.h": ["crypto/", "config/"],
    "ipc/web_messages.h": ["crypto/", "config/"],
    "web/": ["crypto/", "config/"],
    "base/": ["crypto/"],
    "stacks/": ["vpnd/", "auth/"],  # never a protocol
    "auth/": ["config/", "stacks/", "vpnd/"],
    "fleet/": ["stacks/", "vpnd/", "auth/"],
    "alerts/": ["stacks/", "vpnd/", "auth/", "config/"],
    "vpnd/": ["auth/", "config/", "stacks/"],
    "vpnd/dataplane/": ["vpnd/control/", "vpnd/wireguard/", "vpnd/ike/", "vpnd/io/"],  # knows nothing of handshakes
    # Drives engines by control/engine.h alone.
    "vpnd/io/": ["vpnd/wireguard/", "vpnd/ike/", "vpnd/listeners/wireguard/", "vpnd/listeners/ike/"],
    "vpnd/control/": ["vpnd/wireguard/", "vpnd/ike/"],
    "vpnd/ike/": ["vpnd/wireguard/"],
    # A second protocol needs nothing of the first.
    "tests/toy/": ["vpnd/wireguard/", "vpnd/ike/", "vpnd/dataplane/framing/wireguard.h"],
}

# PURE rooms: no sockets, clock, threads, files, environment or logging. Room -> its sources that are not. What pure
# code uses of other sources must be pure as well. Each has an archive of its own, whose symbols are read.
PURE = {
    "auth/chain": [],
    "auth/table": [],
    # secretstream draws its header; a sealed text its keys; an authority keys and serial numbers
    "crypto": ["random", "legacy_provider", "passphrase_box", "sealed_text", "authority"],
    "auth/eap": ["tls", "tls_session"],  # OpenSSL's TLS draws randomness and reads the clock
    "config": ["load", "file_reader", "customer_files"],
    "clients": [],
    "history": ["disk", "store", "write_back"],
    "vpnd/packet": [],
    "vpnd/turns": [],
    "vpnd/dataplane": [],
    "vpnd/control": [],
    "vpnd/wireguard": [],
    "vpnd/ike": [],
    "stacks/plan": [],
    "fleet/ownership": [],
    "fleet/records": [],
    "web/model": [],
    "alerts/model": [],
    "ctl/diagnosis": [],
    "health": [],
}
# No class with virtual functions: a packet is not to pay for a call through a pointer.
NO_VIRTUAL_CLASSES = ["packet", "turns", "dataplane"]
# base is used by everybody; of it, these do I/O.
IMPURE_BASE = ["clock", "log", "fd", "customer_group", "directory_lock", "memory_lock", "process_usage", "sandbox",
               "socket_address", "write_all"]
# A failed WARREN_CHECK writes a line and aborts; that is the end of the process, not I/O of its code.
LAST_WORDS = ("base", "check")

PURE_LIBRARIES = {LIBRARY_OF[room]: sources for room, sources in PURE.items()}


def rooms_in(library):
    """The rooms whose sources are in a library."""
    return [room for room, name in LIBRARY_OF.items() if name == library]


def must_be_pure(library, source):
    """Whether the source file `source` (no suffix) of `library` promises to be pure by itself."""
    return library in PURE_LIBRARIES and source not in PURE_LIBRARIES[library]


def is_impure(library, source):
    """Whether a source file is named as one that does I/O."""
    return source in (IMPURE_BASE if library == "base" else PURE_LIBRARIES.get(library, []))


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
