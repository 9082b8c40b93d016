#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the house style over the whole tree. Each failure is one line: `file:line: rule: what; cure`.

check_style.py              all rules
check_style.py --rule NAME  one rule
check_style.py --list       the names of the rules
check_style.py --self-test  feeds each rule examples, good and bad, and checks that it tells them apart
"""

import argparse
import os
import sys
from pathlib import Path

from rules import RULES, Failure, Rule, foreign_libraries_have_one_door, second_doors
from source_text import Source

ROOT = Path(__file__).resolve().parents[2]
TEXT_SUFFIXES = {"", ".hpp", ".cpp", ".S", ".py", ".sh", ".cmake", ".in", ".txt", ".md", ".json", ".yml"}
# Written by others, or by a build.
SKIPPED_FOLDERS = {"build", "__pycache__", "vcpkg_installed"}
SKIPPED_FILES = {"LICENSE"}
HIDDEN_FOLDERS_READ = {".ci", ".github"}


def is_read(folder: str) -> bool:
    """Whether a folder of this name is the project's own."""
    return folder not in SKIPPED_FOLDERS and (folder[0] != "." or folder in HIDDEN_FOLDERS_READ)


def read_tree(root: Path) -> list[Source]:
    """All text files of the project, in a fixed order."""
    sources = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(filter(is_read, folders))
        for name in sorted(files):
            path = Path(folder, name)
            if name in SKIPPED_FILES or name[0] == "." or path.suffix not in TEXT_SUFFIXES:
                continue
            try:
                text = path.read_bytes().decode()
            except (OSError, UnicodeDecodeError):
                continue  # a dangling link, or not a text
            sources.append(Source(path.relative_to(root).as_posix(), text))
    return sources


def check(rule: Rule, sources: list[Source]) -> list[tuple[Source, Failure]]:
    """All failures of one rule."""
    paths = {source.path for source in sources}
    failures = [(source, failure) for source in sources for failure in rule(source, paths)]
    if rule is foreign_libraries_have_one_door:
        failures += second_doors(sources)
    return failures


def report(rules: list[Rule], sources: list[Source]) -> bool:
    """Prints the failures of `rules`; says whether there were none that count."""
    clean = True
    for rule in rules:
        for source, failure in check(rule, sources):
            mark = "warning: " if failure.warning else ""
            print(f"{source.path}:{failure.line}: {mark}{rule.__name__}: {failure.what}; {failure.cure}")
            clean = clean and failure.warning
    return clean


def self_test() -> bool:
    """Whether each rule fires on its bad examples, on the expected line, and on none of the good ones."""
    from examples import EXAMPLES

    right = True
    for rule in RULES:
        mine = [example for example in EXAMPLES if example.rule == rule.__name__]
        if not any(example.lines for example in mine):
            print(f"{rule.__name__}: no bad example; add one to examples.py")
            right = False
        for example in mine:
            sources = [Source(path, text) for path, text in example.files.items()]
            lines = sorted(failure.line for _, failure in check(rule, sources))
            if lines != example.lines:
                print(f"{rule.__name__}: {example.why}: fires on lines {lines} instead of {example.lines}")
                right = False
    return right


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rule", choices=[rule.__name__ for rule in RULES])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--root", type=Path, default=ROOT, help="the tree to check")
    options = parser.parse_args()

    if options.list:
        print("\n".join(rule.__name__ for rule in RULES))
        return 0
    if options.self_test:
        return 0 if self_test() else 1
    rules = [rule for rule in RULES if options.rule in (None, rule.__name__)]
    return 0 if report(rules, read_tree(options.root)) else 1


if __name__ == "__main__":
    sys.exit(main())
