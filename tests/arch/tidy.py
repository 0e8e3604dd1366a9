#!/usr/bin/env python3
"""clang-tidy over the shipped C++, with the checks that find mistakes. What was read and had none is not read again
before it, a header of ours that it includes, or the checks change.

Usage: tidy.py quick|full ROOT BUILD WORK     BUILD has compile_commands.json, WORK remembers what had no finding
Prints one line per violation; exit status 1 when there is any.

quick: the bugprone checks, where what strangers send is read: about 70 files, 100 s on two cores the first time.
full:  all checks of .clang-tidy over all that is shipped, about 200 files: 15 minutes, so it runs when it is named.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import layers
import rooms
import tree

PROGRAM = "clang-tidy-14"
# Without those that find nothing here and take longest: measured with --enable-check-profile.
QUICK_CHECKS = (
    "-*,bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-narrowing-conversions,"
    "-bugprone-implicit-widening-of-multiplication-result,-bugprone-reserved-identifier,-bugprone-stringview-nullptr"
)
QUICK_ROOMS = ["base", "crypto", "ipc", "vpnd/packet", "vpnd/turns", "vpnd/dataplane", "vpnd/control", "vpnd/wireguard",
               "vpnd/ike"]
FINDING = re.compile(r"^(.+?:\d+:\d+: (?:warning|error): .*)$", re.MULTILINE)


def commands(root, build, is_quick):
    """Source -> the command that compiles it, of what is shipped."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    for entry in entries:
        path = os.path.relpath(entry["file"], root)
        room = None if path.startswith(("..", "build")) else rooms.room_of(path)
        if room is not None and room not in rooms.OPEN_ROOMS and (not is_quick or room in QUICK_ROOMS):
            yield path, entry["command"]


def fingerprint(root, graph, path, command, checks):
    """Changes with everything of ours that a reading of `path` depends on."""
    digest = hashlib.sha256(f"{PROGRAM}\n{checks}\n{command}\n".encode())
    for name in sorted([path, *layers.reach(graph, path)]):
        digest.update(f"{name}\n{tree.read(root, name)}".encode())
    return digest.hexdigest()


def findings(root, build, path, checks):
    command = [PROGRAM, "--quiet", "-p", build, "--warnings-as-errors=*", "--extra-arg=-w",
               *([f"--checks={checks}"] if checks else []), path]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    found = [line.replace(root + "/", "") for line in FINDING.findall(result.stdout)]
    if result.returncode != 0 and not found:
        found = [f"{path}: {PROGRAM} ended with status {result.returncode}: {result.stderr.strip()[-300:]}"]
    return found


def violations(mode, root, build, work):
    if not shutil.which(PROGRAM):
        yield f"{PROGRAM} is not installed: tools/setup lint"
        return
    os.makedirs(work, exist_ok=True)
    graph = layers.includes(root)
    checks = QUICK_CHECKS if mode == "quick" else ""
    configuration = checks or tree.read(root, ".clang-tidy")

    def look_at(source):
        path, command = source
        mark = os.path.join(work, f"{mode}-" + path.replace("/", "_"))
        wanted = fingerprint(root, graph, path, command, configuration)
        if os.path.exists(mark) and tree.read(work, os.path.basename(mark)) == wanted:
            return []
        found = findings(root, build, path, checks)
        if not found:
            with open(mark, "w", encoding="utf-8") as file:
                file.write(wanted)
        return found

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        seen = set()
        for found in pool.map(look_at, commands(root, build, mode == "quick")):
            for line in found:
                if line not in seen:  # a header is read with each source
                    seen.add(line)
                    yield line


def main(arguments):
    mode, root, build, work = arguments[1], *map(os.path.abspath, arguments[2:5])
    found = False
    for line in violations(mode, root, build, work):
        found = True
        print(line, flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
