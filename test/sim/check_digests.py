#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the digests of some runs with those of a file: they are the same with every compiler, at every level of
optimisation, for ever. Usage: check_digests.py FILE FOLDER, where FOLDER has the programs. A change of the runtime or
the simulator that changes what happens in a run changes them too: then, and only then, say --renew behind it, which
writes the file anew, and look whether the difference is one that was meant. Exit status 0 if all are the same."""

import subprocess
import sys
import tempfile
from pathlib import Path


def digest_of(program: Path, arguments: list[str]) -> str:
    """The digest that a run prints, or what it prints instead."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([str(program), "run", *arguments], cwd=folder, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout.rpartition("digest ")[2].split()[0] if "digest " in done.stdout else repr(done.stdout)


def main() -> int:
    file, folder = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    lines, differing = [], 0
    for line in file.read_text().splitlines():
        if not line or line.startswith("#"):
            lines.append(line)
            continue
        expected, program, *arguments = line.split()
        came = digest_of(folder / program, arguments)
        lines.append(" ".join([came, program, *arguments]))
        if came != expected:
            differing += 1
            print(f"{program} run {' '.join(arguments)}: the digest is {came}, and was {expected}")
    if sys.argv[3:] == ["--renew"]:
        file.write_text("\n".join(lines) + "\n")
        return 0
    if differing:
        print(f"If the change was meant: {' '.join(sys.argv)} --renew")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
