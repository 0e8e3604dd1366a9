"""Adds up the results of ctest and pytest (JUnit files) and prints 'N passed, N failed, N skipped'. Exits with 1 if any
failed."""

import os
import re
import sys
from xml.etree import ElementTree

DOCTEST = re.compile(r"test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed\s*\|\s*(\d+) skipped")


def of_case(case):
    """(passed, failed, skipped) of one entry; a doctest program counts its cases."""
    failed = case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail"
    inside = DOCTEST.search(case.findtext("system-out") or "")
    if inside:
        passed, lost, skipped = map(int, inside.groups())
        return passed, max(lost, int(failed)), skipped  # a sanitizer may fail a program whose cases all passed
    if failed:
        return 0, 1, 0
    if case.find("skipped") is not None or case.get("status") in ("disabled", "notrun"):
        return 0, 0, 1
    return 1, 0, 0


def main(directory):
    totals = [0, 0, 0]
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        if name.endswith(".xml"):
            for case in ElementTree.parse(path).iter("testcase"):
                totals = [total + more for total, more in zip(totals, of_case(case))]
        elif name.endswith(".skipped"):
            with open(path) as count:
                totals[2] += int(count.read())
    print("{} passed, {} failed, {} skipped".format(*totals))
    return 1 if totals[1] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
