#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that programs are linked with the same objects of a library, which are compiled once.

same_objects_test.py <ninja> <build folder> <library's file> <its source> <program> <program> [<program>...]
Exit status 77: the build is not one of ninja's.
"""

import shlex
import subprocess
import sys
from pathlib import Path


def ask(ninja: str, build: Path, *question: str) -> list[str]:
    """The lines that ninja answers about the build's graph; it builds nothing."""
    command = [ninja, "-C", str(build), "-t", *question]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line for line in answer.splitlines() if not line.startswith("ninja: ")]


def words_of(command: str) -> list[str]:
    """Without the shell's own words, which a link command begins and ends with."""
    return shlex.split(command.replace("&&", " "))


def objects_of(commands: list[str], source: str) -> set[str]:
    """What the source is compiled to, in all these commands."""
    objects = set()
    for words in map(words_of, commands):
        if "-c" in words and words[words.index("-c") + 1].endswith("/" + source):
            objects.add(words[words.index("-o") + 1])
    return objects


def main() -> int:
    ninja, build, library, source, *programs = sys.argv[1:]
    folder = Path(build)
    if not (folder / "build.ninja").exists():
        print("the build is not one of ninja's")
        return 77
    objects = objects_of(ask(ninja, folder, "commands", *programs), source)
    if len(objects) != 1:
        print(f"{source} is compiled to {sorted(objects)}; it must be compiled once")
        return 1
    compiled = objects.pop()
    for program in programs:
        inputs = ask(ninja, folder, "inputs", program)
        # What makes the program itself comes last.
        link = words_of(ask(ninja, folder, "commands", program)[-1])
        if compiled not in inputs or library not in inputs or library not in link:
            print(f"{program} is not linked with {library}, or that is not made of {compiled}")
            return 1
    print(f"{compiled} is in {library}, and that in {' and '.join(programs)}")
    return 0


sys.exit(main())
