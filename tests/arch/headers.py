#!/usr/bin/env python3
"""Compiles every header alone, so that none leans on what another file happens to include before it.

A header that is the first include of the source of the same name is compiled alone by every build; the others are
compiled here.

Usage: headers.py ROOT WORK_DIRECTORY COMPILER...     the compiler may have a launcher before it, flags after it
Prints the first errors of each header that does not compile; exit status 1 when there is any.
"""

import concurrent.futures
import os
import re
import subprocess
import sys

import tree

SECONDS_PER_HEADER = 60
ENVIRONMENT = {**os.environ, "CCACHE_DEPEND": "1"}  # saves ccache a run of the preprocessor


def compile_alone(root, work, header, compiler):
    """The compiler's complaint; empty when there is none."""
    source = os.path.join(work, header.replace(os.sep, "-") + ".cc")
    with open(source, "w", encoding="utf-8") as file:
        file.write(f'#include "{header}"\n#include "{header}"\n')
    # To an object, not only -fsyntax-only, because that is what ccache remembers.
    command = [*compiler, "-std=c++20", "-O0", "-MD", "-I", root, "-c", source, "-o", source + ".o"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_PER_HEADER, check=False,
                          env=ENVIRONMENT)
    return "" if done.returncode == 0 else "\n".join(done.stderr.splitlines()[:12])


def is_first_in_its_source(root, header):
    source = header[: -len(".h")] + ".cc"
    if not os.path.exists(os.path.join(root, source)):
        return False
    first = re.search(r"^[ \t]*#[ \t]*include[ \t]*(\S+)", tree.read(root, source), re.MULTILINE)
    return first is not None and first.group(1) == f'"{header}"'


def violations(root, work, compiler):
    os.makedirs(work, exist_ok=True)
    headers = [header for header in tree.files(root, [".h"]) if not is_first_in_its_source(root, header)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = pool.map(lambda header: compile_alone(root, work, header, compiler), headers)
        for header, complaint in zip(headers, complaints):
            if complaint:
                yield f"{header} does not compile alone:\n{complaint}"


def main(arguments):
    found = list(violations(os.path.abspath(arguments[1]), arguments[2], arguments[3:]))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
