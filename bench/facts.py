"""Facts that every result carries: the machine and the version."""

import json
import os
import platform
import subprocess
import time


def machine():
    with open("/proc/cpuinfo") as cpuinfo:
        lines = cpuinfo.read().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), [])
    wanted = ("avx2", "avx512f", "avx512ifma", "vaes", "vpclmulqdq")
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    return {"cpu": model, "cores": os.cpu_count(), "features": [flag for flag in wanted if flag in flags],
            "memory_mb": memory // 1024, "kernel": platform.release(), "date": time.strftime("%Y-%m-%d")}


def commit(root):
    try:
        done = subprocess.run(["git", "-C", root, "describe", "--always", "--dirty"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    except FileNotFoundError:  # in a guest
        return "unknown"
    return done.stdout.strip() or "unknown"


def memory_kb(pids):
    """Anonymous memory of processes: their data, without programs and libraries."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as rollup:
            total += next(int(line.split()[1]) for line in rollup if line.startswith("Anonymous:"))
    return total


def save(root, name, result):
    """Writes build/bench/NAME.json and prints its path."""
    directory = os.path.join(root, "build", "bench")
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, f"{name}.json")
    with open(path, "w") as out:
        json.dump({"machine": machine(), "commit": commit(root), **result}, out, indent=2)
        out.write("\n")
    print(f"\nwritten to {os.path.relpath(path, root)}")
