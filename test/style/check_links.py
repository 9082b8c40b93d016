#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that links lead somewhere: each failure is one line, `file:line: link: what is wrong`.

check_links.py              relative links, images and anchors of all pages; pages of docs/ that other files name
check_links.py --external   lists the links that lead elsewhere, one a line; looks none of them up
check_links.py --self-test  feeds it pages, good and bad

Anchors are those that GitHub makes of headings.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from check_style import ROOT, SKIPPED_FOLDERS, read_tree
from source_text import Source

FENCE = re.compile(r"^\s*(```+|~~~+)")
CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
INLINE_LINK = re.compile(r"\]\(\s*<?([^()\s>]*(?:\([^()\s]*\)[^()\s>]*)*)>?(?:\s+[\"'][^)]*)?\s*\)")
DEFINITION = re.compile(r"^\s{0,3}\[[^\]]+\]:\s+<?([^\s>]+)>?")
HTML_LINK = re.compile(r"<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)=[\"']([^\"']+)[\"']")
HTML_ANCHOR = re.compile(r"<\w+\b[^>]*?\b(?:id|name)=[\"']([^\"']+)[\"']")
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$")
SCHEME = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
# A page that another file sends its reader to, in a comment or in a message.
NAMED_PAGE = re.compile(r"(?<![\w/.-])docs/[\w/.-]+\.(?:md|svg)\b")


@dataclass(frozen=True)
class Link:
    """Where a page points to, and on which line."""

    line: int
    target: str


def text_lines(page: str) -> Iterator[tuple[int, str]]:
    """The lines of a page that are no code, numbered from 1."""
    fence = ""
    for number, line in enumerate(page.split("\n"), start=1):
        found = FENCE.match(line)
        if fence:
            if found and found[1].startswith(fence):
                fence = ""
        elif found:
            fence = found[1]
        else:
            yield number, line


def links_of(page: str) -> list[Link]:
    """All links and images of a page."""
    found = []
    for number, line in text_lines(page):
        bare = CODE_SPAN.sub("", line)
        for pattern in (INLINE_LINK, DEFINITION, HTML_LINK):
            found += [Link(number, match[1]) for match in pattern.finditer(bare)]
    return found


def slug(heading: str) -> str:
    """The anchor of a heading: its text in small letters, without punctuation, joined by hyphens."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def anchors_of(page: str) -> set[str]:
    """All anchors of a page; what would be there twice gets a number."""
    anchors: set[str] = set()
    count: dict[str, int] = {}
    for _, line in text_lines(page):
        anchors.update(HTML_ANCHOR.findall(line))
        if heading := HEADING.match(line):
            name = slug(heading[1])
            seen = count.get(name, 0)
            count[name] = seen + 1
            anchors.add(f"{name}-{seen}" if seen else name)
    return anchors


def failure_of(link: Link, page: Path, root: Path) -> str | None:
    """What is wrong with a link of `page` that stays within the tree."""
    path, _, anchor = unquote(link.target).partition("#")
    if path.startswith("/"):
        return "begins with /; give it relative to this page"
    target = (page.parent / path).resolve() if path else page
    if not target.is_relative_to(root):
        return "leads out of the project"
    if not target.exists() or SKIPPED_FOLDERS & set(target.relative_to(root).parts):
        return "there is no such file in the project"
    if not anchor:
        return None
    if target.suffix != ".md":
        return "has an anchor, but leads to no page"
    if anchor not in anchors_of(target.read_text(encoding="utf-8")):
        return f"{target.relative_to(root).as_posix()} has no heading for that anchor"
    return None


def broken_links(pages: list[Source], root: Path) -> Iterator[str]:
    """A line for each relative link that leads nowhere."""
    for page in pages:
        for link in links_of(page.text):
            if SCHEME.match(link.target):
                continue
            if failure := failure_of(link, root / page.path, root):
                yield f"{page.path}:{link.line}: {link.target}: {failure}"


def broken_names(sources: list[Source], root: Path) -> Iterator[str]:
    """A line for each page of docs/ that a file which is no page names, and that is not there."""
    for source in sources:
        for number, line in enumerate(source.lines, start=1):
            for name in NAMED_PAGE.findall(line):
                if not (root / name).exists():
                    yield f"{source.path}:{number}: {name}: there is no such page"


def check(root: Path) -> list[str]:
    """All failures of a tree."""
    sources = read_tree(root)
    pages = [source for source in sources if source.path.endswith(".md")]
    others = [source for source in sources if not source.path.endswith((".md", "/check_links.py"))]
    return [*broken_links(pages, root), *broken_names(others, root)]


# ---- itself ---------------------------------------------------------------------------------------------------------

GOOD = {
    "README.md": "# A b\n[one](docs/a.md#c-d_e) [two](docs) ![three](docs/x.svg) [four](#a-b) [five](https://x.y/z)\n"
                 "`[no](link)` [ref][r]\n\n[r]: docs/a.md#twice-1\n```\n[no](link)\n```\n"
                 "<a href=\"docs/a.md#here\">x</a>\n",
    "docs/a.md": "## `C` d_e!\n# Twice\n# Twice\n<a id=\"here\"></a>[up](../README.md \"title\")\n",
    "docs/x.svg": "<svg/>\n",
    "lib/a.cpp": "// see docs/" "a.md\n",
}
BAD = {
    "README.md": "[gone](docs/b.md)\n[anchor](docs/a.md#no)\n![image](x.svg)\n[out](../x)\n[root](/docs/a.md)\n"
                 "[own](#no)\n[built](build/x)\n[[text] in text](gone)\n",
    "docs/a.md": "# A\n",
    "build/x": "\n",
    "lib/a.cpp": "// see docs/" "gone.md\n",
}


def failures_of(files: dict[str, str]) -> list[str]:
    """The failures of a tree of these files, without what is said of them."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return [":".join(line.split(":")[:2]) for line in check(root)]


def self_test() -> bool:
    """Whether all that is bad is found, and nothing else."""
    expected = [f"README.md:{line}" for line in range(1, 9)] + ["lib/a.cpp:1"]
    good, bad = failures_of(GOOD), failures_of(BAD)
    if good:
        print(f"good links are refused: {good}")
    if bad != expected:
        print(f"refused: {bad}\ninstead: {expected}")
    return not good and bad == expected


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--external", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()

    if options.self_test:
        return 0 if self_test() else 1
    if options.external:
        pages = [source for source in read_tree(ROOT) if source.path.endswith(".md")]
        print("\n".join(sorted({link.target for page in pages for link in links_of(page.text)
                                if SCHEME.match(link.target)})))
        return 0
    failures = check(ROOT)
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
