#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads traces as those do whom they are for. Exit status 77: there is no engine here that runs the page's script.

check_trace.py CHECK <trace_writer>
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

STAGE = Path(__file__).with_name("page_stage.js")


def written(writer: str, *wanted: str) -> str:
    """What the writer prints."""
    run = subprocess.run([writer, *wanted], capture_output=True, check=True, timeout=60)
    return run.stdout.decode("utf-8")


def slice_at(slices: list[dict], end: dict) -> bool:
    """Whether an end of an arrow is on a slice of its track."""
    at = end["ts"]
    return any(each["ts"] <= at <= each["ts"] + each["dur"] for each in slices)


def check_nesting(track: tuple, slices: list[dict]) -> list[str]:
    """Slices of one track lie beside or within one another; those who overlap otherwise are drawn wrongly."""
    wrong = []
    ends: list[float] = []
    for each in sorted(slices, key=lambda one: (one["ts"], -one["dur"])):
        while ends and ends[-1] <= each["ts"] + 1e-7:
            ends.pop()
        end = each["ts"] + each["dur"]
        if ends and end > ends[-1] + 1e-7:
            wrong.append(f"track {track}: {each['args']['what']} overlaps what was before")
        ends.append(end)
    return wrong


def check_perfetto(text: str, events: int) -> list[str]:
    """What is wrong with a trace for Perfetto of that many events."""
    records = json.loads(text)["traceEvents"]
    slices, flows, seen, named, wrong = defaultdict(list), defaultdict(list), set(), set(), []
    for each in records:
        track = (each["pid"], each["tid"])
        if each["ph"] == "X":
            slices[track].append(each)
        if each["ph"] in "sf":
            flows[each["id"]].append(each)
        if each["ph"] in "Xi":
            seen.add(each["args"]["event"])
        if each["ph"] == "M" and each["name"] == "thread_name":
            named.add(track)
    if seen != set(range(1, events + 1)):
        wrong.append(f"{len(seen)} events instead of {events}")
    for each in records:
        if each["ph"] in "Xisf" and (each["pid"], each["tid"]) not in named:
            wrong.append(f"a track without a name: {each}")
    for identity, ends in flows.items():
        if [each["ph"] for each in ends] != ["s", "f"] or ends[0]["ts"] > ends[1]["ts"]:
            wrong.append(f"arrow {identity} has no two ends in order: {ends}")
        if not all(slice_at(slices[each["pid"], each["tid"]], each) for each in ends):
            wrong.append(f"arrow {identity} ends where nothing is: {ends}")
    if not flows:
        wrong.append("no arrows")
    for track, of_track in slices.items():
        wrong += check_nesting(track, of_track)
    return wrong


def run_page(text: str, scene: str) -> int:
    """Runs the page on the stage."""
    engine = shutil.which("node") or shutil.which("nodejs")
    if engine is None:
        print("there is no node here that could run the page")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "trace.html")
        page.write_text(text, encoding="utf-8")
        return subprocess.run([engine, str(STAGE), str(page), scene], check=False, timeout=100).returncode


def main() -> int:
    check, writer = sys.argv[1:]
    if check == "html_trace_shows_the_run":
        return run_page(written(writer, "html"), "example")
    if check == "html_trace_of_100000_events_is_usable":
        return run_page(written(writer, "html", "100000"), "large")
    wrong = check_perfetto(written(writer, "perfetto"), 14) + check_perfetto(written(writer, "perfetto", "3000"), 3000)
    print("\n".join(wrong[:20]) or "as it should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
