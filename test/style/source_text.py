# SPDX-License-Identifier: Apache-2.0
"""A source file as the rules see it: its lines, its code without comments and literals, its includes."""

import re
from dataclasses import dataclass
from functools import cached_property

_COMMENT_OR_LITERAL = re.compile(
    r"""//[^\n]*
      | /\*.*?\*/
      | (?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"
      | "(?:\\.|[^"\\\n])*"
      | (?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'""",
    re.VERBOSE | re.DOTALL,
)
_INCLUDE = re.compile(r"^\s*#\s*include\s*([<\"])([^>\"]+)[>\"]")


def _blank(match: re.Match[str]) -> str:
    """Blanks in place of a comment or literal, line ends kept, so that line numbers stay true."""
    return re.sub(r"[^\n]", " ", match.group())


@dataclass(frozen=True)
class Include:
    """One #include: on which line, whether in angle brackets, of what."""

    line: int
    angled: bool
    name: str


@dataclass(frozen=True)
class Source:
    """One file: `path` relative to the root of the project, with forward slashes."""

    path: str
    text: str

    @property
    def top(self) -> str:
        """The first folder of the path; empty for a file at the root."""
        return self.path.split("/")[0] if "/" in self.path else ""

    @property
    def is_cpp(self) -> bool:
        return self.path.endswith((".hpp", ".cpp"))

    @property
    def is_code(self) -> bool:
        """C++ and everything else that is written in lines of limited length."""
        name = self.path.rsplit("/", 1)[-1]
        suffixes = (".hpp", ".cpp", ".py", ".cmake", ".sh")
        return name.endswith(suffixes) or name in ("CMakeLists.txt", "dev", "run")

    @property
    def is_public_header(self) -> bool:
        return self.path.startswith("include/") and self.path.endswith(".hpp")

    @cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def code(self) -> str:
        """The text of a C++ file with comments, literals and include lines blanked."""
        bare = _COMMENT_OR_LITERAL.sub(_blank, self.text)
        return re.sub(r"^[ \t]*#[ \t]*include[^\n]*", _blank, bare, flags=re.MULTILINE)

    @cached_property
    def includes(self) -> list[Include]:
        found = ((number, _INCLUDE.match(line)) for number, line in enumerate(self.lines, 1))
        return [Include(number, m.group(1) == "<", m.group(2)) for number, m in found if m]

    def line_of(self, offset: int) -> int:
        """The line, from 1, of a position in `code` or `text`."""
        return self.text.count("\n", 0, offset) + 1
