#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the harness on the zoo: each planted bug is found within its seeds, shrinks to its size, needs each edit that
is left, and fails alike when it is replayed; its twin never fails. Usage: zoo_test.py PROGRAM bug ID | twin ID SEEDS |
table. Exit status 0 if all is well."""

import subprocess
import sys
import tempfile
from pathlib import Path

HAND_WRITTEN_END = "end by-hand"


class Wrong(Exception):
    """What is not as it must be; its text is for people."""


def run(program: str, folder: Path, *arguments: str) -> tuple[int, str]:
    """Status and output of the program, run in `folder`."""
    done = subprocess.run([program, *arguments], cwd=folder, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def need(holds: bool, what: str, output: str = "") -> None:
    if not holds:
        raise Wrong(f"{what}\n{output}")


def animals(program: str, folder: Path) -> dict[str, tuple[int, int, bool]]:
    """Seeds, edits and whether exploring is guided, by id."""
    status, output = run(program, folder, "animals")
    need(status == 0, "the table of animals cannot be had", output)
    rows = [line.split() for line in output.splitlines()]
    return {row[0]: (int(row[1]), int(row[2]), row[3] == "guided") for row in rows}


def property_of(replay: Path) -> str:
    """The signature that a replay file expects, still quoted."""
    for line in replay.read_text().splitlines():
        if line.startswith("expect failure "):
            return line[len("expect failure "):].split('"')[1]
    raise Wrong(f"{replay.name} expects no failure")


def find(program: str, folder: Path, name: str, seeds: int, guided: bool) -> Path:
    """Explores; answers the replay file of the lowest seed."""
    options = ["--guided"] if guided else []
    status, output = run(program, folder, "explore", name, "--seeds", f"1..{seeds}", "--jobs", "2", "--partial",
                         *options)
    need(status == 1, f"{name} is not found by seeds 1 to {seeds} (exit status {status})", output)
    found = sorted(folder.glob(f"{name}-*.replay"), key=lambda path: int(path.stem.rsplit("-", 1)[1]))
    need(len(found) == 1, f"{name} must fail in one way, but left {[path.name for path in found]}", output)
    return found[0]


def shrink(program: str, folder: Path, replay: Path, edits_max: int) -> Path:
    """Shrinks; answers the small file."""
    small = folder / "small.replay"
    status, output = run(program, folder, "shrink", replay.name, "-o", small.name)
    need(status == 0, f"{replay.name} does not shrink (exit status {status})", output)
    edits = [line for line in small.read_text().splitlines() if line.startswith("edit ")]
    need(1 <= len(edits) <= edits_max, f"{len(edits)} edits are left instead of 1 to {edits_max}",
         output + small.read_text())
    need(property_of(small) == property_of(replay), "shrinking has come to another failure", output)
    print(output, end="")
    return small


def check_that_it_fails_alike(program: str, folder: Path, small: Path) -> None:
    status, output = run(program, folder, "replay", small.name)
    need(status == 1 and f"FAILED  {property_of(small)} " in output and "differ" not in output.lower(),
         f"the small file does not fail as it says (exit status {status})", output)


def check_that_each_edit_is_needed(program: str, folder: Path, small: Path) -> None:
    lines = small.read_text().splitlines()
    for index, line in enumerate(lines):
        if not line.startswith("edit "):
            continue
        less = folder / "less.replay"
        less.write_text("\n".join([*lines[:index], *lines[index + 1:-1], HAND_WRITTEN_END]) + "\n")
        status, output = run(program, folder, "replay", less.name)
        need(status in (0, 1), f"a file without an edit is refused (exit status {status})", output)
        need(f"FAILED  {property_of(small)} " not in output, f"it fails without `{line}` too", output)


def check_bug(program: str, folder: Path, name: str) -> None:
    table = animals(program, folder)
    need(name in table, f"{name} is not in the table of animals")
    seeds, edits_max, guided = table[name]
    small = shrink(program, folder, find(program, folder, name, seeds, guided), edits_max)
    check_that_it_fails_alike(program, folder, small)
    check_that_each_edit_is_needed(program, folder, small)


def check_twin(program: str, folder: Path, name: str, seeds: int) -> None:
    for faults, last in (("swarm", seeds), ("declared", seeds // 4)):
        status, output = run(program, folder, "explore", f"{name}_fixed", "--seeds", f"1..{last}", "--jobs", "2",
                             "--partial", "--faults", faults)
        need(status == 0, f"a false alarm: the twin of {name} fails (exit status {status})", output)


def check_table(program: str, folder: Path) -> None:
    status, output = run(program, folder, "list")
    listed = {line.split()[0] for line in output.splitlines() if line.strip()}
    wanted = {name + end for name in animals(program, folder) for end in ("", "_fixed")}
    need(status == 0 and wanted == listed, f"scenarios and table differ in {sorted(wanted ^ listed)}", output)


def main() -> int:
    program, what, *rest = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        try:
            if what == "bug":
                check_bug(program, Path(folder), rest[0])
            elif what == "twin":
                check_twin(program, Path(folder), rest[0], int(rest[1]))
            else:
                check_table(program, Path(folder))
        except Wrong as reason:
            print(reason)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
