# SPDX-License-Identifier: Apache-2.0
#
# The programs that compare_echo.py runs: two servers and the load generator, each pinned to a core. Owned by
# the benchmarks; it must never leave a process behind, nor end one that it did not start.
from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

STOP_SECONDS = 15.0

Measurement = dict[str, float]


class Failure(Exception):
    """A server or the load failed: there is nothing to report."""


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def ports() -> Iterator[int]:
    """Free ports below the ephemeral range, where no client's port can take one first. Each is used once."""
    first = 20_000 + os.getpid() % 10_000
    for offset in range(10_000):
        port = 20_000 + (first + offset - 20_000) % 10_000
        if is_free(port):
            yield port
    raise Failure("no free port between 20000 and 29999")


def pinned(core: int) -> Callable[[], None]:
    return lambda: os.sched_setaffinity(0, {core})


class Server:
    """One server process; `stop` is part of every run, since a server that cannot stop has failed."""

    def __init__(self, name: str, command: list[str], port: int, core: int,
                 ready_seconds: float = 15.0) -> None:
        self.name = name
        self.port = port
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=self.output, preexec_fn=pinned(core))
        try:
            self.wait_until_ready(ready_seconds)
        except Failure:
            self.kill()
            raise

    def wait_until_ready(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.check()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise Failure(f"{self.name} does not listen on port {self.port} after {seconds:.0f} s\n{self.tail()}")

    def check(self) -> None:
        if self.process.poll() is not None:
            raise Failure(f"{self.name} ended with status {self.process.returncode}\n{self.tail()}")

    def stop(self) -> None:
        self.check()
        self.process.send_signal(signal.SIGINT)
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} ignores SIGINT for {STOP_SECONDS:.0f} s\n{self.tail()}") from None
        if status != 0:
            raise Failure(f"{self.name} ended with status {status} after SIGINT\n{self.tail()}")

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def tail(self) -> str:
        self.output.seek(0)
        return self.output.read().decode(errors="replace")[-2000:].rstrip()


@contextlib.contextmanager
def running(*servers: Server) -> Iterator[None]:
    try:
        yield
        for server in servers:
            server.stop()
    finally:
        for server in servers:
            server.kill()


def server_command(side: str, options: argparse.Namespace, port: int) -> list[str]:
    if side == "tina":
        io = "epoll" if options.epoll else "io_uring"
        return [str(options.server), "--port", str(port), "--shards", "1", "--io", io]
    mode = [] if options.epoll else ["--mode", options.mode]
    return [str(options.bare), "--port", str(port), *mode]


def run_load(options: argparse.Namespace, server: Server, core: int, extra: list[str]) -> Measurement:
    command = [str(options.load), "--port", str(server.port), "--bytes", str(options.bytes),
               "--pid", str(server.process.pid), "--json", *extra]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=pinned(core))
    if done.returncode != 0:
        server.check()
        what = done.stderr.strip() or f"status {done.returncode}"
        raise Failure(f"the load on {server.name} failed: {what}\n{done.stdout}{server.tail()}")
    return json.loads(done.stdout)
