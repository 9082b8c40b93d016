#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does what a tutorial tells its reader to do, in a folder of its own, and looks whether the page tells the truth.

check_tutorial.py <page.md> <source file's name> <scratch folder> <folder of tina> [--write]

Of the page: ```cpp and ```cmake blocks are appended to the source file and to CMakeLists.txt; a ```diff is applied to
the source file; of an ```sh block each line is run, and must end with the status in its comment `# exit status 1`, or
0; the lines of a ```text block must come, in that order, in the output of the commands before it. What every change of
tina moves is not compared: numbers of events, times, digests; nor is what stands for a line `...`. `--write` puts what
came into the page instead, into blocks without such a line.
Of a ```console block the lines after `$ ` are run, whatever their status, and the others must come. With `-` as the
source file nothing but ```console blocks is looked at.
The scratch folder is emptied first; <folder of tina> is to be found there as `tina`. The compiler is that of $CXX.
Exit status 0 if the page is true.
"""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SECONDS_MAX = 1500
MOVES = [
    (re.compile(r"\b[0-9a-f]{16}\b"), "DIGEST"),
    (re.compile(r"\b(events?) \d{1,3}( \d{3})*"), r"\1 N"),
    (re.compile(r"\b\d{1,3}( \d{3})* (events?|runs failed|failed runs)\b"), r"N \2"),
    (re.compile(r"\(\d+ runs\)"), "(N runs)"),
    (re.compile(r"\b\d{1,3}( \d{3})*(\.\d+)? (s|ms|us|ns)\b"), "TIME"),
    (re.compile(r"^[ !]*\d{1,3}( \d{3})*  +"), "N  "),
    (re.compile(r"^N +\d+\.\d+ "), "N  AT "),
    (re.compile(r"<- \d+"), "<- N"),
    (re.compile(r" = \d{5,}$"), " = N"),
    (re.compile(r"#\d+\b"), "#N"),
    (re.compile(r" +"), " "),
]


class Wrong(Exception):
    """What is not as the page says; its text is for people."""


@dataclass
class Block:
    """A fenced block: its kind, its lines, and the line of the page at which they begin."""

    kind: str
    lines: list[str]
    line: int


def blocks_of(page: str) -> list[Block]:
    """All fenced blocks, in order."""
    blocks: list[Block] = []
    inside = False
    for number, line in enumerate(page.splitlines(), start=1):
        if line.startswith("```"):
            inside = not inside
            if inside:
                blocks.append(Block(line[3:], [], number + 1))
        elif inside:
            blocks[-1].lines.append(line)
    return blocks


def without_what_moves(line: str) -> str:
    for pattern, instead in MOVES:
        line = pattern.sub(instead, line.rstrip())
    return line.strip()


class Reader:
    """Who follows the page: where he is, and what he saw last."""

    def __init__(self, source: str, scratch: Path) -> None:
        self.source = source
        self.folder = scratch
        self.output = ""

    def append(self, name: str, lines: list[str]) -> None:
        path = self.folder / name
        before = path.read_text() + "\n" if path.exists() else ""
        path.write_text(before + "\n".join(lines) + "\n")

    def apply(self, block: Block) -> None:
        """A diff of one place, which is found by its lines."""
        path = self.folder / self.source
        text = path.read_text()
        before = "\n".join(line[1:] for line in block.lines if not line.startswith("+")) + "\n"
        after = "\n".join(line[1:] for line in block.lines if not line.startswith("-")) + "\n"
        if text.count(before) != 1:
            raise Wrong(f"line {block.line}: what is to be changed is there {text.count(before)} times")
        path.write_text(text.replace(before, after))

    def run(self, block: Block) -> None:
        self.output = ""
        for offset, line in enumerate(block.lines):
            self._run_line(line, block.line + offset)

    def run_console(self, block: Block) -> None:
        """Commands and what they say, by turns."""
        self.output = ""
        shown = []
        for offset, line in enumerate(block.lines):
            if line.startswith("$ "):
                self._run_line(f"{line[2:]} || true", block.line + offset)
            shown.append("" if line.startswith("$ ") else line)
        self.compare(Block("text", shown, block.line))

    def _run_line(self, line: str, number: int) -> None:
        wanted = re.search(r"# exit status (\d+)$", line)
        where = self.folder / ".folder"
        script = f"{line}\nstatus=$?\npwd >'{where}'\nexit $status\n"
        print(f"$ {line}", flush=True)
        done = subprocess.run(["/bin/sh", "-c", script], cwd=self.folder, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=SECONDS_MAX)
        print(done.stdout, end="", flush=True)
        self.output += done.stdout
        self.folder = Path(where.read_text().rstrip("\n"))
        where.unlink()
        if done.returncode != int(wanted.group(1) if wanted else 0):
            raise Wrong(f"line {number}: `{line}` ended with exit status {done.returncode}")

    def compare(self, block: Block) -> None:
        came = [without_what_moves(line) for line in self.output.splitlines()]
        at = 0
        for offset, line in enumerate(block.lines):
            if line.strip() in ("", "..."):
                continue
            wanted = without_what_moves(line)
            if wanted not in came[at:]:
                raise Wrong(f"line {block.line + offset}: this does not come, or not there: {wanted}")
            at = came.index(wanted, at) + 1


def follow(page: Path, reader: Reader, write: bool) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    moved = 0
    for block in blocks_of("\n".join(lines)):
        if block.kind == "console":
            reader.run_console(block)
        elif reader.source == "-":
            continue
        elif block.kind == "cpp":
            reader.append(reader.source, block.lines)
        elif block.kind == "cmake":
            reader.append("CMakeLists.txt", block.lines)
        elif block.kind == "diff":
            reader.apply(block)
        elif block.kind == "sh":
            reader.run(block)
        elif block.kind == "text" and write and "..." not in block.lines:
            first = block.line - 1 + moved
            came = [line.rstrip() for line in reader.output.splitlines()]
            lines[first:first + len(block.lines)] = came
            moved += len(came) - len(block.lines)
        elif block.kind == "text":
            reader.compare(block)
        else:
            raise Wrong(f"line {block.line}: nobody knows what to do with a block ```{block.kind}")
    if write:
        page.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> int:
    if len(sys.argv) not in (5, 6):
        print(__doc__, file=sys.stderr)
        return 2
    page, source = Path(sys.argv[1]), sys.argv[2]
    scratch, tina = Path(sys.argv[3]).resolve(), Path(sys.argv[4])
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    (scratch / "tina").symlink_to(tina.resolve())
    try:
        follow(page, Reader(source, scratch), "--write" in sys.argv)
    except Wrong as reason:
        print(f"{page.name}, {reason}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
