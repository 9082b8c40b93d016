# SPDX-License-Identifier: Apache-2.0
"""Small files, good and bad, on which the rules prove themselves."""

from dataclasses import dataclass
from functools import partial

HEAD = "// SPDX-License-Identifier: Apache-2.0\n// What it is.\n"


@dataclass(frozen=True)
class Example:
    """The files of a small tree, what it shows of `rule`, and the lines on which the rule must fire."""

    rule: str
    why: str
    files: dict[str, str]
    lines: list[int]


def _one(rule: str, why: str, path: str, text: str, lines: list[int]) -> Example:
    return Example(rule, why, {path: text}, lines)


def _includes(why: str, path: str, include: str, fires: bool) -> Example:
    """A file of one include, beside one header of every folder."""
    files = {name: "" for name in ("include/tina/a.hpp", "lib/b.hpp", "lib/host/c.hpp", "reactor/reactor.hpp",
                                   "reactor/ring.hpp", "sim/world.hpp", "samples/d.hpp")}
    files[path] = f"#include {include}\n"
    return Example("includes_point_inwards", why, files, [1] if fires else [])


_INCLUDES = [
    _includes("a standard header in a public one", "include/tina/x.hpp", "<vector>", False),
    _includes("a public header in a public one", "include/tina/x.hpp", '"tina/a.hpp"', False),
    _includes("a public header named from where it is", "include/tina/x.hpp", '"a.hpp"', True),
    _includes("fmt in the header for it", "include/tina/fmt.hpp", "<fmt/format.h>", False),
    _includes("fmt in any other public header", "include/tina/x.hpp", "<fmt/format.h>", True),
    _includes("POSIX in a public header", "include/tina/x.hpp", "<sys/socket.h>", True),
    _includes("the runtime in a public header", "include/tina/x.hpp", '"lib/b.hpp"', True),
    _includes("the reactor in a public header", "include/tina/x.hpp", '"reactor/reactor.hpp"', True),
    _includes("the runtime's own header", "lib/x.cpp", '"host/c.hpp"', False),
    _includes("the runtime's own header from a folder below", "lib/host/x.cpp", '"../b.hpp"', False),
    _includes("the abstract reactor in the runtime", "lib/x.cpp", '"reactor/reactor.hpp"', False),
    _includes("the ring in the runtime", "lib/x.cpp", '"reactor/ring.hpp"', True),
    _includes("the simulator in the runtime", "lib/x.cpp", '"sim/world.hpp"', True),
    _includes("POSIX in the runtime", "lib/x.cpp", "<sys/mman.h>", False),
    _includes("another library in the runtime", "lib/x.cpp", "<boost/asio.hpp>", True),
    _includes("the reactor's own header", "reactor/x.cpp", '"ring.hpp"', False),
    _includes("the runtime in the reactor", "reactor/x.cpp", '"lib/b.hpp"', True),
    _includes("the simulator in the reactor", "reactor/x.cpp", '"sim/world.hpp"', True),
    _includes("the ring in the simulator", "sim/x.cpp", '"reactor/ring.hpp"', True),
    _includes("the abstract reactor in the simulator", "sim/x.cpp", '"reactor/reactor.hpp"', False),
    _includes("a public header in a sample", "samples/echo/x.cpp", "<tina/a.hpp>", False),
    _includes("the runtime in a sample", "samples/echo/x.cpp", '"../../lib/b.hpp"', True),
    _includes("the runtime in a test of behaviour", "test/system/x.cpp", '"lib/b.hpp"', True),
    _includes("the runtime in a unit test", "test/unit/x.cpp", '"lib/b.hpp"', False),
    _includes("a header that is not there", "lib/x.cpp", '"gone.hpp"', True),
    _includes("a public header that is not there", "samples/x.cpp", "<tina/gone.hpp>", True),
]

_RING = "#include <liburing.h>\n"
_door = partial(Example, "foreign_libraries_have_one_door")
_DOORS = [
    _door("liburing in the runtime", {"lib/a.cpp": "\n" + _RING}, [2]),
    _door("liburing in a benchmark", {"test/bench/a.cpp": _RING}, []),
    _door("one door", {"reactor/a.cpp": _RING, "reactor/b.cpp": "#include <vector>\n"}, []),
    _door("two doors", {"reactor/a.cpp": _RING, "reactor/b.cpp": "\n" + _RING}, [1, 2]),
]


def _calls(rule: str, bad: list[str], good: list[str], path: str = "lib/a.cpp") -> list[Example]:
    """One example per line of code: the rule fires on each of `bad` and on none of `good`."""
    return ([_one(rule, f"bad `{code}`", path, f"{HEAD}{code}\n", [3]) for code in bad] +
            [_one(rule, f"good `{code}`", path, f"{HEAD}{code}\n", []) for code in good])


_CALLS = [
    *_calls("runtime_takes_no_memory_from_the_heap",
            ["auto* p = malloc(8);", "auto* p = std::malloc(8);", "free(p);", "::free(p);", "std::free(p);",
             "if (x) { std::free(p); }", "auto* p = new thing;", "auto* p = new thing{1};", "delete p;",
             "auto* p = new (std::nothrow) thing;", "delete[] p;", "return calloc(1, 2);"],
            ["auto* p = ::new (place) thing{1};", "pool.free(p);", "pool->free(p);", "#include <new>",
             "void free(envelope* e) noexcept;", "// malloc(8) is what we avoid", 'say("new and malloc(8)");',
             "thing(const thing&) = delete;", "void* operator new(std::size_t bytes) noexcept;",
             "void operator delete(void*) noexcept;", "int renew = new_one(1);",
             "auto s = R\"(new thing)\";", "auto separated = 1'000'000; // new thing"]),
    *_calls("runtime_never_asks_the_wall_clock",
            ["auto t = std::chrono::system_clock::now();", "gettimeofday(&t, nullptr);", "auto t = time(0);",
             "auto t = std::time(nullptr);", "clock_gettime(CLOCK_REALTIME, &t);"],
            ["auto t = shard.time();", "auto t = shard->time();", "time_point time(int shard);",
             "clock_gettime(CLOCK_MONOTONIC, &t);"]),
    *_calls("runtime_never_asks_the_wall_clock", [], ["auto t = system_clock::now();"], "lib/host/a.cpp"),
    *_calls("runtime_never_draws_from_outside",
            ["std::random_device device;", "int x = rand();", "int x = std::rand() % 6;", "srand(1);"],
            ["auto x = self.random();", "std::uint64_t random() noexcept;", "int brand(int x);"]),
    *_calls("threads_start_in_one_folder",
            ["std::thread t{f};", "std::jthread t{f};", "auto n = std::thread::hardware_concurrency();",
             "auto x = std::async(f);"],
            ["std::this_thread::yield();", "thread_local int x;"]),
    *_calls("threads_start_in_one_folder", [], ["std::thread t{f};"], "lib/host/a.cpp"),
]

_state = partial(_one, "public_headers_hold_no_state")
_once = partial(_one, "headers_are_included_once")
_MEMBERS = """namespace tina {
static_assert(true);
struct a {
    static int x();
};
inline constexpr int b = 1;
}
"""
_HEADERS = [
    _state("static data", "include/tina/a.hpp", "namespace tina {\nstatic int x;\n}\n", [2]),
    _state("at file scope", "include/tina/a.hpp", "static int x;\n", [1]),
    _state("after a class", "include/tina/a.hpp",
           "namespace tina::detail {\nstruct a {};\nthread_local int x;\n}\n", [3]),
    _state("members and assertions", "include/tina/a.hpp", _MEMBERS, []),
    _once("no pragma", "lib/a.hpp", HEAD, [1]),
    _once("a pragma", "lib/a.hpp", f"{HEAD}#pragma once\n", []),
]

_head = partial(_one, "files_begin_with_licence_and_purpose")
_width = partial(_one, "lines_fit_in_120_columns")
_ends = partial(_one, "lines_end_cleanly")
_later = partial(_one, "nothing_is_left_for_later")
_paths = partial(_one, "paths_hold_on_any_machine")
_length = partial(_one, "files_stay_short")
_SPDX = HEAD.split("\n", maxsplit=1)[0] + "\n"
_TEXT = [
    _head("no licence", "lib/a.cpp", "int x;\n", [1]),
    _head("no paragraph", "lib/a.cpp", f"{_SPDX}int x;\n", [2]),
    _head("an empty paragraph", "lib/a.cpp", f"{_SPDX}//\n", [2]),
    _head("both", "lib/a.cpp", HEAD, []),
    _head("both, a line apart", "lib/a.cpp", f"{_SPDX}//\n// What it is.\n", []),
    _head("a script without", "test/a.py", "import sys\n", [1]),
    _head("a script", "a.cmake", "# SPDX-License-Identifier: Apache-2.0\n", []),
    _width("too wide", "lib/a.cpp", "x" * 120 + "\n" + "x" * 121 + "\n", [2]),
    _width("columns, not bytes", "lib/a.cpp", "é" * 120 + "\n", []),
    _width("a wide text", "README.md", "x" * 121 + "\n", []),
    _ends("a tab", "lib/a.cpp", "\tint x;\n", [1]),
    _ends("a blank at the end", "lib/a.cpp", "int x; \n", [1]),
    _ends("a carriage return", "lib/a.cpp", "int x;\r\n", [1]),
    _ends("no line end", "lib/a.cpp", "int x;\nint y;", [2]),
    _ends("an empty line at the end", "lib/a.cpp", "int x;\n\n", [3]),
    _ends("clean", "lib/a.cpp", "int x;\n\nint y;\n", []),
    _later("a note", "README.md", "fine\nTO" "DO: more\n", [2]),
    _later("a lock", "lib/a.cpp", "// FIX" "ME\n", [1]),
    _later("a word that contains one", "lib/a.cpp", "int TO" "DOs;\n", []),
    _paths("a home", "dev", "cd /ho" "me/me\n", [1]),
    _paths("in a string", "lib/a.cpp", 'open("/ro' 'ot/x");\n', [1]),
    _paths("a relative path", "dev", "cd test/wo" "rk/here\n", []),
    _length("too long", "lib/a.cpp", "int x;\n" * 601, [1]),
    _length("short", "lib/a.cpp", "int x;\n" * 250, []),
]

EXAMPLES: list[Example] = [*_INCLUDES, *_DOORS, *_CALLS, *_HEADERS, *_TEXT]
