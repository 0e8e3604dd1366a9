#!/usr/bin/env python3
"""Reads the texts of the tree: lines of at most 120 columns, citations that lead somewhere, plain English.

Usage: texts.py columns|citations|words ROOT
Prints one line per violation; exit status 1 when there is any.
"""

import os
import re
import sys

import rooms
import tree

COLUMNS = 120
KINDS = (".h", ".cc", ".py", ".sh", ".bash", ".md", ".scd", ".ts", ".tsx", ".mjs", ".css", ".json", ".cmake", ".toml",
         "CMakeLists.txt")
FREE = ("package-lock.json", "mock/words.json", "monitoring/dashboard.json")  # made by a program
INPUTS = ("corpus", "vectors", "golden")  # directories of what tests read

WORDS = [
    (re.compile(r"\b(?:[Hh]e|[Hh]is|[Hh]im|himself)\b"), "it, its: a customer is a company, a peer a machine"),
    (re.compile(r"\b(?:customer|peer|client|sender)s?,? who\b"), "that"),
    (re.compile(r"\b[Dd]ear\b"), "expensive"),
    (re.compile(r"\b[Ii]n vain\b"), "failed, without success"),
    (re.compile(r"\b[Ww]hat came\b"), "what arrived, what was received"),
    (re.compile(r"\b[Tt]enants?\b"), "customer"),
]
PROSE = (".md", ".scd", ".json")
STRING_OR_COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|`[^`]*`|#[^\n]*',
                               re.DOTALL)

PAGE = re.compile(r"(?<![\w./@-])([\w-]+\.md)\b")  # without its directory
PATH = re.compile(r"(?<![\w./-])((?:[a-z_]+/)+[A-Za-z_0-9.@-]*[A-Za-z_0-9])(?![\w*{<(]|/[\w*{<$])")
DECISION = re.compile(r"\bdecisions?[ /](\d{4})\b")
ROW = re.compile(r"\bconformance(?:\.md)? ([A-Z]{1,2}\d+)\b")
SOURCE_ENDINGS = ("", ".h", ".cc", ".py", ".md", ".ts", ".tsx", ".mjs", ".scd")


def text_files(root):
    """What people write: code, scripts whatever they are called, prose."""
    for path in tree.files(root, [""]):
        if set(INPUTS) & set(path.split(os.sep)) or path.endswith(FREE):
            continue
        if path.endswith(KINDS) or tree.interpreter_of(root, path):
            yield path


def long_lines(root):
    for path in text_files(root):
        for number, line in enumerate(tree.read(root, path).split("\n"), 1):
            if len(line) > COLUMNS:
                yield f"{path}:{number}: {len(line)} columns; {COLUMNS} is the limit"


def texts_of(root, path):
    """(line, text) of what is meant for people: prose whole, of code the comments and the strings."""
    text = tree.read(root, path)
    if path.endswith(PROSE):
        yield from enumerate(text.split("\n"), 1)
        return
    for match in STRING_OR_COMMENT.finditer(text):
        first = text.count("\n", 0, match.start()) + 1
        for offset, line in enumerate(match.group(0).split("\n")):
            yield first + offset, line


def unplain_words(root):
    for path in text_files(root):
        if path.startswith("tests/arch/") or path.endswith(".css"):
            continue
        for number, text in texts_of(root, path):
            for word, better in WORDS:
                found = word.search(text)
                if found:
                    yield f'{path}:{number}: "{found.group(0)}": say {better}'


def exists(root, path, cited):
    """A file or directory, also named without its ending, or from the directory of the file that cites it."""
    starts = [root, os.path.join(root, os.path.dirname(path))]
    return any(os.path.exists(os.path.join(start, cited + end)) for start in starts for end in SOURCE_ENDINGS)


def dead_citations(root):
    rows = set(re.findall(r"^#+ ([A-Z]{1,2}\d+)\b", tree.read(root, "docs/conformance.md"), re.MULTILINE))
    pages = {os.path.basename(path) for path in tree.files(root, [".md"])}
    decisions = {name[:4] for name in os.listdir(os.path.join(root, "docs/decisions"))}
    tops = {name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name))} - tree.LEFT_OUT
    for path in text_files(root):
        if path.startswith("tests/arch/") or path.endswith((".json", ".css")):
            continue
        for number, text in enumerate(tree.read(root, path).split("\n"), 1):
            comment = path.endswith((".md", ".scd")) or re.search(r"//|^\s*#(?!\s*include)|^\s*\*", text)
            for cited in PATH.findall(text) if comment else []:
                parts = cited.split("/")
                made = bool(set(parts) & tree.LEFT_OUT)
                if parts[0] in tops and not made and not exists(root, path, cited.rstrip(".")):
                    yield f"{path}:{number}: cites {cited}, which does not exist"
            for cited in PAGE.findall(text) if comment else []:
                if cited not in pages:
                    yield f"{path}:{number}: cites {cited}, which does not exist"
            for cited in DECISION.findall(text):
                if cited not in decisions:
                    yield f"{path}:{number}: cites decision {cited}, which does not exist"
            for cited in ROW.findall(text):
                if cited not in rows:
                    yield f"{path}:{number}: cites row {cited}, which docs/conformance.md does not have"


CHECKS = {"columns": long_lines, "citations": dead_citations, "words": unplain_words}


def violations(name, root):
    yield from CHECKS[name](root)


def main(arguments):
    found = list(violations(arguments[1], arguments[2]))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
