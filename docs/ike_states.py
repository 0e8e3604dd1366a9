#!/usr/bin/python3
"""Makes the tables of docs/life-of-an-ike-exchange.md from vpnd/ike/states.cc.

    docs/ike_states.py          writes them
    docs/ike_states.py --check  fails if they are out of date

It reads the two tables as text. What it does not understand is an error, so that nothing is left out in silence.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = "docs/life-of-an-ike-exchange.md"

ROLES = {"kInitiator": "initiator", "kResponder": "responder", "kBoth": "either"}
UNTIL = {"kNone": "", "kRequest": "last try", "kLifetime": "lifetime"}
# Deadlines that are a time, and what vpnd/ike/limits.h calls it.
TIMES = {"kHalfOpen": "kHalfOpenLife", "kEap": "kEapLife", "kReplaced": "kReplacedLife", "kClosed": "kClosedLife"}
COLLISIONS = {
    "kAnswer": "answer",
    "kAnswerAndCompare": "compare",
    "kAnswerEmpty": "empty",
    "kRefuseForNow": "later",
    "kAnswerAndDrop": "void",
}
PEER_ASKS = {
    "kCreateChild": "create child",
    "kRekeySameChild": "rekey it",
    "kRekeyOtherChild": "rekey other",
    "kDeleteSameChild": "delete it",
    "kDeleteOtherChild": "delete other",
    "kRekeyIke": "rekey IKE",
    "kDeleteIke": "delete IKE",
}


def read(path):
    with open(os.path.join(ROOT, path)) as source:
        return source.read()


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL)


def enumerators(header, name):
    body = re.search(rf"enum class {name} [^{{]*\{{(.*?)\}};", without_comments(header), re.DOTALL).group(1)
    return re.findall(r"\bk\w+", body)


def names_of(source, kind):
    """{enumerator: text} of name_of(), or of a table of names."""
    found = dict(re.findall(rf'case {kind}::(k\w+): return "([^"]*)"', source))
    return found or dict(re.findall(rf'\{{{kind}::(k\w+), "([^"]*)"\}}', source))


def snake(enumerator):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", enumerator.removeprefix("k")).lower()


class States:
    """What states.cc says, in the words of the page."""

    def __init__(self):
        self.source, self.header = read("vpnd/ike/states.cc"), read("vpnd/ike/states.h")
        self.code = without_comments(self.source)
        numbers = read("vpnd/ike/numbers.cc")
        self.states, self.tasks = names_of(self.source, "IkeState"), names_of(self.source, "Task")
        self.exchanges, self.payloads = names_of(numbers, "ExchangeType"), names_of(numbers, "PayloadType")
        self.sets = dict(re.findall(r"constexpr PayloadSet (k\w+) = ([^;]*);", self.code))
        self.aliases = dict(re.findall(r"constexpr auto (k\w+) = \w+::(k\w+);", self.code))
        limits = read("vpnd/ike/limits.h")
        times = {deadline: re.search(rf"\b{limit} = (\d+)s;", limits).group(1) for deadline, limit in TIMES.items()}
        self.until = UNTIL | {deadline: f"{seconds} s" for deadline, seconds in times.items()}

    def payload_set(self, expression):
        """The payloads of `set(kSa, kKe) | kNotes`, in the order in which they are written."""
        out = []
        for part in expression.split("|"):
            part = part.strip()
            if part == "0":
                continue
            listed = re.fullmatch(r"set\((.*)\)", part)
            names = [name.strip() for name in listed.group(1).split(",")] if listed else None
            out += [self.payloads[name] for name in names] if names else self.payload_set(self.sets[part])
        return list(dict.fromkeys(out))

    def rows(self):
        """(state, role, message, payloads, step, next state, until) of each row."""
        table = re.search(r"kRows = std::to_array<Row>\(\{(.*?)\}\);", self.code, re.DOTALL).group(1)
        entries = re.findall(r"\{([^{}]*)\}", table)
        if len(entries) != table.count("Step::"):
            raise ValueError("kRows has entries of a form that this script does not read")
        for entry in entries:
            fields = [field.strip() for field in re.split(r",(?![^()]*\))", entry)]
            state, exchange, role, direction, required, _, step, then, deadline = fields
            last = [field.split("::")[1] for field in (state, step, then, deadline)]
            message = f"{self.exchanges[self.aliases[exchange]]} {direction.removeprefix('k').lower()}"
            yield (self.states[last[0]], ROLES[self.aliases[role]], message, ", ".join(self.payload_set(required)),
                   snake(last[1]), self.states[last[2]], self.until[last[3]])

    def collisions(self):
        """(our request, what is done for each that the peer may ask)."""
        table = re.search(r"kCollisions\{\{(.*?)\}\};", self.code, re.DOTALL).group(1)
        lines = [[cell.strip() for cell in line.split(",")] for line in re.findall(r"\{([^{}]*)\}", table)]
        tasks, asks = enumerators(self.header, "Task"), enumerators(self.header, "PeerAsks")
        if len(lines) != len(tasks) or any(len(line) != len(asks) for line in lines) or asks != list(PEER_ASKS):
            raise ValueError("kCollisions has another form than this script reads")
        for task, line in zip(tasks, lines):
            yield self.tasks[task], [COLLISIONS[self.aliases[cell]] for cell in line]


def table(head, rows):
    lines = [head, ["-" * 3] * len(head), *rows]
    return "".join(f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in cells)}|\n" for cells in lines)


def tables():
    states = States()
    seen, rows = None, []
    for state, role, message, payloads, step, then, until in states.rows():
        rows.append([f"**{state}**" if state != seen else "", role, message, payloads, f"`{step}`", then, until])
        seen = state
    return {
        "states": table(["state", "we are", "the peer sends", "with", "step", "then", "until"], rows),
        "collisions": table(["our request", *PEER_ASKS.values()],
                            [[task, *cells] for task, cells in states.collisions()]),
    }


def main():
    text = present = read(PAGE)
    for name, made in tables().items():
        begin, end = f"<!-- {name}: made by docs/ike_states.py -->\n", "<!-- end -->"
        if text.count(begin) != 1:
            sys.exit(f"{PAGE} has no place for the table of {name}")
        before, rest = text.split(begin)
        text = before + begin + "\n" + made + "\n" + rest[rest.index(end):]
    if "--check" in sys.argv:
        if text != present:
            sys.exit(f"{PAGE} is out of date: run docs/ike_states.py")
    elif text != present:
        with open(os.path.join(ROOT, PAGE), "w") as out:
            out.write(text)


if __name__ == "__main__":
    main()
