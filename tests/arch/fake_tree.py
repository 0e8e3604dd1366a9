"""A small tree that breaks no rule, for the tests of the checkers: each test changes it in one way."""

import os
import tempfile
import unittest

CLEAN = {
    "base/bytes.h": "#pragma once\n#include <cstdint>\n",
    "base/log.h": "#pragma once\n",
    "crypto/keys.h": '#pragma once\n#include "base/bytes.h"\n',
    "crypto/random.h": '#pragma once\n#include "base/bytes.h"\n',
    "config/customer.h": '#pragma once\n#include "crypto/keys.h"\n',
    "ipc/snapshot.h": '#pragma once\n#include "base/bytes.h"\n',
    "ipc/config_messages.h": '#pragma once\n#include "crypto/keys.h"\n',
    "vpnd/dataplane/install.h": '#pragma once\n#include "crypto/keys.h"\n',
    "vpnd/dataplane/session.h": '#pragma once\n#include "vpnd/dataplane/install.h"\n',
    "vpnd/wireguard/engine.h": '#pragma once\n#include "vpnd/dataplane/install.h"\n',
    "vpnd/control/engine.h": '#pragma once\n#include "vpnd/dataplane/install.h"\n',
    "vpnd/io/worker.h": (
        '#pragma once\n#include "vpnd/dataplane/session.h"\n#include "vpnd/control/engine.h"\n#include <sys/socket.h>\n'
    ),
    "vpnd/main.cc": '#include "vpnd/io/worker.h"\n#include "ipc/config_messages.h"\n',
    "stacks/plan/plan.h": '#pragma once\n#include "config/customer.h"\n',
    "stacks/kernel/netlink.cc": "#include <sys/socket.h>\n",
    "ctl/show/table.cc": '#include "ipc/snapshot.h"\n',
    "web/api/views.cc": '#include "ipc/snapshot.h"\n',
    "tests/unit/any_test.cc": '#include "vpnd/dataplane/session.h"\n#include "stacks/plan/plan.h"\n',
    "crypto/CMakeLists.txt": "warren_library(crypto LINK base PkgConfig::SODIUM)\n",
    "vpnd/dataplane/CMakeLists.txt": "warren_library(dataplane LINK base crypto)\n",
    "vpnd/CMakeLists.txt": "warren_library(vpnd_core LINK base crypto ipc wireguard dataplane io)\n",
    "stacks/CMakeLists.txt": "warren_library(stacks LINK base crypto config ipc)\n",
}


class FakeTree(unittest.TestCase):
    """A tree in a temporary directory: CLEAN, with the changes of one test."""

    def tree(self, changes=None):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        for path, text in {**CLEAN, **(changes or {})}.items():
            target = os.path.join(directory.name, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "w", encoding="utf-8") as file:
                file.write(text)
        return directory.name

    def assert_sees(self, checker, changes, *words):
        """`checker` reports one violation or more, and one that has all of `words`."""
        found = list(checker(self.tree(changes)))
        self.assertTrue(any(all(word in line for word in words) for line in found), f"{words} not in {found}")
