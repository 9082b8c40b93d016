#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts a public header into the words of doxygen: filter.py <header>. Every line stays on its line.

What begins a header becomes the page of the file. `Units:` and the other labels become paragraphs with a heading. What
stands below `/// For the runtime` (or the interpreter, or the compiler) is left out to the end of the public part, and
so are specializations of templates that belong to others.
"""

import re
import sys
from pathlib import Path

LICENSE = "// SPDX-License-Identifier"
LABELS = "Units|Yields|Lifetime|Affinity|Cost|Source"
LABEL = re.compile(rf"^(?P<indent>\s*/// )(?P<names>(?:{LABELS})(?:, (?:{LABELS}))*): +")
NOT_FOR_READERS = re.compile(r"^\s*/// For the (?:runtime|interpreter|compiler)\b")
END_OF_PUBLIC = re.compile(r"^(?:private|protected):|^};")
OF_OTHERS = re.compile(r"^struct (?:std|fmt)::")
DIGITS_APART = re.compile(r"(?<=[0-9a-f])'(?=[0-9a-f])")


def file_comment(lines: list[str]) -> None:
    """The paragraph at the top, as documentation of the file."""
    if not lines or not lines[0].startswith(LICENSE):
        return
    lines[0] = "/// @file"
    for number, line in enumerate(lines[1:], start=1):
        if not line.startswith("//"):
            return
        lines[number] = "/" + line


def label(match: re.Match[str]) -> str:
    return f"{match['indent']}@label{{{match['names'].replace(', ', chr(92) + ', ')}}} "


def leave_out(lines: list[str]) -> None:
    """Blanks what is public for the sake of the implementation only, and what is tina's in namespaces of others."""
    hidden = foreign = False
    for number, line in enumerate(lines):
        if OF_OTHERS.match(line):
            foreign = not line.endswith("};")
            lines[number] = ""
            first = number - 1
            while first >= 0 and (lines[first].startswith("template <") or lines[first].startswith("///")):
                lines[first] = ""
                first -= 1
        elif foreign:
            foreign = not line.startswith("};")
            lines[number] = ""
        elif NOT_FOR_READERS.match(line):
            hidden = True
            lines[number] = ""
        elif hidden and END_OF_PUBLIC.match(line):
            hidden = False
        elif hidden:
            lines[number] = ""


def main() -> int:
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    file_comment(lines)
    leave_out(lines)
    for line in lines:
        if not line.lstrip().startswith("//"):
            line = DIGITS_APART.sub("", line)
        print(LABEL.sub(label, line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
