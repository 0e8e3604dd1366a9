#!/usr/bin/env python3
"""Reads the log lines of the daemons: every level has lines, can be chosen, and events are named alike.

Usage: log_lines.py ROOT
Prints one line per violation; exit status 1 when there is any.
"""

import re
import sys

import rooms
import tree

DAEMONS = {"stackd": "stacks", "vpnd": "vpnd", "authd": "auth", "statusd": "web", "fleetd": "fleet", "alertd": "alerts"}
# The main() of those that stackd starts.
CHILDREN = ["vpnd", "authd", "statusd", "alertd"]
CHILD_MAIN = "ipc/child.cc"
LEVELS = re.compile(r"enum class LogLevel[^{]*\{([^}]*)\}")
LINE = re.compile(r"\blog\s*\(")
USED = re.compile(r"(?<!set_log_level\()(?<![<>] )(?<![<>=!]= )LogLevel::(k\w+)")  # not set, not compared with
EVENT = re.compile(r'"((?:\\.|[^"\\])*)"')
SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def calls(text):
    """The arguments of each log(...), with the place where they begin."""
    for match in LINE.finditer(text):
        depth, end = 1, match.end()
        while depth > 0 and end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        yield match.start(), text[match.end() : end - 1]


def first_two(arguments):
    """The level and the event: what stands before the second comma outside of brackets."""
    parts, depth, begin = [], 0, 0
    for place, letter in enumerate(arguments):
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(arguments[begin:place])
            begin = place + 1
    return (parts + [arguments[begin:]])[:2]


def violations(root):
    levels = re.findall(r"k\w+", "".join(LEVELS.findall(tree.read(root, "base/log_level.h"))))
    if not levels:
        yield "base/log_level.h: there is no enum class LogLevel"
    used = {room: set() for room in DAEMONS.values()}
    chosen = set()
    for path in tree.files(root, [".cc", ".h"]):
        room = rooms.room_of(path)
        if room is None or room in rooms.OPEN_ROOMS or path.startswith(("base/log.", "base/log_level.")):
            continue
        text = tree.read(root, path)
        daemon = path.split("/")[0]
        homes = [DAEMONS[name] for name in CHILDREN] if path == CHILD_MAIN else [daemon]
        if "set_log_level(" in text:
            chosen.update(homes)
        for home in used.keys() & set(homes):  # a level may also be picked before the line is written
            used[home].update(USED.findall(text))
        for place, arguments in calls(text):
            parts = first_two(arguments)
            if len(parts) < 2 or "LogLevel level" in parts[0]:
                continue
            for event in EVENT.findall(parts[1]):
                if not SNAKE_CASE.fullmatch(event):
                    line = text.count("\n", 0, place) + 1
                    yield f'{path}:{line}: the log event "{event}" is not in lower_snake_case'
    for daemon, room in DAEMONS.items():
        for level in levels:
            if level not in used[room]:
                yield f"base/log_level.h: no line of {daemon} has LogLevel::{level}"
        if room not in chosen:
            yield f"base/log_level.h: {daemon} never calls set_log_level(): a level cannot be reached"


def main(arguments):
    found = list(violations(arguments[1]))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
