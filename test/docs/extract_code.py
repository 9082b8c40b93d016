#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the C++ of a guide to a file that can be compiled: extract_code.py GUIDE.md OUT.cpp

All blocks marked ```cpp, in order, as one translation unit, after the includes that a guide takes for granted.
Compilers name the guide and its lines.
"""

import sys
from pathlib import Path

PRELUDE = """// SPDX-License-Identifier: Apache-2.0
// The code of a guide; made from it, not to be edited.
#include <tina/fmt.hpp>
#include <tina/tina.hpp>

#include <bit>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

using namespace std::chrono_literals;
"""


def code_of(guide: Path) -> str:
    """The blocks, each behind a #line that leads back to the guide."""
    code = []
    inside = False
    for number, line in enumerate(guide.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            inside = line == "```cpp"
            if inside:
                code.append(f'#line {number + 1} "{guide}"')
        elif inside:
            code.append(line)
    if not code:
        sys.exit(f"{guide}: no block of C++; mark one with ```cpp, or take the guide off the list")
    return "\n".join(code) + "\n"


def main() -> None:
    guide, out = map(Path, sys.argv[1:])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(PRELUDE + code_of(guide), encoding="utf-8")


if __name__ == "__main__":
    main()
