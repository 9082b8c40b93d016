#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the code of a page compiles: its ```cpp blocks, one after the other, are one source file.

check_guide.py <page.md> -- <compiler> <flags…>
"""

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


def source_of(page: Path) -> str:
    """The blocks of a page; what the compiler says names the page's own lines."""
    source: list[str] = []
    inside = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("```"):
            inside = line == "```cpp"
            if inside:
                source.append(f'#line {number + 1} "{page.name}"')
        elif inside:
            source.append(line)
    text = "\n".join(source) + "\n"
    return text if "#include <tina/" in text or not source else PRELUDE + text


def main() -> int:
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        print("usage: check_guide.py <page.md> -- <compiler> <flags...>", file=sys.stderr)
        return 2
    source = source_of(Path(sys.argv[1]))
    if not source.strip():
        print(f"{sys.argv[1]} has no ```cpp block")
        return 1
    command = [*sys.argv[3:], "-fsyntax-only", "-fdiagnostics-color=never", "-x", "c++", "-"]
    return subprocess.run(command, input=source, text=True, check=False, timeout=100).returncode


if __name__ == "__main__":
    sys.exit(main())
