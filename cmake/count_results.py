#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up a test run: `count_results.py <ctest junit file> <folder of Boost.Test junit files>`.

Prints "passed failed skipped", and on stderr the output of what failed. A CTest that is a Boost.Test
executable counts case by case; any other, and one that left no readable result (it crashed, or ran out of
time), counts as one. CTest has the last word: what it calls failed counts as at least one failure, whatever
the executable wrote before it ended.
"""

import re
import sys
import xml.etree.ElementTree as xml
from collections import Counter
from pathlib import Path

LINES_SHOWN = 60
NOISE = re.compile(r"Leaving test (case|suite)|Entering test suite|is skipped because disabled")


def outcome_of_case(case: xml.Element) -> str:
    """What one <testcase> says: passed, failed, skipped, or left_out (by a filter: another CTest runs it)."""
    children = {child.tag for child in case}
    if children & {"failure", "error"} or case.get("status") == "fail":
        return "failed"
    if "skipped" not in children and case.get("status") not in ("notrun", "disabled"):
        return "passed"
    return "left_out" if "- reason: 'disabled'" in case.findtext("system-out", "") else "skipped"


def cases_in(path: Path) -> Counter[str]:
    """The outcomes in one junit file; empty if it is missing or was cut short."""
    try:
        return Counter(outcome_of_case(case) for case in xml.parse(path).iter("testcase"))
    except (OSError, xml.ParseError):
        return Counter()


def show_failure(test: xml.Element) -> None:
    """The end of what a failed CTest wrote, without the cases that only came and went."""
    lines = [line for line in test.findtext("system-out", "").splitlines() if not NOISE.search(line)]
    failure = test.find("failure")
    reason = failure.get("message") if failure is not None else None
    title = f"---- {test.get('name')}: {reason or 'failed'} ----"
    print(title, *lines[-LINES_SHOWN:], sep="\n", file=sys.stderr)


def count(ctest_file: Path, folder: Path) -> Counter[str]:
    """The outcomes of a whole run."""
    total: Counter[str] = Counter()
    for test in xml.parse(ctest_file).iter("testcase"):
        outcome = outcome_of_case(test)
        if outcome == "failed":
            show_failure(test)
        cases = cases_in(folder / f"{test.get('name')}.xml")
        if not cases or outcome == "skipped" or (outcome == "failed" and not cases["failed"]):
            cases[outcome] += 1
        total += cases
    return total


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: count_results.py <ctest junit file> <folder>", file=sys.stderr)
        return 2
    total = count(Path(sys.argv[1]), Path(sys.argv[2]))
    print(total["passed"], total["failed"], total["skipped"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
