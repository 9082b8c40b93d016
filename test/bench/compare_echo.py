#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Compares the library's echo_server with a bare server, on io_uring or on epoll: same core, same load, in alternation.
# Owned by the benchmarks; it must never fail because of a figure, and never report a run that lost a byte.
"""Usage: compare_echo.py [--rounds 9] [--seconds 3] [--callgrind]; --help shows the rest.

Every round starts both servers on one core and loads them in turn from another. Ratios are taken within a
round; what is printed is their median.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from echo_programs import Failure, Measurement, Server, ports, run_load, running, server_command

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / "build" / "release" / "bin"
SIDES = ("tina", "bare")
GCC_ALLOWANCE = 1.25
CPU = "server_cpu_us_per_request"
USER = "server_user_us_per_request"

# What is allowed, tina / bare, built by clang++; figures that are not here are only reported.
CPU_RATIO_MAX = {64: 1.10, 512: 1.10}  # by busy connections, none idle
P50_RATIO_MAX = 1.10
IDLE_RATIO_MAX = 1.05
USER_US_MAX = 0.15
USER_SECONDS_MIN = 60.0  # rounds x seconds
INSTRUCTIONS_MAX = 700

CALLGRIND_CONNECTIONS = 64
CALLGRIND_READY_SECONDS = 120.0
CALLGRIND_STALL_MS = 30_000


@dataclass(frozen=True)
class Case:
    connections: int
    idle: int = 0

    def __str__(self) -> str:
        return f"{self.connections}" + (f" + {self.idle} idle" if self.idle else "")


@dataclass(frozen=True)
class Ratio:
    figure: str
    values: list[float]
    allowed: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def verdict(self) -> str:
        if self.allowed is None:
            return ""
        return "ok" if self.median <= self.allowed else "over"


Results = dict[tuple[Case, str], list[Measurement]]


# ---- measuring

def measure(options: argparse.Namespace, server: Server, case: Case) -> Measurement:
    return run_load(options, server, options.cores[1], [
        "--connections", str(case.connections), "--idle", str(case.idle),
        "--seconds", str(options.seconds), "--warmup", str(options.warmup)])


def measure_round(options: argparse.Namespace, cases: list[Case], free: Iterator[int], results: Results,
                  label: str) -> None:
    with contextlib.ExitStack() as stack:
        servers = {}
        for side in SIDES:
            port = next(free)
            servers[side] = Server(side, server_command(side, options, port), port, options.cores[0])
            stack.enter_context(running(servers[side]))
        for case in cases:
            line = f"{label}  {str(case):<16}"
            for side in SIDES:
                found = measure(options, servers[side], case)
                results.setdefault((case, side), []).append(found)
                line += f"  {side} {found[CPU]:6.2f} us, p50 {found['p50_us']:8.1f} us"
            print(line, flush=True)


def quotients(above: list[Measurement], below: list[Measurement], key: str) -> list[float]:
    """Round by round, so that what slows a whole round down does not count."""
    return [one[key] / other[key] for one, other in zip(above, below) if other[key] > 0]


def user_us(runs: list[Measurement]) -> float:
    """Over all rounds together: one round has too few clock ticks to tell."""
    requests = sum(run["requests"] for run in runs)
    return sum(run[USER] * run["requests"] for run in runs) / max(requests, 1)


def ratios(results: Results, cases: list[Case], allowance: float) -> list[Ratio]:
    found = []
    for case in cases:
        tina, bare = results[case, "tina"], results[case, "bare"]
        most = None if case.idle else CPU_RATIO_MAX.get(case.connections)
        found.append(Ratio(f"server CPU per request, {case}", quotients(tina, bare, CPU),
                           most and most * allowance))
        if user_us(bare) > 0:
            found.append(Ratio(f"user CPU per request, {case}", [user_us(tina) / user_us(bare)]))
        if case == Case(1):
            found.append(Ratio("p50 latency, 1", quotients(tina, bare, "p50_us"), P50_RATIO_MAX * allowance))
    for crowded in cases:
        alone = Case(crowded.connections)
        if crowded.idle == 0 or alone not in cases:
            continue
        for side, most in (("tina", IDLE_RATIO_MAX * allowance), ("bare", None)):
            values = quotients(results[crowded, side], results[alone, side], CPU)
            found.append(Ratio(f"{side} alone: CPU, {crowded} / {alone}", values, most))
    return [ratio for ratio in found if ratio.values]


# ---- printing

def spread(values: list[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}..{max(values):.{digits}f})"


def print_measurements(results: Results) -> None:
    row = "{:<16} {:<5} {:>24} {:>9} {:>28} {:>11}"
    print("\n" + row.format("connections", "side", "CPU us/request", "user us", "p50 us", "requests/s"))
    for (case, side), runs in results.items():
        cpu = spread([run[CPU] for run in runs], 3)
        p50 = spread([run["p50_us"] for run in runs], 1)
        rate = statistics.median(run["requests_per_s"] for run in runs)
        print(row.format(str(case), side, cpu, f"{user_us(runs):.3f}", p50, f"{rate:.0f}"))


def print_ratios(found: list[Ratio], results: Results, allowance: float) -> None:
    row = "{:<44} {:>24} {:>8}  {}"
    print("\n" + row.format("tina / bare", "median (min..max)", "allowed", ""))
    for ratio in found:
        allowed = "-" if ratio.allowed is None else f"{ratio.allowed:.2f}"
        print(row.format(ratio.figure, spread(ratio.values, 3), allowed, ratio.verdict()).rstrip())
    if (Case(64), "tina") in results:
        used, most = user_us(results[Case(64), "tina"]), USER_US_MAX * allowance
        sampled = sum(run["seconds"] for run in results[Case(64), "tina"])
        verdict = "ok" if used <= most else "over"
        if sampled < USER_SECONDS_MIN:
            verdict = f"no verdict: {sampled:.0f} s of {USER_SECONDS_MIN:.0f}"
        print(row.format("tina alone: user CPU us per request, 64", f"{used:.3f}", f"{most:.2f}", verdict))
    print(f"The kernel samples user CPU at clock ticks: below {USER_SECONDS_MIN:.0f} s it means nothing, "
          "0.000 included; --callgrind counts.")


def compare(options: argparse.Namespace, report: dict) -> None:
    cases = [Case(count) for count in options.connections]
    if options.idle > 0:
        cases.append(Case(64, options.idle))
    allowance = GCC_ALLOWANCE if report["compiler"].startswith("GCC") else 1.0
    results: Results = {}
    free = ports()
    for turn in range(1, options.rounds + 1):
        measure_round(options, cases, free, results, f"round {turn}/{options.rounds}")
    found = ratios(results, cases, allowance)
    print_measurements(results)
    print_ratios(found, results, allowance)
    report["measurements"] = [{"side": side, "round": turn, **run}
                              for (_, side), runs in results.items() for turn, run in enumerate(runs, 1)]
    report["ratios"] = [{**asdict(ratio), "median": ratio.median, "verdict": ratio.verdict()}
                        for ratio in found]
    report["user_us_per_request"] = [{"side": side, **asdict(case), "user_us": user_us(runs)}
                                     for (case, side), runs in results.items()]


# ---- counting instructions

def load_and_dump(options: argparse.Namespace, server: Server, requests: int, vgdb: list[str]) -> None:
    """The server sleeps in the kernel, where valgrind takes no signals: vgdb makes it write its counts."""
    run_load(options, server, options.cores[1], [
        "--connections", str(CALLGRIND_CONNECTIONS), "--requests", str(requests),
        "--stall-ms", str(CALLGRIND_STALL_MS)])
    done = subprocess.run([*vgdb, f"--pid={server.process.pid}", "dump"], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"vgdb cannot reach {server.name}: {done.stderr.strip()}\n{server.tail()}")


def instructions(options: argparse.Namespace, side: str, port: int, loads: list[int]) -> list[int]:
    """User-mode instructions of one server for each load in turn; the first count includes its start."""
    with tempfile.TemporaryDirectory() as folder:
        prefix, counts = f"--vgdb-prefix={folder}/vgdb", Path(folder) / "counts"
        program, *arguments = server_command(side, options, port)
        plain = f"{folder}/{side}"  # valgrind 3.19 ends at what clang++ 19 notes for debuggers
        subprocess.run(["objcopy", "--strip-debug", program, plain], check=True)
        command = ["valgrind", "--tool=callgrind", prefix, f"--callgrind-out-file={counts}", plain, *arguments]
        server = Server(f"{side} under valgrind", command, port, options.cores[0], CALLGRIND_READY_SECONDS)
        try:
            for requests in loads:
                load_and_dump(options, server, requests, ["vgdb", prefix])
        finally:
            server.kill()
        dumps = [Path(f"{counts}.{number}").read_text() for number in range(1, len(loads) + 1)]
    totals = [re.search(r"^totals: (\d+)", dump, re.MULTILINE) for dump in dumps]
    if None in totals:
        raise Failure(f"callgrind wrote no totals for {side}")
    return [int(total[1]) for total in totals if total]


def count_instructions(options: argparse.Namespace, report: dict) -> None:
    """Boot is in the first count only; connecting is in the other two, and their difference is without it."""
    few = options.requests // 5
    many = options.requests + few
    free = ports()
    report["instructions_per_request"] = {}
    for side in SIDES:
        print(f"{side} under callgrind: {few}, {few} and {many} requests", flush=True)
        _, less, more = instructions(options, side, next(free), [few, few, many])
        each = (more - less) / (many - few)
        report["instructions_per_request"][side] = each
        verdict = "ok" if each <= INSTRUCTIONS_MAX else "over"
        allowed = f", allowed {INSTRUCTIONS_MAX}: {verdict}" if side == "tina" else ""
        print(f"{side}: {each:.0f} user-mode instructions per request{allowed}", flush=True)


# ---- the command

def compiler_of(program: Path) -> str:
    """What the program's comment section says; a clang build also names the GCC of its start-up files."""
    content = program.read_bytes()
    for pattern in (rb"[ -~]*clang version [ -~]+", rb"GCC: [ -~]+"):
        if found := re.search(pattern, content):
            return found[0].decode().strip()
    return "unknown"


def program(text: str) -> Path:
    return Path(text).resolve()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="echo_server against a bare server",
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--server", type=program, default=BIN / "echo_server", help="the library's server")
    add("--bare", type=program, help="the bare server; if not given, bare_echo, or bare_epoll with --epoll")
    add("--epoll", action="store_true", help="both on epoll instead of io_uring")
    add("--load", type=program, default=BIN / "echo_load", help="the load generator")
    add("--mode", default="oneshot", choices=("oneshot", "multishot", "plain"), help="of the bare server")
    add("--rounds", type=int, default=9, help="how often everything is measured")
    add("--seconds", type=float, default=3.0, help="of each measurement")
    add("--warmup", type=float, default=0.5, help="seconds of load before each measurement")
    add("--bytes", type=int, default=64, help="per request")
    add("--connections", type=int, nargs="+", default=[1, 64, 512], help="busy ones, a case for each")
    add("--idle", type=int, default=10_000, help="idle connections beside 64 busy ones; 0: not measured")
    add("--json", type=Path, help="where to write; if not given, build/compare_{echo,callgrind}[_epoll].json")
    add("--callgrind", action="store_true", help="count instructions per request instead")
    add("--requests", type=int, default=50_000, help="that --callgrind counts")
    options = parser.parse_args()
    if options.rounds < 1 or options.requests < 5:
        parser.error("--rounds must be at least 1, --requests at least 5")
    options.bare = options.bare or BIN / ("bare_epoll" if options.epoll else "bare_echo")
    what = ("callgrind" if options.callgrind else "echo") + ("_epoll" if options.epoll else "")
    options.json = options.json or ROOT / "build" / f"compare_{what}.json"
    return options


def prepare(options: argparse.Namespace) -> None:
    for needed in (options.server, options.bare, options.load):
        if not os.access(needed, os.X_OK):
            raise Failure(f"{needed} is not there: build it first (./dev build release)")
    if options.callgrind and not (shutil.which("valgrind") and shutil.which("vgdb")):
        raise Failure("--callgrind needs valgrind: apt-get install valgrind")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the servers inherit it
    descriptors = 200 + max(*options.connections, 64 + options.idle)
    if not options.callgrind and most != resource.RLIM_INFINITY and most < descriptors:
        raise Failure(f"{descriptors} descriptors are needed, ulimit -Hn is {most}: raise it or lower --idle")


def main() -> int:
    options = parse()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        print("compare_echo.py: needs two cores, one for the servers and one for the load", file=sys.stderr)
        return 77
    options.cores = (cores[1], cores[0])  # interrupts prefer the first core: the servers get the other
    try:
        prepare(options)
        report = {"compiler": compiler_of(options.server), "kernel": platform.release(),
                  "mode": "epoll" if options.epoll else options.mode,
                  "rounds": options.rounds, "seconds": options.seconds, "bytes": options.bytes}
        print(f"compiler {report['compiler']}, kernel {report['kernel']}, bare mode {report['mode']}, "
              f"servers on core {cores[1]}, load on core {cores[0]}", flush=True)
        (count_instructions if options.callgrind else compare)(options, report)
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    except (Failure, OSError) as failure:
        print(f"compare_echo.py: {failure}", file=sys.stderr)
        return 1
    print(f"written to {options.json}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
