#!/usr/bin/env python3
"""Shows that each checker sees what it is there to see: fake trees with one violation each, and a clean one with none.

Usage: self_test.py COMPILER
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import headers
import house_rules
import layers
import rooms
import symbols
from fake_tree import CLEAN, FakeTree

COMPILER = ["g++"]
CHECK = 'extern "C" int write(int); namespace warren { void check_failed() { write(2); } }'
IP = "namespace warren { int ip() { return 1; } }"


class Layers(FakeTree):
    def test_a_clean_tree_has_no_violation(self):
        self.assertEqual(list(layers.violations(self.tree())), [])

    def test_each_room_is_held_to_the_table(self):
        for path, name in [
            ("base/ip.cc", "crypto/keys.h"),
            ("crypto/aead.cc", "config/customer.h"),
            ("config/parse.cc", "crypto/random.h"),
            ("config/parse.cc", "ipc/snapshot.h"),
            ("ipc/channel.cc", "config/customer.h"),
            ("vpnd/dataplane/fib.cc", "vpnd/wireguard/engine.h"),
            ("vpnd/dataplane/fib.cc", "ipc/snapshot.h"),
            ("vpnd/wireguard/noise.cc", "vpnd/dataplane/session.h"),
            ("vpnd/wireguard/noise.cc", "vpnd/io/worker.h"),
            ("vpnd/io/clock.cc", "ipc/config_messages.h"),
            ("vpnd/io/clock.cc", "vpnd/wireguard/engine.h"),
            ("vpnd/control/a.cc", "vpnd/wireguard/engine.h"),
            ("vpnd/main.cc", "config/customer.h"),
            ("vpnd/main.cc", "stacks/plan/plan.h"),
            ("stacks/main.cc", "vpnd/dataplane/install.h"),
            ("ctl/show/status.cc", "ipc/config_messages.h"),
            ("stacks/kernel/a.cc", "ipc/snapshot.h"),
            ("web/model/a.cc", "stacks/plan/plan.h"),
            ("web/api/views.cc", "ipc/config_messages.h"),
        ]:
            with self.subTest(path=path, name=name):
                self.assert_sees(layers.violations, {path: f'  #  include "{name}"\n'}, path, "may not include", name)

    def test_an_include_that_is_no_path_from_the_root(self):
        self.assert_sees(layers.violations, {"crypto/aead.cc": '#include "keys.h"\n'}, "crypto/aead.cc",
                         "no file of the tree")
        self.assert_sees(layers.violations, {"crypto/aead.cc": '#include "../base/bytes.h"\n'}, "no file of the tree")

    def test_a_test_and_its_helper_in_one_directory(self):
        changes = {"tests/unit/helper.h": "#pragma once\n", "tests/unit/some_test.cc": '#include "helper.h"\n'}
        self.assertEqual(list(layers.violations(self.tree(changes))), [])
        self.assert_sees(layers.violations, {"tests/unit/some_test.cc": '#include "helper.h"\n'}, "helper.h",
                         "no file of the tree")

    def test_a_file_outside_of_all_rooms(self):
        self.assert_sees(layers.violations, {"attic/old.cc": '#include "base/bytes.h"\n'}, "attic/old.cc", "no room")

    def test_a_snapshot_that_reaches_a_key_through_another_header(self):
        changes = {
            "ipc/snapshot.h": '#pragma once\n#include "ipc/peer.h"\n',
            "ipc/peer.h": '#pragma once\n#include "crypto/keys.h"\n',
        }
        self.assert_sees(layers.violations, changes, "ipc/snapshot.h", "must not reach crypto/keys.h", "ipc/peer.h")
        self.assert_sees(layers.violations, changes, "web/api/views.cc", "must not reach crypto/keys.h")

    def test_circular_includes(self):
        changes = {"base/bytes.h": '#include "base/log.h"\n', "base/log.h": '#include "base/bytes.h"\n'}
        self.assert_sees(layers.violations, changes, "circular")

    def test_rooms_that_include_each_other(self):
        changes = {"crypto/a.cc": '#include "config/customer.h"\n'}
        self.assert_sees(layers.violations, changes, "config and crypto include each other")

    def test_pure_code_with_headers_for_input_output(self):
        system = ["sys/socket.h", "unistd.h", "linux/if_tun.h"]
        for header in system + ["thread", "mutex", "fstream", "iostream", "filesystem", "random", "ctime"]:
            with self.subTest(header=header):
                self.assert_sees(layers.violations, {"vpnd/wireguard/timers.cc": f"#include <{header}>\n"}, "pure",
                                 f"<{header}>")
        self.assert_sees(layers.violations, {"vpnd/dataplane/fib.cc": '#include "base/log.h"\n'}, "pure", "base/log.h")
        self.assert_sees(layers.violations, {"stacks/plan/plan.cc": "#include <unistd.h>\n"}, "stacks/plan/plan.cc",
                         "<unistd.h>")
        self.assert_sees(layers.violations, {"config/parse.cc": "#include <fstream>\n"}, "config/parse.cc", "<fstream>")

    def test_what_is_not_pure_may_have_them(self):
        changes = {"crypto/random.cc": "#include <unistd.h>\n", "config/load.cc": "#include <fcntl.h>\n"}
        changes["stacks/apply.cc"] = "#include <thread>\n"
        self.assertEqual(list(layers.violations(self.tree(changes))), [])

    def test_link_lines(self):
        for path, line in [
            ("vpnd/dataplane/CMakeLists.txt", "warren_library(dataplane LINK base crypto wireguard)\n"),
            ("stacks/CMakeLists.txt", "warren_library(stacks LINK base\n  dataplane)\n"),
            ("vpnd/CMakeLists.txt", "warren_library(vpnd_core LINK base config)\n"),
            ("ctl/CMakeLists.txt", "warren_library(ctl LINK base dataplane)\n"),
            ("crypto/CMakeLists.txt", "warren_library(crypto LINK base)\ntarget_link_libraries(crypto PUBLIC ipc)\n"),
        ]:
            with self.subTest(path=path, line=line):
                self.assert_sees(layers.violations, {path: line}, path, "may not link")


class HouseRules(FakeTree):
    def test_a_clean_tree_has_no_violation(self):
        self.assertEqual(list(house_rules.violations(self.tree())), [])

    def test_a_file_that_is_too_long(self):
        self.assertEqual(list(house_rules.violations(self.tree({"base/long.cc": "\n" * 600}))), [])
        self.assert_sees(house_rules.violations, {"base/long.cc": "\n" * 601}, "base/long.cc", "601 lines")
        self.assert_sees(house_rules.violations, {"tests/lab/long.py": "\n" * 700}, "tests/lab/long.py")

    def test_words_that_do_not_belong_here(self):
        numbers = ["iss" + "ue 7", "iss" + "ue #12", "see #" + "12.", "fixes #" + "4"]
        for word in numbers + ["/wor" + "k/main", "/wor" + "k/shared", "py" + "pi.org"]:
            with self.subTest(word=word):
                self.assert_sees(house_rules.violations, {"docs/a.md": f"text\n{word}\n"}, "docs/a.md:2",
                                 "does not belong")
        self.assert_sees(house_rules.violations, {"demo/up": "#!/bin/bash\n# /wor" + "k/x\n"}, "demo/up:2")

    def test_words_that_do(self):
        text = "an issue with the MTU; #include <a>; colour #123456; /workers/; RFC 7748 section 5; #!/bin/sh\n"
        text += "# 1 of 2\n&#39; a#1\n"
        self.assertEqual(list(house_rules.violations(self.tree({"docs/a.md": text}))), [])

    def test_headers(self):
        sent = "#pragma once\nvoid fields(auto& codec, Is<Sent> auto& m) {}\n"
        fields = "tests/unit/ipc/fields_test.cc"
        self.assert_sees(house_rules.violations, {"ipc/a.h": sent, fields: "check_list<Other>();\n"}, "ipc/a.h",
                         "does not compare the fields of Sent")
        changes = {"ipc/a.h": sent, fields: "check_list<Sent>();\n"}
        self.assertEqual(list(house_rules.violations(self.tree(changes))), [])
        self.assert_sees(house_rules.violations, {"base/a.h": "// no guard\n"}, "base/a.h", "#pragma once")
        self.assert_sees(house_rules.violations, {"base/a.h": "#pragma once\nusing namespace std;\n"}, "base/a.h",
                         "using namespace")
        literals = "#pragma once\nusing namespace std::chrono_literals;\n"
        self.assertEqual(list(house_rules.violations(self.tree({"base/a.h": literals}))), [])

    def test_calls_that_nobody_makes(self):
        for call in ["strcpy(a, b)", "::system(text)", "std::system(text)", "sprintf(a, b)", "rand()", "popen(a, b)"]:
            with self.subTest(call=call):
                self.assert_sees(house_rules.violations, {"ctl/a.cc": f"void f() {{ {call}; }}\n"}, "ctl/a.cc",
                                 "nobody calls")
        self.assertEqual(list(house_rules.violations(self.tree({"tests/stacks/a.cc": "int a = system(0);\n"}))), [])
        fine = 'void f() { a.rand(); my::system(1); snprintf(x, 1, "system(1)"); }  // system(1)\n'
        self.assertEqual(list(house_rules.violations(self.tree({"ctl/a.cc": fine}))), [])

    def test_paths_from_a_compilers_cache(self):
        self.assert_sees(house_rules.violations, {"tests/unit/a.cc": "auto p = path(__FILE__);\n"}, "WARREN_SOURCE_DIR")

    def test_rulers_that_a_formatter_broke(self):
        broken = "int a;\n    // --- peers\n    // -------------\n"
        self.assert_sees(house_rules.violations, {"base/ip.cc": broken}, "base/ip.cc:3", "ruler")
        whole = "// --- peers -----------\n// A table:\n// -\n"
        self.assertEqual(list(house_rules.violations(self.tree({"base/ip.cc": whole}))), [])

    def test_reinterpret_cast_on_packets(self):
        text = "auto f(void* p) { return reinterpret_cast<char*>(p); }\n"
        self.assert_sees(house_rules.violations, {"vpnd/dataplane/a.cc": text}, "ByteReader")
        self.assert_sees(house_rules.violations, {"vpnd/wireguard/a.cc": text}, "ByteReader")
        self.assertEqual(list(house_rules.violations(self.tree({"vpnd/io/a.cc": text}))), [])


class Headers(FakeTree):
    def violations(self, root):
        with tempfile.TemporaryDirectory() as work:
            yield from headers.violations(root, work, COMPILER)

    def test_a_header_that_leans_on_another(self):
        changes = {path: "#pragma once\n" for path in CLEAN if path.endswith(".h")}
        self.assertEqual(list(self.violations(self.tree(changes))), [])
        leaning = {**changes, "base/a.h": "#pragma once\nstd::size_t size();\n"}
        self.assert_sees(self.violations, leaning, "base/a.h")
        self.assert_sees(self.violations, {**leaning, "base/a.cc": '#include <cstddef>\n#include "base/a.h"\n'},
                         "base/a.h")
        build_fails = {**leaning, "base/a.cc": '#include "base/a.h"\n'}
        self.assertEqual(list(self.violations(self.tree(build_fails))), [])
        self.assert_sees(self.violations, {**changes, "base/b.h": "struct TwiceDefined {};\n"}, "base/b.h",
                         "TwiceDefined")


class Symbols(unittest.TestCase):
    """Builds libraries of one object per source, named as in the table."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.compiled = {}  # text -> its object

    def object_of(self, text):
        if text not in self.compiled:
            source = os.path.join(self.directory, f"{len(self.compiled)}.cc")
            with open(source, "w", encoding="utf-8") as file:
                file.write(text)
            subprocess.run([*COMPILER, "-std=c++20", "-O1", "-w", "-c", source, "-o", source + ".o"], check=True)
            self.compiled[text] = source + ".o"
        return self.compiled[text]

    def archive(self, library, sources):
        directory = tempfile.mkdtemp(dir=self.directory)
        objects = [shutil.copy(self.object_of(text), os.path.join(directory, f"{name}.cc.o"))
                   for name, text in sources.items()]
        path = os.path.join(directory, f"lib{library}.a")
        subprocess.run(["ar", "rcs", path, *objects], check=True)
        return path

    def violations(self, library=None, source=None, text="", library_two=None, others=None, leave_out=()):
        """What is found when one source of a clean set of libraries is `text`, and `others` of a second library."""
        clean = {
            "base": {
                **{source: "" for source in rooms.IMPURE_BASE},
                "log": "namespace warren { void log() {} }",
                "check": CHECK,
                "ip": IP,
            },
            "crypto": {"random": "namespace warren { void draw() {} }", "legacy_provider": "", "passphrase_box": "",
                       "sealed_text": "", "authority": "", "aead": ""},
            "history": {"disk": "", "store": "", "write_back": "", "revisions": ""},
            "eap": {"tls": "", "tls_session": ""},
            "config": {"load": "", "file_reader": "", "customer_files": "", "parse": ""},
            "wireguard": {"engine": ""},
            "dataplane": {"fib": ""},
            "stacks_plan": {"desired": "", "plan": ""},
            "web_model": {"census": ""},
        }
        if library:
            clean[library][source] = text
        if library_two:
            clean[library_two].update(others)
        for name in leave_out:
            del clean[name[0]][name[1]]
        return list(symbols.violations({name: self.archive(name, sources) for name, sources in clean.items()}))

    def test_clean_libraries_have_no_violation(self):
        fine = """
            #include <string>
            #include <vector>
            namespace warren { int ip(); }
            std::string f(std::vector<int>& v, const char* p) {
                v.push_back(warren::ip());
                return std::string(p) + std::to_string(v.at(0));
            }
        """
        self.assertEqual(self.violations("wireguard", "engine", fine), [])

    def test_calls_of_the_system(self):
        calls = ["socket", "send", "sendmsg", "recvmsg", "recvmmsg", "epoll_wait", "open", "openat", "read", "write",
                 "ioctl"]
        calls += ["clock_gettime", "gettimeofday", "time", "pthread_create", "pthread_mutex_lock", "getenv", "printf",
                  "puts", "syslog"]
        calls += ["getrandom", "randombytes_buf", "nanosleep", "fork", "setns"]
        text = "".join(f'extern "C" int {call}(int); int use_{call}() {{ return {call}(1) + 1; }}\n' for call in calls)
        found = self.violations("dataplane", "fib", text)
        for call in calls:
            self.assertTrue(any(f"dataplane/fib: calls {call}," in line for line in found), f"{call} not in {found}")
        self.assertEqual(len(found), len(calls))

    def test_each_pure_object_is_looked_at(self):
        text = 'extern "C" int socket(int); int f() { return socket(1) + 1; }'
        pure = [("crypto", "aead"), ("config", "parse"), ("wireguard", "engine"), ("dataplane", "fib")]
        for library, source in pure + [("stacks_plan", "plan"), ("stacks_plan", "desired"), ("web_model", "census")]:
            with self.subTest(library=library, source=source):
                self.assertTrue(any(f"{library}/{source}: calls socket" in line
                                    for line in self.violations(library, source, text)))
        for library, source in [("crypto", "random"), ("config", "load"), ("base", "ip")]:
            with self.subTest(library=library, source=source):
                self.assertEqual(self.violations(library, source, text), [])

    def test_clocks_threads_and_streams_of_cpp(self):
        text = """
            #include <chrono>
            #include <condition_variable>
            #include <fstream>
            #include <iostream>
            #include <random>
            #include <thread>
            long steady() { return std::chrono::steady_clock::now().time_since_epoch().count(); }
            long wall() { return std::chrono::system_clock::now().time_since_epoch().count(); }
            void thread() { std::thread([] {}).join(); }
            void file() { std::ofstream("x") << 1; }
            void print() { std::cout << 1; }
            unsigned draw() { return std::random_device()(); }
            void wait(std::condition_variable& c) { c.notify_one(); }
        """
        found = "\n".join(self.violations("wireguard", "engine", text))
        clocks = ["steady_clock3now", "system_clock3now"]
        for word in clocks + ["St6thread", "basic_ofstream", "St4cout", "random_device", "condition_variable"]:
            self.assertIn(word, found)

    def test_a_virtual_function_on_the_packets_path(self):
        text = "struct Shape { virtual ~Shape(); virtual int area(); };"
        text += "int Shape::area() { return 1; } Shape::~Shape() {}"
        self.assertTrue(any("dataplane/fib: has the virtual functions _ZTV5Shape" in line
                            for line in self.violations("dataplane", "fib", text)))
        self.assertEqual(self.violations("wireguard", "engine", text), [])

    def test_ours_that_is_not_pure(self):
        log = "namespace warren { void log(); } void f() { warren::log(); }"
        self.assertTrue(any("base/log, which is not pure" in line
                            for line in self.violations("wireguard", "engine", log)))
        draw = "namespace warren { void draw(); } void f() { warren::draw(); }"
        self.assertTrue(any("crypto/random, which is not pure" in line
                            for line in self.violations("dataplane", "fib", draw)))
        nowhere = "namespace warren::io { void send(); } void f() { warren::io::send(); }"
        self.assertTrue(any("which no pure library defines" in line
                            for line in self.violations("dataplane", "fib", nowhere)))

    def test_what_pure_code_uses_of_a_mixed_library(self):
        plan = "namespace warren { void observe(); } void f() { warren::observe(); }"
        fine = self.violations("stacks_plan", "plan", plan, library_two="base",
                               others={"ip": "namespace warren { void observe() {} }"})
        self.assertEqual(fine, [])
        reads = 'extern "C" int read(int); namespace warren { void observe() { read(1); } }'
        found = self.violations("stacks_plan", "plan", plan, library_two="base", others={"ip": reads})
        self.assertEqual(len(found), 1)
        self.assertIn("base/ip (used by stacks_plan/plan): calls read", found[0])

    def test_a_failed_check_may_write_its_last_words(self):
        text = "namespace warren { void check_failed(); } void f() { warren::check_failed(); }"
        found = self.violations("wireguard", "engine", text)
        self.assertEqual(found, [])

    def test_primitives_outside_of_crypto(self):
        text = 'extern "C" int EVP_CipherUpdate(int); int f() { return EVP_CipherUpdate(1) + 1; }'
        self.assertEqual(self.violations("crypto", "aead", text), [])
        self.assertTrue(any("calls EVP_CipherUpdate" in line for line in self.violations("wireguard", "engine", text)))

    def test_a_table_that_names_what_is_not_there(self):
        self.assertEqual(self.violations(leave_out=[("crypto", "random")]), ["crypto: no object random; mend rooms.py"])
        self.assertEqual(self.violations(leave_out=[("config", "load")]), ["config: no object load; mend rooms.py"])


class Table(unittest.TestCase):
    def test_rooms_are_found_by_their_longest_directory(self):
        self.assertEqual(rooms.room_of("vpnd/main.cc"), "vpnd")
        self.assertEqual(rooms.room_of("vpnd/io/clock.h"), "vpnd/io")
        self.assertEqual(rooms.room_of("config/examples/a.h"), "config")
        self.assertIsNone(rooms.room_of("attic/a.h"))


if __name__ == "__main__":
    COMPILER = sys.argv[1:] or COMPILER
    unittest.main(argv=sys.argv[:1])
