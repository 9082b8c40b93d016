#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that what a page calls rejected is rejected: each ```cpp rejected block is a source file of its own, which
must not compile, and the compiler must say what stands behind `// error:` in its first line.

check_rejected.py <page.md> -- <compiler> <flags…>
"""

import re
import subprocess
import sys
from pathlib import Path

from check_guide import PRELUDE

BLOCK = re.compile(r"^```cpp rejected\n// error: (?P<error>[^\n]+)\n(?P<source>.*?)^```$", re.MULTILINE | re.DOTALL)


def is_rejected(command: list[str], block: re.Match[str]) -> bool:
    done = subprocess.run(command, input=PRELUDE + block["source"], text=True, check=False, timeout=100,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0 and block["error"] in done.stdout:
        return True
    print(f"not rejected, or for another reason than: {block['error']}\n{done.stdout}")
    return False


def main() -> int:
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        print("usage: check_rejected.py <page.md> -- <compiler> <flags...>", file=sys.stderr)
        return 2
    command = [*sys.argv[3:], "-fsyntax-only", "-fdiagnostics-color=never", "-x", "c++", "-"]
    page = Path(sys.argv[1]).read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(page))
    if len(blocks) != page.count("```cpp rejected") or not blocks:
        print(f"{sys.argv[1]}: a block that says no error, or no block at all")
        return 1
    return 0 if all([is_rejected(command, block) for block in blocks]) else 1


if __name__ == "__main__":
    sys.exit(main())
