#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Prints what the benchmarks measured beside the limit that each is divided by. Owned by the benchmarks; it
# must never fail because of a figure: tests assert behaviour, benchmarks report.
"""Usage: report.py BENCH.json [--compiler NAME]

Reads the report of Google Benchmark (--benchmark_repetitions=9 --benchmark_enable_random_interleaving=true
--benchmark_out=BENCH.json); of every benchmark it takes the counter `ns_per_op`.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    figure: str
    limit: str
    allowed: float  # (figure - beyond) / messages / limit, built by clang++
    beyond: str = ""
    messages: int = 1  # in what the figure measures, where the mark is for each


PAIRS = (
    Pair("local/ping_pong", "limit/local", 3.0),
    Pair("local/ring/1000", "limit/ring/1000", 3.0),
    Pair("local/pairs/1000", "limit/local", 3.0),
    Pair("local/ping_pong_parked/1000000", "local/ping_pong", 1.15),
    Pair("cross/ping_pong", "limit/cross_rtt", 1.8),
    Pair("cross/stream", "limit/cross_stream", 2.0),
    Pair("spawn_exit", "limit/local", 14.0),
    Pair("timer_arm_cancel", "limit/local", 4.0),
    Pair("local/call", "limit/local", 12.0),
    Pair("cross/call", "limit/cross_rtt", 2.2),
    Pair("local/task", "limit/local", 4.0, beyond="local/ping_pong"),
    Pair("local/lease", "limit/local", 6.0, beyond="local/ping_pong"),
    # A round trip: a message with a lease there, and one back.
    Pair("cross/lease", "limit/local", 6.0, beyond="cross/ping_pong", messages=2),
    Pair("local/any_of", "limit/local", 8.0, beyond="local/ping_pong"),
)


@dataclass(frozen=True)
class Bound:
    """A figure that is allowed so much, whatever else was measured."""
    figure: str
    counter: str
    allowed: float


BOUNDS = (
    Bound("segv_to_restart", "ns_per_op", 20_000),
    Bound("message_overhead", "instructions_per_op", 6),
)
SIM_PAIRS = (
    Pair("sim/pair", "limit/local", 30.0),
    Pair("sim/pairs/1000", "limit/local", 12.0),
)
GCC_ALLOWANCE = 1.25
COUNTER = "ns_per_op"
# What Google Benchmark appends to a name to tell how it measured.
NAME_SUFFIX = re.compile(
    r"/(manual_time|real_time|process_time|(iterations|repeats|min_time|threads):[^/]*)$")
ROW = "{:<32} {:>10} {:>19}  {:<16} {:>10} {:>7} {:>8}  {}"


@dataclass(frozen=True)
class Figure:
    values: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def spread(self) -> str:
        return f"{number(min(self.values))}..{number(max(self.values))}"


def number(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def plain_name(name: str) -> str:
    while (shorter := NAME_SUFFIX.sub("", name)) != name:
        name = shorter
    return name


def counter_of(name: str) -> str:
    return next((bound.counter for bound in BOUNDS if bound.figure == name), COUNTER)


def read_figures(runs: list[dict]) -> tuple[dict[str, Figure], dict[str, str]]:
    """The repetitions of each benchmark, and why a benchmark has none."""
    values: dict[str, list[float]] = {}
    problems: dict[str, str] = {}
    for run in runs:
        if run.get("run_type", "iteration") != "iteration":
            continue
        name = plain_name(run.get("run_name", run["name"]))
        if run.get("error_occurred"):
            problems[name] = run.get("error_message", "failed")
        elif counter_of(name) in run:
            values.setdefault(name, []).append(float(run[counter_of(name)]))
        else:
            problems[name] = f"has no counter {counter_of(name)}"
    return {name: Figure(found) for name, found in values.items()}, problems


def is_gcc(compiler: str) -> bool:
    return "clang" not in compiler and ("g++" in compiler or "gcc" in compiler.lower())


def row_of(pair: Pair, figures: dict[str, Figure], problems: dict[str, str], allowance: float) -> str:
    for name in filter(None, (pair.figure, pair.limit, pair.beyond)):
        if name not in figures:
            reason = problems.get(name, "not in this run")
            return ROW.format(pair.figure, "-", "-", pair.limit, "-", "-", "-", f"missing: {name} {reason}")
    figure, limit = figures[pair.figure], figures[pair.limit]
    allowed = pair.allowed * allowance
    own = (figure.median - (figures[pair.beyond].median if pair.beyond else 0)) / pair.messages
    ratio = own / limit.median if limit.median > 0 else float("inf")
    verdict = "ok" if ratio <= allowed else "over"
    return ROW.format(pair.figure, number(figure.median), figure.spread(), pair.limit, number(limit.median),
                      f"{ratio:.2f}", f"{allowed:.2f}", verdict)


def bound_row(bound: Bound, figures: dict[str, Figure]) -> str:
    figure = figures[bound.figure]
    unit = "ns" if bound.counter == COUNTER else "instructions"
    verdict = "ok" if figure.median <= bound.allowed else "over"
    return ROW.format(bound.figure, number(figure.median), figure.spread(), unit, "", "", number(bound.allowed),
                      verdict)


def print_report(report: dict, compiler: str) -> None:
    context = report.get("context", {})
    figures, problems = read_figures(report.get("benchmarks", []))
    allowance = GCC_ALLOWANCE if is_gcc(compiler) else 1.0
    repetitions = max((len(figure.values) for figure in figures.values()), default=0)
    print(f"compiler {compiler or 'unknown'}, kernel {context.get('kernel', 'unknown')}, "
          f"{context.get('date', 'date unknown')}; ns per operation, medians of {repetitions}")
    print(ROW.format("figure", "median", "min..max", "limit", "median", "ratio", "allowed", ""))
    bounds = [bound for bound in BOUNDS if bound.figure in figures]
    for bound in bounds:
        print(bound_row(bound, figures))
    # A report of bounds alone, or of simulations, is one of a program that measures nothing else.
    pairs = () if bounds else SIM_PAIRS if any(name.startswith("sim/") for name in figures) else PAIRS
    for pair in pairs:
        print(row_of(pair, figures, problems, allowance))
    others = sorted((set(figures) | set(problems)) - {pair.figure for pair in pairs}
                    - {bound.figure for bound in bounds})
    for name in others:
        if name in figures:
            cells = (number(figures[name].median), figures[name].spread(), "", "", "", "", "")
        else:
            cells = ("-", "-", "", "", "", "", f"missing: {problems[name]}")
        print(ROW.format(name, *cells).rstrip())


def main() -> int:
    parser = argparse.ArgumentParser(description="Benchmarks beside their limits")
    parser.add_argument("report", type=Path, help="what --benchmark_out wrote")
    parser.add_argument("--compiler", default="", help="if the report does not tell; decides what is allowed")
    options = parser.parse_args()
    try:
        report = json.loads(options.report.read_text())
    except (OSError, ValueError) as error:
        print(f"report.py: {options.report}: {error}", file=sys.stderr)
        return 2
    print_report(report, options.compiler or report.get("context", {}).get("compiler", ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
