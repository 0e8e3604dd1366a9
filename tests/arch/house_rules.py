#!/usr/bin/env python3
"""Rules of the house that a machine can read: sizes of files, words that do not belong here, calls that nobody makes.

Usage: house_rules.py ROOT
Prints one line per violation; exit status 1 when there is any.
"""

import os
import re
import sys

import rooms
import tree

CODE = [".h", ".cc", ".py", ".cmake", ".sh", ".ts", ".tsx"]
SCRIPTS = ["run", "test"]
MOST_LINES = 600
MADE = ["web/ui/src/api/types.ts"]  # by a program, from a text of another language

# Each word is spelled with a bracket so that this file does not contain it.
FORBIDDEN_WORDS = re.compile(
    r"/wor[k]/|\bissu[e]s? #?\d|\bissu[e]s show\b|(?<![\w&])#[1-9]\d{0,4}(?=[\s.,;:)]|$)"
    r"|\bsub-?agen[t]s?\b|\bclaud[e]\b|\banthropi[c]\b|\bopena[i]\b|\bchatgp[t]\b|\bcopilo[t]\b|\blanguage mode[l]\b"
    r"|registry\.npm[j]s\.org|\bpyp[i]\.org|pythonhoste[d]\.org|\bcrates[.]io\b|proxy\.golan[g]\.org",
    re.IGNORECASE,
)

FORBIDDEN_CALLS = re.compile(
    r"(?<![\w:.>])(?:std::|::)?(strcpy|strcat|sprintf|vsprintf|gets|system|popen|rand|srand|alloca|tmpnam|mktemp)\s*\("
)
SENT = re.compile(r"\bvoid fields\(auto& \w+, (?:ipc::)?Is<(\w+)>")
COMPARED = re.compile(r"\bcheck_list<(\w+)>")
BROKEN_RULER = re.compile(r"^\s*// -{4,}$", re.MULTILINE)
COMMENT_OR_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def check_sizes(root):
    for path in tree.files(root, CODE + SCRIPTS):
        lines = tree.read(root, path).count("\n")
        if lines > MOST_LINES and path not in MADE:
            yield f"{path}: {lines} lines; {MOST_LINES} is the limit, split it by concern"


def check_messages(root):
    """Each value that is sent has its list of fields compared with its members."""
    path = "tests/unit/ipc/fields_test.cc"
    headers = [header for header in tree.files(root, [".h"]) if header.startswith("ipc/")]
    sent = {name: header for header in headers for name in SENT.findall(tree.read(root, header))}
    compared = set(COMPARED.findall(tree.read(root, path))) if sent else set()
    for name, header in sent.items():
        if name not in compared:
            yield f"{header}: {path} does not compare the fields of {name}"


def check_words(root):
    for path in tree.files(root, [""]):
        if "corpus" in path.split(os.sep) or not tree.is_text(root, path):
            continue
        for number, line in enumerate(tree.read(root, path).splitlines(), 1):
            found = FORBIDDEN_WORDS.search(line)
            if found:
                yield f"{path}:{number}: {found.group(0)!r} does not belong into the repository"


def check_code(root):
    for path in tree.files(root, [".h", ".cc"]):
        raw = tree.read(root, path)
        text = COMMENT_OR_TEXT.sub("", raw)
        if path.endswith(".h") and "#pragma once" not in text:
            yield f"{path}: no #pragma once"
        if path.endswith(".h") and re.search(r"\busing\s+namespace\s+(?!std::\w*literals\b)", text):
            yield f"{path}: a header may not say `using namespace`"
        for ruler in BROKEN_RULER.finditer(raw):
            line = raw.count("\n", 0, ruler.end()) + 1
            yield f"{path}:{line}: a ruler without a title; clang-format breaks a long one: // --- title ---"
        shipped = rooms.room_of(path) not in rooms.OPEN_ROOMS
        for call in FORBIDDEN_CALLS.findall(text) if shipped else []:
            yield f"{path}: nobody calls {call}()"
        if path != "base/check.h" and "__FILE__" in text:
            yield f"{path}: a compiler's cache gives __FILE__ the path of another copy; use WARREN_SOURCE_DIR"
        if rooms.room_of(path) in ("vpnd/wireguard", "vpnd/ike", "vpnd/dataplane") and "reinterpret_cast" in text:
            yield f"{path}: packets are read with ByteReader, not with reinterpret_cast"


def violations(root):
    yield from check_sizes(root)
    yield from check_messages(root)
    yield from check_words(root)
    yield from check_code(root)


def main(arguments):
    found = list(violations(arguments[1]))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
