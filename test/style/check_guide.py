#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the code of a page compiles: its ```cpp blocks, one after the other, are one source file.

check_guide.py <page.md> -- <compiler> <flags…>

A line `<!-- another file -->` of the page begins another source file, and `<!-- another file, with caf/all.hpp -->` one
that is looked at only where there is such a header; its warnings are no errors. A page without such blocks is
fine.
"""

import re
import subprocess
import sys
from pathlib import Path


# What a page takes for granted unless it includes tina itself.
PRELUDE = """#include <tina/fmt.hpp>
#include <tina/tina.hpp>
#include <bit>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <thread>
#include <utility>
using namespace std::chrono_literals;
"""


ANOTHER_FILE = re.compile(r"<!-- another file(?:, with ([\w./]+))? -->")


def sources_of(page: Path) -> list[tuple[str, list[str]]]:
    """The source files of a page, each with its flags; what the compiler says names the page's own lines."""
    headers: list[str] = [""]
    files: list[list[str]] = [[]]
    inside = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        mark = ANOTHER_FILE.fullmatch(line)
        if mark:
            headers.append(mark.group(1) or "")
            files.append([])
        elif line.startswith("```"):
            inside = line == "```cpp"
            if inside:
                files[-1].append(f'#line {number + 1} "{page.name}"')
        elif inside:
            files[-1].append(line)
    return [complete("\n".join(lines) + "\n", header) for lines, header in zip(files, headers) if lines]


def complete(text: str, header: str) -> tuple[str, list[str]]:
    """A source file that needs nothing else; empty for a compiler that does not find `header`."""
    if header:
        return f"#if __has_include(<{header}>)\n{text}#endif\n", ["-Wno-error"]
    return (text if "#include <tina/" in text else PRELUDE + text), []


def main() -> int:
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        print("usage: check_guide.py <page.md> -- <compiler> <flags...>", file=sys.stderr)
        return 2
    command = [*sys.argv[3:], "-fsyntax-only", "-fdiagnostics-color=never", "-x", "c++", "-"]
    sources = sources_of(Path(sys.argv[1]))
    print(f"{sys.argv[1]}: {len(sources)} source files")
    results = [subprocess.run([*command, *flags], input=text, text=True, check=False, timeout=100)
               for text, flags in sources]
    return 1 if any(result.returncode for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
