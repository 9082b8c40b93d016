# SPDX-License-Identifier: Apache-2.0
"""The rules of the house style that a program can check. Each is a function from a file to its failures.

A rule's name is a sentence and the name of its test. What a rule must let pass is listed here, at the top,
with the reason, and nowhere else.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from source_text import Include, Source

COLUMNS_MAX = 120
FILE_LINES_MAX = 600

# The interface that reactor/ and sim/ implement: all that other folders may know of reactor/.
ABSTRACT_REACTOR = {"reactor/reactor.hpp"}
# Files that allocate with `new` or malloc, all before the first handler runs: path and reason.
BOOT_FILES: dict[str, str] = {}
# What talks to the machine rather than to the simulated world: threads, processes, and the wall clock.
HOSTS = ("lib/host/", "sim/host/")
# Public headers with state that must be there, and why.
STATEFUL_HEADERS = {
    "include/tina/marks.hpp": "a null pointer that marks in handlers look at; all units share it",
}
# The library that reads the command line, and where it is read.
COMMAND_LINE = ("CLI/CLI.hpp", "sim/host/")

LICENSE_LINE = "SPDX-License-Identifier: Apache-2.0"


@dataclass(frozen=True)
class Failure:
    """One place that breaks a rule: what is wrong there, and what to do about it. Warnings do not fail."""

    line: int
    what: str
    cure: str
    warning: bool = False


Rule = Callable[[Source, set[str]], Iterator[Failure]]


# ---- includes -------------------------------------------------------------------------------------------

# Folders whose headers each folder may include, beside its own and the public ones.
_FOLDERS_SEEN: dict[str, set[str]] = {
    "include": set(), "lib": set(), "reactor": set(), "sim": {"lib"}, "samples": set(),
}
_PRODUCT = ("include", "lib", "reactor", "sim")
_ONLY_PUBLIC = ("samples", "test/system")


def _layer(path: str) -> str | None:
    """The layer whose include rule holds for a file; None where anything may be included."""
    if path.startswith("test/system/"):
        return "test/system"
    top = path.split("/")[0]
    return top if top in _FOLDERS_SEEN else None


def _resolve(source: Source, name: str, paths: set[str]) -> str | None:
    """The file that an include names: seen from the including file, its top folder, include/, the root."""
    here = PurePosixPath(source.path).parent
    for base in (here, PurePosixPath(source.top), PurePosixPath("include"), PurePosixPath("")):
        parts: list[str] = []
        for part in (base / name).parts:
            if part == ".." and parts:
                parts.pop()
            else:
                parts.append(part)
        if "/".join(parts) in paths:
            return "/".join(parts)
    return None


def _own_include_failure(layer: str, include: Include, target: str) -> Failure | None:
    """Whether a file of `layer` may include `target`, a file of the project."""
    if layer == "include" and not include.name.startswith("tina/"):
        return Failure(include.line, f'"{include.name}" in a public header', "name it from include/: tina/…")
    seen = _FOLDERS_SEEN.get(layer, set()) | {"include", layer.split("/")[0]}
    if target.split("/")[0] in seen or (target in ABSTRACT_REACTOR and layer in ("lib", "sim")):
        return None
    cure = "use the public headers" if layer in _ONLY_PUBLIC else "go through include/ or reactor/reactor.hpp"
    return Failure(include.line, f"{layer}/ includes {target}", cure)


def _foreign_include_failure(layer: str, source: Source, include: Include) -> Failure | None:
    """Whether a file of `layer` may include a header that is not of the project."""
    name = include.name
    if re.fullmatch(r"[a-z_0-9]+", name) or layer in _ONLY_PUBLIC:
        return None
    if name.startswith("fmt/"):
        if layer != "include" or source.path == "include/tina/fmt.hpp":
            return None
        return Failure(include.line, f"a public header includes <{name}>", "only include/tina/fmt.hpp may")
    if layer == "include":
        return Failure(include.line, f"a public header includes <{name}>", "move what needs it to lib/")
    if name == COMMAND_LINE[0] and source.path.startswith(COMMAND_LINE[1]):
        return None
    if name.startswith("liburing") or name.startswith("boost/context/") or name.endswith(".h"):
        return None
    return Failure(include.line, f"{layer}/ includes <{name}>", "use the standard library, POSIX or fmt")


def includes_point_inwards(source: Source, paths: set[str]) -> Iterator[Failure]:
    """include/ knows nothing of the rest; reactor/ and sim/ never include one another."""
    layer = _layer(source.path)
    if layer is None or not source.is_cpp:
        return
    for include in source.includes:
        target = _resolve(source, include.name, paths)
        if target is not None:
            failure = _own_include_failure(layer, include, target)
        elif include.angled and not include.name.startswith("tina/"):
            failure = _foreign_include_failure(layer, source, include)
        else:
            cure = "name it from include/, the root, its own folder or the folder of this file"
            failure = Failure(include.line, f'"{include.name}" is no file of the project', cure)
        if failure:
            yield failure


def foreign_libraries_have_one_door(source: Source, paths: set[str]) -> Iterator[Failure]:
    """<liburing.h> and Boost.Context have one file each in the product; `second_doors` is the other half."""
    if source.top not in _PRODUCT or not source.is_cpp:
        return
    for include in source.includes:
        if include.name.startswith("liburing") and source.top != "reactor":
            what = f"<{include.name}> outside reactor/"
            yield Failure(include.line, what, "go through reactor/reactor.hpp")


def second_doors(sources: list[Source]) -> Iterator[tuple[Source, Failure]]:
    """The part of `foreign_libraries_have_one_door` that needs all files at once."""
    for library in ("liburing", "boost/context/"):
        users = [(s, i) for s in sources if s.is_cpp and s.top in _PRODUCT for i in s.includes
                 if i.name.startswith(library)]
        for source, include in users:
            others = sorted({s.path for s, _ in users} - {source.path})
            if others:
                what = f"<{include.name}> is included here and in {', '.join(others)}"
                yield source, Failure(include.line, what, "keep one file that includes it")


# ---- calls ----------------------------------------------------------------------------------------------

# A call, not a declaration: before the name stands an operator, a bracket or the start of a statement.
_CALL = (r"(?:^|[;{{}}(,=!&|?:+\-*/%<>\[~]|\breturn|\bco_yield|\bco_return|\bcase|\belse)\s*"
         r"(?P<name>(?:::)?(?:std::)?(?:{})\s*\()")


def _calls(names: str) -> re.Pattern[str]:
    # A member access ends in `.` or `->`; the latter is excluded by hand, since `>` alone may precede a call.
    return re.compile(r"(?<!-)" + _CALL.format(names), re.MULTILINE)


_ALLOCATING_CALL = _calls("malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strdup")
_NEW = re.compile(r"(?<!operator )(?<!operator)\bnew\b(?!\s*\()")
_NOTHROW_NEW = re.compile(r"\bnew\s*\(\s*std::nothrow")
_DELETE = re.compile(r"(?<!operator )(?<!operator)(?<!= )(?<!=)\bdelete\b")
_CLOCK = re.compile(r"\b(?:system_clock|utc_clock|high_resolution_clock|gettimeofday|CLOCK_REALTIME\w*"
                    r"|localtime\w*)\b")
_CLOCK_CALL = _calls("time|ftime")
_RANDOM = re.compile(r"\b(?:random_device|srand|drand48|getrandom|arc4random)\b")
_RANDOM_CALL = _calls("rand|random")
_THREAD = re.compile(r"\bstd\s*::\s*(?:jthread|thread|async)\b|\bpthread_create\b")


def _matches(source: Source, *patterns: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """Line and text of each match in the code of a file."""
    for pattern in patterns:
        for match in pattern.finditer(source.code):
            group = "name" if "name" in pattern.groupindex else 0
            yield source.line_of(match.start(group)), match.group(group).strip().rstrip("( ")


def _runs_in_simulation(source: Source) -> bool:
    return source.is_cpp and source.top in ("lib", "sim")


def runtime_takes_no_memory_from_the_heap(source: Source, paths: set[str]) -> Iterator[Failure]:
    """No malloc, no free, no new but placement new in lib/ and sim/, boot files excepted."""
    if not _runs_in_simulation(source) or source.path in BOOT_FILES:
        return
    for line, name in _matches(source, _ALLOCATING_CALL, _NEW, _NOTHROW_NEW, _DELETE):
        yield Failure(line, f"`{name}` takes or returns heap memory", "carve it from the layout at boot")


def runtime_never_asks_the_wall_clock(source: Source, paths: set[str]) -> Iterator[Failure]:
    """Time comes from the reactor, so that a simulated run replays."""
    if _runs_in_simulation(source) and not source.path.startswith(HOSTS):
        for line, name in _matches(source, _CLOCK, _CLOCK_CALL):
            cure = f"take the time of the shard, or move it to {HOSTS[0]} or {HOSTS[1]}"
            yield Failure(line, f"`{name}` reads the wall clock", cure)


def runtime_never_draws_from_outside(source: Source, paths: set[str]) -> Iterator[Failure]:
    """Random numbers come from the seed of the shard; only a real process's boot may draw that seed from outside."""
    if _runs_in_simulation(source) and not source.path.startswith(HOSTS):
        for line, name in _matches(source, _RANDOM, _RANDOM_CALL):
            yield Failure(line, f"`{name}` is not replayable", "draw from the generator of the shard")


def threads_start_in_one_folder(source: Source, paths: set[str]) -> Iterator[Failure]:
    """Only lib/host/ starts threads; a simulation has none."""
    if source.is_cpp and source.top in ("lib", "sim", "reactor") and not source.path.startswith(HOSTS):
        for line, name in _matches(source, _THREAD):
            yield Failure(line, f"`{name}` outside {HOSTS[0]}", f"let {HOSTS[0]} start and join threads")


# ---- headers --------------------------------------------------------------------------------------------

_SCOPE_TOKEN = re.compile(r"\bnamespace\b[\w\s:]*\{|\b(?:static|thread_local)\b|[{};]|\bextern\s*\{")


def _namespace_scope_statics(source: Source) -> Iterator[tuple[int, str]]:
    """Each `static` or `thread_local` that no class, function or initialiser encloses."""
    scopes: list[bool] = []  # per open brace: is it a namespace?
    for match in _SCOPE_TOKEN.finditer(source.code):
        token = match.group()
        if token.endswith("{"):
            scopes.append(token != "{")
        elif token == "}":
            if scopes:
                scopes.pop()
        elif token != ";" and all(scopes):
            yield source.line_of(match.start()), token


def _is_in_macro(source: Source, line: int) -> bool:
    """Whether a line is part of a macro's definition."""
    lines = source.text.split("\n")
    first = line - 1
    while first > 0 and lines[first - 1].endswith("\\"):
        first -= 1
    return lines[first].lstrip().startswith("#define")


def public_headers_hold_no_state(source: Source, paths: set[str]) -> Iterator[Failure]:
    """No `static` at namespace scope in include/: each translation unit would have its own."""
    if source.is_public_header and source.path not in STATEFUL_HEADERS:
        for line, token in _namespace_scope_statics(source):
            if _is_in_macro(source, line):
                continue
            yield Failure(line, f"`{token}` at namespace scope", "say `inline constexpr`, or move it to lib/")


def headers_are_included_once(source: Source, paths: set[str]) -> Iterator[Failure]:
    """Each header says `#pragma once`."""
    if source.path.endswith(".hpp") and not re.search(r"^#pragma once$", source.text, re.MULTILINE):
        yield Failure(1, "no `#pragma once`", "add it below the opening comment")


# ---- text -----------------------------------------------------------------------------------------------

# Spelt in pieces, so that this file passes its own rules.
_UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
_ABSOLUTE = re.compile(r"(?<![\w.*-])/(?:wo" r"rk|ho" r"me|ro" r"ot)/")


def files_begin_with_licence_and_purpose(source: Source, paths: set[str]) -> Iterator[Failure]:
    """One SPDX line; in C++ one paragraph right below it."""
    cure = "begin with the SPDX line and a paragraph: what it is, who owns it, what it must never do"
    if source.is_cpp:
        if source.lines[0] != f"// {LICENSE_LINE}":
            yield Failure(1, "the first line is not the SPDX line", cure)
        elif not re.match(r"[^\n]*\n(?://\n)?// \S", source.text):
            yield Failure(2, "no paragraph below the SPDX line", cure)
    elif source.is_code and not any(LICENSE_LINE in line for line in source.lines[:2]):
        yield Failure(1, "no SPDX line", f"begin with `# {LICENSE_LINE}`")


def lines_fit_in_120_columns(source: Source, paths: set[str]) -> Iterator[Failure]:
    """Code is at most 120 columns wide."""
    for number, line in enumerate(source.lines if source.is_code else [], 1):
        if len(line) > COLUMNS_MAX:
            yield Failure(number, f"{len(line)} columns", f"break it: at most {COLUMNS_MAX}")


def lines_end_cleanly(source: Source, paths: set[str]) -> Iterator[Failure]:
    """No tab, no blank at the end of a line, a line end at the end of the file."""
    for number, line in enumerate(source.lines, 1):
        if "\t" in line:
            yield Failure(number, "a tab", "indent by spaces; write \\t in a string")
        if "\r" in line or line != line.rstrip(" "):
            yield Failure(number, "a blank or carriage return at the end of the line", "remove it")
    if source.text and (not source.text.endswith("\n") or source.text.endswith("\n\n")):
        yield Failure(len(source.lines), "the file does not end in exactly one line end", "make it so")


def nothing_is_left_for_later(source: Source, paths: set[str]) -> Iterator[Failure]:
    """What is in the tree is finished."""
    for number, line in enumerate(source.lines, 1):
        if found := _UNFINISHED.search(line):
            yield Failure(number, f"`{found.group()}`", "finish it, or remove the note")


def paths_hold_on_any_machine(source: Source, paths: set[str]) -> Iterator[Failure]:
    """No path into somebody's home."""
    for number, line in enumerate(source.lines, 1):
        if found := _ABSOLUTE.search(line):
            yield Failure(number, f"the absolute path `{found.group()}…`", "make it relative to the project")


def files_stay_short(source: Source, paths: set[str]) -> Iterator[Failure]:
    """A file past 600 lines is due to be split; a warning only."""
    if source.is_code and len(source.lines) > FILE_LINES_MAX:
        cure = f"split it: beyond {FILE_LINES_MAX} is too long"
        yield Failure(1, f"{len(source.lines)} lines", cure, warning=True)


RULES: list[Rule] = [
    includes_point_inwards,
    foreign_libraries_have_one_door,
    runtime_takes_no_memory_from_the_heap,
    runtime_never_asks_the_wall_clock,
    runtime_never_draws_from_outside,
    threads_start_in_one_folder,
    public_headers_hold_no_state,
    headers_are_included_once,
    files_begin_with_licence_and_purpose,
    lines_fit_in_120_columns,
    lines_end_cleanly,
    nothing_is_left_for_later,
    paths_hold_on_any_machine,
    files_stay_short,
]
