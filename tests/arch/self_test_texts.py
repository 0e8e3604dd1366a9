#!/usr/bin/env python3
"""Shows that the checkers of texts, formats, keys and log lines see what they are there to see.

Usage: self_test_texts.py COMPILER
"""

import json
import os
import sys
import tempfile
import unittest

import config_keys
import formatters
import log_lines
import texts
import tidy
import tree
from fake_tree import CLEAN, FakeTree

COMPILER = ["g++"]
NO_CODE = {path: "" for path in CLEAN if path.endswith((".h", ".cc"))}


class Tree(FakeTree):
    def test_shell_scripts_are_found_by_their_first_line(self):
        changes = {
            "run": "#!/bin/bash\n",
            "image/build": "#!/usr/bin/env bash\n",
            "image/init": "#!/bin/busybox sh\n",
            "image/slots.bash": "a=1\n",
            "tools/x.py": "#!/usr/bin/env python3\n",
            "build/dev/out": "#!/bin/sh\n",
            "docs/a.md": "#!/bin/sh is what a script begins with\n",
        }
        changes["docs/a.md"] = "A script begins with\n#!/bin/sh\n"
        scripts = list(tree.shell_scripts(self.tree(changes)))
        self.assertEqual(scripts, ["image/build", "image/init", "image/slots.bash", "run"])


class Texts(FakeTree):
    PAGES = {"docs/conformance.md": "### H7 Timestamps\n### KD1 Order\n", "docs/decisions/0003-tun.md": "# One TUN\n"}

    def columns(self, root):
        return texts.violations("columns", root)

    def citations(self, root):
        return texts.violations("citations", root)

    def words(self, root):
        return texts.violations("words", root)

    def test_lines_of_every_kind_of_text(self):
        for path in ("docs/a.md", "a.toml", "base/ip.cc", "tests/a.py", "web/ui/a.tsx", "cmake/a.cmake",
                     "CMakeLists.txt"):
            with self.subTest(path=path):
                self.assertEqual(list(self.columns(self.tree({path: "\u00e9" * 120 + "\n"}))), [])  # columns, not bytes
                self.assert_sees(self.columns, {path: "\n" + "x" * 121 + "\n"}, f"{path}:2", "121 columns")
        script = {"run": "#!/bin/bash\n#" + "x" * 120 + "\n"}  # by its first line
        self.assert_sees(self.columns, script, "run:2")

    def test_lines_that_may_be_long(self):
        long_line = "x" * 121 + "\n"
        free = ["web/ui/package-lock.json", "tests/fuzz/corpus/a.toml", "tests/golden/a.md", "docs/a.svg", "build/a.md"]
        self.assertEqual(list(self.columns(self.tree({path: long_line for path in free}))), [])

    def test_citations_of_what_is_there(self):
        text = ("// See base/bytes.h, crypto/keys, vpnd/dataplane and docs/conformance.md; made: build/dev/bin.\n"
                "// conformance H7, conformance KD1, decision 0003, conformance.md; a ratio of base/other\n"
                "// https://a.org/base/none.h\n"
                'const char* text = "base/none.h";\n#include "base/none.h"\n')
        self.assertEqual(list(self.citations(self.tree({**self.PAGES, "base/ip.cc": text, "base/other.cc": ""}))), [])

    def test_citations_of_what_is_not_there(self):
        for cited in ("base/none.h", "docs/none.md", "none.md", "decision 0004", "conformance H8", "conformance KD2",
                      "stacks/none/"):
            for path, text in (("base/ip.cc", f"int a;  // {cited}\n"), ("docs/a.md", f"See {cited}.\n"),
                               ("run", f"#!/bin/sh\n# {cited}\n")):
                with self.subTest(cited=cited, path=path):
                    name = cited.strip("/").split(" ")[-1]
                    self.assert_sees(self.citations, {**self.PAGES, path: text}, f"{path}:", name, "does not")

    def test_words(self):
        self.assertEqual(list(self.words(self.tree({"base/ip.cc": "int he = 1;  // the peer and its key\n"}))), [])
        for word in ("he", "His", "him", "a dear call", "in vain", "Tenants", "a customer who", "What came"):
            for path, text in (("base/ip.cc", f"int a;  // {word}\n"), ("ctl/a.cc", f'auto a = "{word}";\n'),
                               ("docs/a.md", f"{word}\n"), ("web/ui/a.tsx", f"const a = `${{b}} {word}`;\n")):
                with self.subTest(word=word, path=path):
                    self.assert_sees(self.words, {path: text}, f"{path}:1", "say")


class Formatters(FakeTree):
    def clang_format(self, root):
        return formatters.violations("clang-format", root)

    def shellcheck(self, root):
        return formatters.violations("shellcheck", root)

    def test_code_as_the_formatter_has_it(self):
        fine = {**NO_CODE, ".clang-format": "BasedOnStyle: Google\nIndentWidth: 4\n",
                "base/a.cc": "int a() { return 1; }\n"}
        self.assertEqual(list(self.clang_format(self.tree(fine))), [])
        crooked = {**fine, "base/a.cc": "int a() {\n  return  1;\n}\nint  b;\n"}
        self.assert_sees(self.clang_format, crooked, "base/a.cc:1", "not as clang-format has it")
        self.assertEqual(len(list(self.clang_format(self.tree(crooked)))), 1)  # once a file
        self.assert_sees(self.clang_format, {**fine, ".clang-format": "NoSuchOption: 1\n"}, "clang-format-14:",
                         "Error reading")

    def test_shell_scripts(self):
        self.assertEqual(list(self.shellcheck(self.tree({"run": '#!/bin/bash\necho "$1"\n'}))), [])
        self.assert_sees(self.shellcheck, {"run": "#!/bin/bash\necho $1\n"}, "run:2", "SC2086")

    def test_the_status_page(self):
        packages = formatters.page_packages(os.path.join(os.path.dirname(__file__), "../.."))
        page = {"web/ui/package.json": '{\n  "scripts": { "format:check": "prettier --check src" }\n}\n'}
        for text, seen in (("const a = 1;\n", 0), ("const a  = 1\n", 1)):
            root = self.tree({**page, "web/ui/src/a.ts": text})
            os.symlink(packages, os.path.join(root, "web/ui/node_modules"))
            found = list(formatters.violations("prettier", root))
            self.assertEqual(len(found), seen, found)
            self.assertTrue(all("web/ui/src/a.ts: not as prettier has it" in line for line in found), found)

    def test_a_program_that_is_not_installed(self):
        path = os.environ["PATH"]
        self.addCleanup(os.environ.__setitem__, "PATH", path)
        os.environ["PATH"] = ""
        for name in formatters.CHECKS:
            self.assert_sees(lambda root, name=name: formatters.violations(name, root), {}, "is not installed",
                             "tools/setup")


class Tidy(FakeTree):
    def violations(self, text, root=None):
        root = root or self.tree({**NO_CODE, "base/a.h": text, "base/a.cc": '#include "base/a.h"\n',
                                  ".clang-tidy": "HeaderFilterRegex: '.*'\n"})
        source = os.path.join(root, "base/a.cc")
        entry = {"directory": root, "file": source, "command": f"g++ -std=c++20 -I{root} -c {source}"}
        with open(os.path.join(root, "compile_commands.json"), "w", encoding="utf-8") as file:
            json.dump([entry], file)
        return list(tidy.violations("quick", root, root, os.path.join(root, "build"))), root

    def test_a_mistake_in_a_header(self):
        mistake = "#pragma once\ninline double half(int a) {\n    return a / 2;\n}\n"
        found, root = self.violations("#pragma once\n")
        self.assertEqual(found, [])
        marks = os.listdir(os.path.join(root, "build"))
        self.assertEqual(len(marks), 1)  # and is not read again
        with open(os.path.join(root, "base/a.h"), "w", encoding="utf-8") as file:
            file.write(mistake)
        for _ in range(2):  # a finding is not forgotten
            found, _ = self.violations("", root)
            self.assertTrue(any("base/a.h:3" in line and "bugprone-integer-division" in line for line in found), found)

    def test_a_source_that_cannot_be_read(self):
        found, _ = self.violations("int a = b;\n")
        self.assertTrue(any("base/a.h:1" in line for line in found), found)


class LogLines(FakeTree):
    LEVELS = "#pragma once\nenum class LogLevel { kDebug, kInfo };\n"
    LINES = 'void f() { set_log_level(LogLevel::kInfo); log(LogLevel::kInfo, "began"); '
    LINES += 'log(LogLevel::kDebug, "device_returned", {{"a", g(1)}}); }\n'

    def changes(self, **more):
        daemons = {"stacks/main.cc": self.LINES, "vpnd/main.cc": self.LINES, "web/main.cc": self.LINES,
                   "auth/main.cc": self.LINES, "fleet/main.cc": self.LINES, "alerts/main.cc": self.LINES}
        return {"base/log_level.h": self.LEVELS, **daemons, **more}

    def test_levels_and_events_as_they_shall_be(self):
        self.assertEqual(list(log_lines.violations(self.tree(self.changes()))), [])

    def test_a_tree_without_levels(self):
        self.assert_sees(log_lines.violations, self.changes(**{"base/log_level.h": ""}), "no enum class LogLevel")

    def test_a_level_without_a_line(self):
        silent = 'void f() { set_log_level(LogLevel::kInfo); log(LogLevel::kInfo, "began"); }\n'
        changes = self.changes(**{"web/main.cc": silent})
        self.assert_sees(log_lines.violations, changes, "no line of statusd", "kDebug")
        compared = silent + "bool b = log_level() > LogLevel::kDebug || log_level() == LogLevel::kDebug;\n"
        self.assert_sees(log_lines.violations, {**changes, "web/main.cc": compared}, "no line of statusd", "kDebug")

    def test_a_level_that_cannot_be_chosen(self):
        changes = self.changes(**{"vpnd/main.cc": self.LINES.replace("set_log_level(LogLevel::kInfo);", "")})
        self.assert_sees(log_lines.violations, changes, "vpnd never calls set_log_level()")

    def test_names_of_events(self):
        for event in ("Began", "began-now", "began now", "_began", "began__now", ""):
            with self.subTest(event=event):
                changes = self.changes(**{"stacks/a.cc": f'\nvoid g() {{ log(LogLevel::kInfo, "{event}", {{}}); }}\n'})
                self.assert_sees(log_lines.violations, changes, "stacks/a.cc:2", f'"{event}"')
        picked = 'void g() { log(LogLevel::kInfo, bad ? "Lost" : "found", {{"Key", "A value"}}); }\n'
        self.assert_sees(log_lines.violations, self.changes(**{"stacks/a.cc": picked}), '"Lost"')


class ConfigKeys(FakeTree):
    CHANGES = {
        "config/schema.cc": """
            {.document = kAppliance, .path = "schema", .type = Type::kSchemaNumber},
            {.document = kAppliance, .path = "appliance.name", .type = Type::kIdentifier},
            {.document = kCustomer, .path = "traffic", .type = Type::kTable},
            {.document = kCustomer, .path = "traffic.share", .type = Type::kInteger},
            {.document = kCustomer, .path = "peer[].name", .type = Type::kIdentifier},
""",
        "config/customer.h": """#pragma once
struct Traffic {
    std::optional<int> share;
};
struct Peer {
    std::string name = "";
};
struct Customer {
    Traffic traffic;
    std::vector<Peer> peers;
};
""",
        "config/appliance.h": "#pragma once\nstruct Appliance {\n    std::string name;\n};\n",
        "config/parse.cc": """
void read(const Node* node, Traffic& to) {
    read(node->find("share"), to.share);
}
void read(const Node* node, Peer& to) {
    read(node->find("name"), to.name);
}
void read_appliance(const Node& root, Appliance& to) {
    read(root.at("appliance.name"), to.name);
}
void read_customer(const Node& root, Customer& to) {
    read(root.find("traffic"), to.traffic);
    read(root.find("peer"), to.peers);
}
""",
        "stacks/a.cc": '#include "config/customer.h"\nint f() { return customer.traffic.share + g(peer->name); }\n',
        "ctl/a.cc": '#include "config/appliance.h"\nint f() { return appliance.name; }\n',
    }

    def assert_dead(self, path, text, *words):
        self.assert_sees(config_keys.violations, {**self.CHANGES, path: text}, *words)

    def test_keys_that_somebody_uses(self):
        self.assertEqual(list(config_keys.violations(self.tree(self.CHANGES))), [])

    def test_a_key_that_nobody_uses(self):
        stacks = self.CHANGES["stacks/a.cc"]
        self.assert_dead("stacks/a.cc", stacks.replace(".share", ""), "traffic.share", "Traffic::share",
                         "nothing outside")
        self.assert_dead("stacks/a.cc", stacks.replace("return", "return 0;  //"), "traffic.share")
        # Another struct's name is not this one's.
        self.assert_dead("ctl/a.cc", "int f() { return other.name; }\n", "appliance.name", "Appliance::name")

    def test_a_key_that_is_not_read(self):
        parse = self.CHANGES["config/parse.cc"].replace('read(node->find("share"), to.share);', "")
        self.assert_dead("config/parse.cc", parse, "traffic.share", "no read()")


if __name__ == "__main__":
    COMPILER = sys.argv[1:] or COMPILER
    unittest.main(argv=sys.argv[:1])
