#!/usr/bin/env python3
"""Formatters, and the program that reads shell scripts, over all of the tree: they only look, and change nothing.

Usage: formatters.py clang-format|shellcheck|prettier ROOT
Prints one line per violation; exit status 1 when there is any.
"""

import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

import tree

CLANG_FORMAT = "clang-format-14"  # another version formats otherwise
FILES_AT_ONCE = 20
PAGE = "web/ui"


class Missing(Exception):
    """A program that is not installed."""


def program(name, group):
    if not shutil.which(name):
        raise Missing(f"{name} is not installed: tools/setup {group}")
    return name


def run_on(command, paths, root):
    """The output of `command` with `paths` behind it, a few at a time and as many at once as there are processors."""
    parts = [paths[i : i + FILES_AT_ONCE] for i in range(0, len(paths), FILES_AT_ONCE)]

    def run(part):
        return subprocess.run([*command, *part], cwd=root, capture_output=True, text=True, check=False)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(run, parts):
            yield from (result.stdout + result.stderr).splitlines()


def unformatted_code(root):
    """C++ that clang-format would change, once a file."""
    command = [program(CLANG_FORMAT, "lint"), "--dry-run", "-Werror", "--style=file"]
    seen = set()
    for line in run_on(command, tree.files(root, [".h", ".cc"]), root):
        found = re.match(r"(?:\./)?(.+?\.(?:h|cc)):(\d+):\d+: error:", line)
        if found and found.group(1) not in seen:
            seen.add(found.group(1))
            yield f"{found.group(1)}:{found.group(2)}: not as clang-format has it: {CLANG_FORMAT} -i {found.group(1)}"
        elif not found and line.startswith("Error"):  # of its own, such as a configuration that it cannot read
            yield f"{CLANG_FORMAT}: {line}"


def doubtful_scripts(root):
    """What shellcheck says of the shell scripts; .shellcheckrc says how it reads them."""
    for line in run_on([program("shellcheck", "lint"), "--format=gcc"], list(tree.shell_scripts(root)), root):
        if line.strip():
            yield line


def page_packages(root):
    """The directory of the status page's packages, prettier among them. Installs them when it is not there."""
    directory = os.path.join(os.path.abspath(root), PAGE, "node_modules")
    if not os.path.isdir(directory):
        install = [program("npm", "web"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        result = subprocess.run(install, cwd=os.path.dirname(directory), capture_output=True, text=True, check=False)
        if result.returncode:
            raise Missing(f"prettier is not installed: npm --prefix {PAGE} ci: {result.stderr.strip()}")
    return directory


def unformatted_page(root):
    """What prettier would change of the status page and of the browser's tests."""
    page_packages(root)
    command = [program("npm", "web"), "run", "--silent", "format:check"]
    plain = {key: value for key, value in os.environ.items() if key != "FORCE_COLOR"} | {"NO_COLOR": "1"}
    result = subprocess.run(command, cwd=os.path.join(root, PAGE), env=plain, capture_output=True, text=True,
                            check=False)
    found = False
    for line in (result.stdout + result.stderr).splitlines() if result.returncode else []:
        if line.startswith(("[warn] ", "[error] ")) and "Code style issues" not in line:
            found = True
            yield f"{PAGE}/{line.split('] ', 1)[1]}: not as prettier has it: npm --prefix {PAGE} run format"
    if result.returncode and not found:
        yield f"{PAGE}: prettier failed: {(result.stdout + result.stderr).strip()}"


CHECKS = {"clang-format": unformatted_code, "shellcheck": doubtful_scripts, "prettier": unformatted_page}


def violations(name, root):
    try:
        yield from CHECKS[name](root)
    except Missing as error:
        yield str(error)


def main(arguments):
    found = list(violations(arguments[1], arguments[2]))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
