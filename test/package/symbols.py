#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what a shared library of tina shows and needs: `symbols.py <library>`.

It may show symbols of namespace tina alone, and need liburing, Boost.Context, fmt and the C and C++ libraries alone.
"""

import re
import subprocess
import sys

NEEDED = re.compile(r"lib(fmt|boost_context|uring|stdc\+\+|m|gcc_s|c)\.so[.\d]*|ld-linux-x86-64\.so\.2")
SHOWN = re.compile(r"(typeinfo for |typeinfo name for |vtable for )?tina::")
FEWEST_EXPECTED = 100


def lines_of(*command: str) -> list[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    dynamic = lines_of("readelf", "--wide", "-d", sys.argv[1])
    needed = [found.group(1) for line in dynamic if (found := re.search(r"\(NEEDED\).*\[(.*)\]", line))]
    shown = [line.split(maxsplit=2)[2] for line in lines_of("nm", "-CD", "--defined-only", sys.argv[1])]
    faults = [f"it needs {each}" for each in needed if not NEEDED.fullmatch(each)]
    faults += [f"it shows {each}" for each in shown if not SHOWN.match(each)]
    if not any("(SONAME)" in line and "[libtina.so.0.1]" in line for line in dynamic):
        faults.append("its name for the loader is not libtina.so.0.1")
    if any("(RUNPATH)" in line or "(RPATH)" in line for line in dynamic):
        faults.append("it names folders where libraries are looked for")
    if not needed or len(shown) < FEWEST_EXPECTED:
        faults.append(f"it shows {len(shown)} symbols only, and needs {len(needed)} libraries")
    print(f"{len(shown)} symbols of namespace tina; needs {', '.join(needed)}", *faults, sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
