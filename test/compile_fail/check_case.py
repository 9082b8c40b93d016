#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that a file does not compile, and that the compiler says why in the words that a user needs.

check_case.py <file> -- <compiler> <flags…>

The file's opening comment holds lines of these forms:
// expect: <text>        must not compile, and <text> is in what the compiler says; all of several
// expect-clang: <text>  the same where the compiler is clang++ only
// expect-gcc: <text>    the same where it is g++ only
// expect-ok             a control: the same program without its mistake, which must compile
"""

import re
import subprocess
import sys
from pathlib import Path

HEAD_LINES = 15
OUTPUT_LINES_SHOWN = 40


def expectations(text: str, family: str) -> tuple[bool, list[str]]:
    """Whether the file must compile, and what the compiler of this family must say if not."""
    must_compile = False
    wanted = []
    for line in text.splitlines()[:HEAD_LINES]:
        match = re.match(r"// expect(-ok|-clang|-gcc)?(?::\s*(.*))?$", line.rstrip())
        if not match:
            continue
        kind, words = match.groups()
        must_compile = must_compile or kind == "-ok"
        if words and kind in (None, f"-{family}"):
            wanted.append(words)
    return must_compile, wanted


def compile_case(command: list[str], path: Path) -> tuple[int, str]:
    """Exit status and output of the compiler; nothing is written to disk."""
    done = subprocess.run([*command, "-fsyntax-only", "-fdiagnostics-color=never", str(path)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=100)
    return done.returncode, done.stdout


def verdict(status: int, output: str, must_compile: bool, wanted: list[str]) -> str:
    """What is wrong; empty if all is as expected."""
    if must_compile:
        return "" if status == 0 else "is a control and must compile, but does not"
    if not wanted:
        return "says neither `// expect: <text>` nor `// expect-ok` in its opening comment"
    if status == 0:
        return "compiles, but must not"
    missing = [words for words in wanted if words not in output]
    return f"is refused, but not with these words: {'; '.join(missing)}" if missing else ""


def main() -> int:
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        print("usage: check_case.py <file> -- <compiler> <flags...>", file=sys.stderr)
        return 2
    path, command = Path(sys.argv[1]), sys.argv[3:]
    family = "clang" if "clang" in Path(command[0]).name else "gcc"
    must_compile, wanted = expectations(path.read_text(encoding="utf-8"), family)
    status, output = compile_case(command, path)
    problem = verdict(status, output, must_compile, wanted)
    if problem:
        print(f"{path.name} {problem}. The compiler said:")
        print("\n".join(output.splitlines()[:OUTPUT_LINES_SHOWN]) or "(nothing)")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
