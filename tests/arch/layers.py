#!/usr/bin/env python3
"""Reads the #include and link lines of the tree against the table in rooms.py.

Usage: layers.py ROOT
Prints one line per violation; exit status 1 when there is any.
"""

import os
import re
import sys

import rooms
import tree

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
SYSTEM_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*<([^>]+)>", re.MULTILINE)
LIBRARY = re.compile(r"^\s*warren_library\(\s*(\w+)([^)]*)\)", re.MULTILINE)
LINK = re.compile(r"^\s*target_link_libraries\(\s*(\w+)([^)]*)\)", re.MULTILINE)

# Headers whose every use is I/O, a clock, a thread or the environment.
IMPURE_HEADERS = re.compile(
    r"^(sys/(socket|epoll|eventfd|timerfd|ioctl|mman|stat|uio|un|wait|prctl|resource)\.h|netinet/.*|net/.*"
    r"|linux/if.*|linux/netlink\.h"
    r"|poll\.h|unistd\.h|fcntl\.h|pthread\.h|sched\.h|signal\.h|syslog\.h|time\.h|ctime|csignal"
    r"|thread|mutex|shared_mutex"
    r"|condition_variable|future|semaphore|stop_token|latch|barrier|iostream|fstream|filesystem"
    r"|random|cstdio|stdio\.h)$"
)
IMPURE_WARREN_HEADERS = ["base/clock.h", "base/log.h", "base/fd.h", "base/parallel.h", "base/process_usage.h",
                         "base/sandbox.h", "base/write_all.h"]


def includes(root):
    """File -> the files of the tree that it includes, for the whole tree."""
    graph = {path: INCLUDE.findall(tree.read(root, path)) for path in tree.files(root, [".h", ".cc"])}
    for path, included in graph.items():
        # A test may name its helper in the same directory without the way there.
        if rooms.room_of(path) in rooms.OPEN_ROOMS:
            graph[path] = [name if name in graph else os.path.join(os.path.dirname(path), name) for name in included]
    return graph


def check_table(graph):
    """Every include line against MAY_INCLUDE; every name must be the path of a file from the root."""
    for path, included in graph.items():
        room = rooms.room_of(path)
        for name in included:
            if name not in graph:
                yield f'{path}: includes "{name}", which is no file of the tree (write the path from the root)'
                continue
            if room in rooms.OPEN_ROOMS:
                continue
            if room is None:
                yield f"{path}: lies in no room of tests/arch/rooms.py"
                break
            if rooms.room_of(name) != room and not rooms.matches(name, rooms.MAY_INCLUDE[room]):
                yield f'{path}: {room} may not include "{name}"'


def reach(graph, start):
    """Everything that `start` includes, also through others, with the path that leads there."""
    ways = {start: [start]}
    queue = [start]
    while queue:
        path = queue.pop(0)
        for name in graph.get(path, []):
            if name in graph and name not in ways:
                ways[name] = ways[path] + [name]
                queue.append(name)
    del ways[start]
    return ways


def check_reach(graph):
    for path in graph:
        for pattern, forbidden in rooms.MUST_NOT_REACH.items():
            if not rooms.matches(path, [pattern]):
                continue
            for name, way in reach(graph, path).items():
                if rooms.matches(name, forbidden):
                    yield f"{path}: must not reach {name}: {' -> '.join(way)}"


def check_circles(graph):
    """No file includes itself, nor do two rooms include each other."""
    for path in graph:
        for name in graph[path]:
            if name == path or path in reach(graph, name):
                yield f"{path}: circular include through {name}"
    edges = {}
    for path, included in graph.items():
        for name in included:
            pair = (rooms.room_of(path), rooms.room_of(name))
            # vpnd's own files stand above the rooms inside of it.
            if pair[0] != pair[1] and name in graph:
                edges.setdefault(pair, f"{path} includes {name}")
    for (a, b), example in edges.items():
        if (b, a) in edges and a not in rooms.OPEN_ROOMS and b not in rooms.OPEN_ROOMS:
            yield f"{a} and {b} include each other: {example}, {edges[(b, a)]}"


def check_pure_headers(root, graph):
    for path in graph:
        room = rooms.room_of(path)
        source = os.path.basename(path).rsplit(".", 1)[0]
        if room not in rooms.PURE or source in rooms.PURE[room]:
            continue
        for name in SYSTEM_INCLUDE.findall(tree.read(root, path)):
            if IMPURE_HEADERS.match(name):
                yield f"{path}: pure code may not include <{name}>"
        for name in graph[path]:
            if name in IMPURE_WARREN_HEADERS:
                yield f'{path}: pure code may not include "{name}"'


def check_links(root):
    """The libraries that each library is linked with: one of its rooms may include of each."""
    for path in tree.files(root, ["CMakeLists.txt"]):
        text = tree.read(root, path)
        for name, rest in LIBRARY.findall(text) + LINK.findall(text):
            homes = rooms.rooms_in(name)
            if not homes:
                continue
            if os.path.dirname(path) not in homes:
                yield f"{path}: library {name} belongs to {', '.join(homes)}"
                continue
            may = [pattern for room in homes for pattern in rooms.MAY_INCLUDE[room]]
            for linked in rest.split("LINK")[-1].split():
                targets = rooms.rooms_in(linked)
                if not targets or linked == name:
                    continue
                if not any(rooms.matches(target + "/", may) or any(one.startswith(target + "/") for one in may)
                           for target in targets):
                    yield f"{path}: {name} may not link {linked}"


def violations(root):
    graph = includes(root)
    yield from check_table(graph)
    yield from check_reach(graph)
    yield from check_circles(graph)
    yield from check_pure_headers(root, graph)
    yield from check_links(root)


def main(arguments):
    found = sorted(set(violations(arguments[1])))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
