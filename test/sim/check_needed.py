#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shrinks the failing runs of a scenario, and checks that each small file is short, fails alike, and passes without
any one of its edits of faults or orders. Usage: check_needed.py PROGRAM SCENARIO COUNT [FLAGS…], where COUNT is how
many failing seeds to try. Exit status 0 if all is well."""

import subprocess
import sys
import tempfile
from pathlib import Path

LINES_MAX = 80  # a page: each operation that is left brings a line for each of its values
SEEDS_MAX = 2000


def run(program: str, folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run([program, *arguments], cwd=folder, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def signature(output: str) -> str:
    return output.partition("FAILED  ")[2].partition("   seed")[0]


def check(program: str, folder: Path, large: str, sizes: list[int]) -> str:
    """What is wrong with what is left of a run; nothing if all is well."""
    status, output = run(program, folder, "shrink", large, "-o", "small.replay")
    lines = (folder / "small.replay").read_text().splitlines() if status == 0 else []
    if status != 0:
        return f"{large}: shrink ends with {status}:\n{output}"
    sizes.append(len(lines))
    failure = signature(run(program, folder, "replay", "small.replay")[1])
    for index, line in enumerate(lines):
        if not line.startswith("edit ") or line.startswith(("edit operation ", "edit workload ")):
            continue
        (folder / "less.replay").write_text("\n".join([*lines[:index], *lines[index + 1:-1], "end by-hand"]) + "\n")
        status, output = run(program, folder, "replay", "less.replay")
        if status not in (0, 1) or signature(output) == failure:
            return f"{large} fails without `{line}` too:\n{output}" + "\n".join(lines)
    return ""


def main() -> int:
    program, scenario, count, *flags = sys.argv[1:]
    program = str(Path(program).resolve())
    checked, sizes = 0, []
    with tempfile.TemporaryDirectory() as name:
        for seed in range(1, SEEDS_MAX):
            if checked == int(count):
                break
            if run(program, Path(name), "run", scenario, "--seed", str(seed), *flags)[0] != 1:
                continue
            checked += 1
            if wrong := check(program, Path(name), f"{scenario}-{seed}.replay", sizes):
                print(wrong)
                return 1
    # One whose fault strikes the fortieth of its kind needs the thirty-nine before it: a few may be long.
    long = sum(size > LINES_MAX for size in sizes)
    print(f"{checked} failing runs, of {', '.join(map(str, sizes))} lines when shrunk")
    if long * 4 > checked:
        print(f"{long} of them have more than {LINES_MAX} lines")
        return 1
    return 0 if checked == int(count) else 1


if __name__ == "__main__":
    sys.exit(main())
