"""The files of a source tree, without what builds and tools leave in it."""

import os

LEFT_OUT = {".git", "build", "node_modules", "__pycache__", ".cache", ".pytest_cache", "dist"}


def files(root, suffixes):
    """Paths relative to `root` that end in one of `suffixes`, sorted."""
    found = []
    for directory, subdirectories, names in os.walk(root):
        subdirectories[:] = sorted(d for d in subdirectories if d not in LEFT_OUT)
        found += [os.path.relpath(os.path.join(directory, n), root) for n in names if n not in LEFT_OUT and n.endswith(tuple(suffixes))]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def is_text(root, path):
    with open(os.path.join(root, path), "rb") as file:
        return b"\0" not in file.read(4096)
