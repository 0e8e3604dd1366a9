"""The files of a source tree, without what builds and tools leave in it."""

import os
import re

LEFT_OUT = {".git", "build", "node_modules", "__pycache__", ".cache", ".pytest_cache", "dist"}  # directories
SHELL = re.compile(r"#!\s*\S*\b(?:env\s+)?(?:busybox\s+)?(?:ba|da)?sh\b")
PYTHON = re.compile(r"#!\s*\S*\b(?:env\s+)?python3?\b")


def files(root, suffixes):
    """Paths relative to `root` that end in one of `suffixes`, sorted."""
    found = []
    for directory, subdirectories, names in os.walk(root):
        subdirectories[:] = sorted(d for d in subdirectories if d not in LEFT_OUT)
        here = [os.path.relpath(os.path.join(directory, name), root) for name in names if name != ".git"]
        found += [path for path in here if path.endswith(tuple(suffixes))]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def is_text(root, path):
    with open(os.path.join(root, path), "rb") as file:
        return b"\0" not in file.read(4096)


def interpreter_of(root, path):
    """The first line of a script, "" of any other file."""
    with open(os.path.join(root, path), "rb") as file:
        first = file.readline(200)
    return first.decode(errors="replace") if first.startswith(b"#!") else ""


def shell_scripts(root):
    """Shell scripts by their first line, whatever they are called, and the files that they source."""
    for path in files(root, [""]):
        if path.endswith((".sh", ".bash")) or SHELL.match(interpreter_of(root, path)):
            yield path
