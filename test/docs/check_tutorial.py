#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does what a tutorial tells its reader to do, in a folder of its own, and looks whether the page tells the truth.

check_tutorial.py <page.md> <source file's name> <scratch folder> <folder of tina> [--write]

Of the page: ```cpp and ```cmake blocks are appended to the source file and to CMakeLists.txt, or to the file that is
named behind that word; a ```diff is applied to the source file, or to the one that is named; of an ```sh block each
line is given to one and the same shell, and must end with the status in its comment `# exit status 1`, or 0; the lines
of a ```text block must come, in that order, in the output of the commands before it. Where a page starts a command in
the background (`&`), what it says counts too, and is waited for. What every change of tina moves is not compared:
numbers of events, times, digests; nor is what stands for a line `...`. `--write` puts what came into the page instead,
into blocks without such a line. A block of no kind is for people.
Of a ```console block the lines after `$ ` are run, whatever their status, and the others must come. With `-` as the
source file nothing but ```console blocks is looked at.
The scratch folder is emptied first; <folder of tina> is to be found there as `tina`. The compiler is that of $CXX.
Exit status 0 if the page is true.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

SECONDS_MAX = 1500
SECONDS_OF_PATIENCE = 20
MOVES = [
    (re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+Z"), "WHEN"),
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
    """A fenced block: its kind, the file that it names, its lines, and the line of the page at which they begin."""

    kind: str
    file: str
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
                kind, _, file = line[3:].partition(" ")
                blocks.append(Block(kind, file, [], number + 1))
        elif inside:
            blocks[-1].lines.append(line)
    return blocks


def without_what_moves(line: str) -> str:
    for pattern, instead in MOVES:
        line = pattern.sub(instead, line.rstrip())
    return line.strip()


class Shell:
    """One shell for all commands of a page, so that what is started in the background can be spoken of later."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._status = folder / ".status"
        self._log = tempfile.NamedTemporaryFile()
        self._process = subprocess.Popen(["/bin/bash", "--noprofile", "--norc"], cwd=folder, text=True,
                                         stdin=subprocess.PIPE, stdout=self._log, stderr=subprocess.STDOUT,
                                         start_new_session=True)

    def run(self, line: str) -> int:
        """Its exit status, when it has ended or goes on in the background."""
        assert self._process.stdin is not None
        new = f"{self._status}.new"
        self._process.stdin.write(f"{{ {line}\n}} </dev/null\n"
                                  f"echo \"$? $PWD\" >'{new}' && mv '{new}' '{self._status}'\n")
        self._process.stdin.flush()
        until = time.monotonic() + SECONDS_MAX
        while not self._status.exists():
            if self._process.poll() is not None or time.monotonic() > until:
                raise Wrong(f"`{line}` does not come to an end, or ends the shell")
            time.sleep(0.005)
        status, folder = self._status.read_text().rstrip("\n").split(" ", 1)
        self._status.unlink()
        self.folder = Path(folder)
        return int(status)

    def said(self) -> str:
        """All that has been said so far."""
        return Path(self._log.name).read_text(encoding="utf-8", errors="replace")

    def end(self) -> None:
        """Ends it, and all that it has started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Reader:
    """Who follows the page: where he is, and what he saw last."""

    def __init__(self, source: str, scratch: Path) -> None:
        self.source = source
        self.shell = Shell(scratch)
        self.seen = 0  # what was said before the block at hand
        self.patience_s = 0.0

    @property
    def output(self) -> str:
        return self.shell.said()[self.seen:]

    def append(self, name: str, lines: list[str]) -> None:
        path = self.shell.folder / name
        before = path.read_text() + "\n" if path.exists() else ""
        path.write_text(before + "\n".join(lines) + "\n")

    def apply(self, block: Block) -> None:
        """A diff of one place, which is found by its lines."""
        path = self.shell.folder / (block.file or self.source)
        text = path.read_text()
        before = "\n".join(line[1:] for line in block.lines if not line.startswith("+")) + "\n"
        after = "\n".join(line[1:] for line in block.lines if not line.startswith("-")) + "\n"
        if text.count(before) != 1:
            raise Wrong(f"line {block.line}: what is to be changed is there {text.count(before)} times")
        path.write_text(text.replace(before, after))

    def run(self, block: Block) -> None:
        self.seen = len(self.shell.said())
        for offset, line in enumerate(block.lines):
            self._run_line(line, block.line + offset)

    def run_console(self, block: Block) -> None:
        """Commands and what they say, by turns."""
        self.seen = len(self.shell.said())
        shown = []
        for offset, line in enumerate(block.lines):
            if line.startswith("$ "):
                self._run_line(f"{line[2:]} || true", block.line + offset)
            shown.append("" if line.startswith("$ ") else line)
        self.compare(Block("text", "", shown, block.line))

    def _run_line(self, line: str, number: int) -> None:
        wanted = re.search(r"# exit status (\d+)$", line)
        if line.rstrip().endswith("&"):
            self.patience_s = SECONDS_OF_PATIENCE
        print(f"$ {line}", flush=True)
        before = len(self.shell.said())
        status = self.shell.run(line)
        print(self.shell.said()[before:], end="", flush=True)
        if status != int(wanted.group(1) if wanted else 0):
            raise Wrong(f"line {number}: `{line}` ended with exit status {status}")

    def compare(self, block: Block) -> None:
        """Waits for what may come yet, where something runs in the background."""
        until = time.monotonic() + self.patience_s
        while (missing := self._missing(block)) and time.monotonic() < until:
            time.sleep(0.02)
        if missing:
            print(self.output)
            raise Wrong(missing)

    def _missing(self, block: Block) -> str:
        came = [without_what_moves(line) for line in self.output.splitlines()]
        at = 0
        for offset, line in enumerate(block.lines):
            if line.strip() in ("", "..."):
                continue
            wanted = without_what_moves(line)
            if wanted not in came[at:]:
                return f"line {block.line + offset}: this does not come, or not there: {wanted}"
            at = came.index(wanted, at) + 1
        return ""


def follow(page: Path, reader: Reader, write: bool) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    moved = 0
    for block in blocks_of("\n".join(lines)):
        if block.kind == "console":
            reader.run_console(block)
        elif reader.source == "-":
            continue
        elif block.kind == "cpp":
            reader.append(block.file or reader.source, block.lines)
        elif block.kind == "cmake":
            reader.append(block.file or "CMakeLists.txt", block.lines)
        elif block.kind == "":
            continue
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
    reader = Reader(source, scratch)
    try:
        follow(page, reader, "--write" in sys.argv)
    except Wrong as reason:
        print(f"{page.name}, {reason}")
        return 1
    finally:
        reader.shell.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
