"""A disk with programs that a test needs in a guest and that the firmware lacks: Python, this project's tests and
bench, and programs with their libraries. The command `MOUNT` makes it usable there."""

import os
import re
import shutil

from . import guest, netlab
from .warren import ROOT

PYTHON = "/usr/bin/python3.11"
LIBRARY = "/usr/lib/python3.11"
HERE = "/run/tools"
MOUNT = (f"mkdir -p {HERE} && mount /dev/disk/by-label/TOOLS {HERE} && cd {HERE} && "
         f"export PYTHONHOME={HERE}/usr PYTHONDONTWRITEBYTECODE=1 LD_LIBRARY_PATH={HERE}/lib PATH=$PATH:{HERE}/bin")
# The guest has these libraries itself: it is a Debian 12, like this host.
C_LIBRARY = re.compile(r"/(libc|libm|ld-linux-x86-64|libgcc_s|libpthread|librt|libdl)\.so")


def _libraries(program):
    return [path for path in re.findall(r"=> (/\S+)", netlab.run("ldd", program).stdout) if not C_LIBRARY.search(path)]


def pack(lab, programs=(), files=None, megabytes=160):
    """Makes the disk and returns its path. `programs` go into bin/, `files` ({name: text}) into the root."""
    tree = lab.path("tools")
    os.makedirs(f"{tree}/bin")
    os.makedirs(f"{tree}/lib")
    skip = shutil.ignore_patterns("__pycache__", "test", "tests", "idlelib", "lib2to3", "ensurepip", "pydoc_data",
                                  "tkinter", "config-*", "*.a", "turtle*")
    shutil.copytree(LIBRARY, f"{tree}{LIBRARY}", symlinks=True, ignore=skip)
    for part in ("tests/lab", "bench"):
        shutil.copytree(f"{ROOT}/{part}", f"{tree}/{part}", ignore=shutil.ignore_patterns("__pycache__", "*.cc", "*.h"))
    for program in (PYTHON, *programs):
        shutil.copy(program, f"{tree}/bin")
        for library in _libraries(program):
            shutil.copy(library, f"{tree}/lib")
    os.symlink(os.path.basename(PYTHON), f"{tree}/bin/python3")
    for name, text in (files or {}).items():
        with open(f"{tree}/{name}", "w") as out:
            out.write(text)
    return guest.make_disk(lab.path("tools.raw"), "TOOLS", tree, megabytes)
