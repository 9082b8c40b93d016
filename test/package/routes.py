#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installs tina by one route of docs/guides/install.md, with the commands that stand there, and runs a program.

routes.py <route> --source <tina> --build <build folder> --scratch <folder> [what to compile with]

By default the commands that build tina itself are left out: it is installed from the build folder. With --whole they
are run too. Each route ends with the handlers of test/package/consumer run for real and in simulation. Exit status
77: the route cannot be run here.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

SKIPPED = 77
COMMANDS_MAX = 5
SECONDS_MAX = 1500

HEADINGS = {
    "find_package": "find_package",
    "pkg_config": "pkg-config",
    "fetch_content": "FetchContent",
    "add_subdirectory": "add_subdirectory",
    "debian": "Debian packages",
    "vcpkg_overlay": "vcpkg: overlay",
}


class Section:
    """The blocks of one section of the guide."""

    def __init__(self, guide: Path, heading: str):
        text = guide.read_text(encoding="utf-8")
        begin = text.index(f"\n## {heading}\n")
        end = text.find("\n## ", begin + 1)
        self._text = text[begin:end]

    def block(self, language: str) -> str:
        """The first block of a language; empty if there is none."""
        found = re.search(rf"^```{language}\n(.*?)^```$", self._text, re.MULTILINE | re.DOTALL)
        return found.group(1) if found else ""

    def commands(self) -> list[str]:
        return self.block("sh").splitlines()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("route", choices=[*HEADINGS, "vcpkg_registry"])
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--cxx", default="c++")
    parser.add_argument("--standard", default="20")
    parser.add_argument("--type", default="Release")
    parser.add_argument("--flags", default="")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--shared", action="store_true", help="with --whole: a shared library")
    wanted = parser.parse_args()
    wanted.source, wanted.build = wanted.source.resolve(), wanted.build.resolve()
    return wanted


class Route:
    """One run of a route in a scratch folder."""

    def __init__(self, wanted: argparse.Namespace):
        self.wanted = wanted
        self.scratch = wanted.scratch.resolve()
        guide = wanted.source / "docs/guides/install.md"
        self.section = Section(guide, HEADINGS[wanted.route])
        self.of_find_package = Section(guide, HEADINGS["find_package"])
        self.environment = os.environ | {"CMAKE_GENERATOR": "Ninja", "TINA_STANDARD": wanted.standard}

    def prepare(self) -> None:
        """An empty folder with the source and the program in it."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)
        (self.scratch / "tina").symlink_to(self.wanted.source.resolve())
        shutil.copytree(self.wanted.source / "test/package/consumer", self.scratch / "hello")
        lists = self.section.block("cmake") or self.of_find_package.block("cmake")
        (self.scratch / "hello/CMakeLists.txt").write_text(lists, encoding="utf-8")
        if manifest := self.section.block("json"):
            (self.scratch / "hello/vcpkg.json").write_text(manifest, encoding="utf-8")

    def adapted(self, command: str) -> list[str]:
        """What is run in the place of a command of the guide: the same, with the compiler and the flags of this run."""
        wanted = self.wanted
        words = f" -DCMAKE_CXX_COMPILER={wanted.cxx} -DCMAKE_BUILD_TYPE={wanted.type}"
        if command.startswith("cmake -S tina"):
            words += " -DBUILD_SHARED_LIBS=ON" if wanted.shared else ""
            words += " -DCMAKE_COMPILE_WARNING_AS_ERROR=ON"  # who builds it for the first time should see none
            return [command + words + launcher()] if wanted.whole else []
        if command.startswith("cmake --build build/tina"):
            prefix = self.scratch / "prefix"
            if "--target package" in command and not wanted.whole:
                return [f"cpack --config {wanted.build}/CPackConfig.cmake -B build/tina/packages"]
            return [command] if wanted.whole else [f"cmake --install {wanted.build} --prefix {prefix} >installed.txt"]
        if command.startswith("cmake -S hello"):
            standard = f" -DCMAKE_CXX_STANDARD={wanted.standard} -DCMAKE_CXX_FLAGS={shlex.quote(wanted.flags)}"
            return [command + words + standard + launcher()]
        if command.startswith("c++ "):
            flags = f"{wanted.cxx} {wanted.flags} "
            return [flags + command.removeprefix("c++ ").replace("-std=c++20", f"-std=c++{wanted.standard}")
                    + (" -Wl,-rpath,prefix/lib" if wanted.shared else "")]
        return [command]

    def run(self, commands: list[str]) -> int:
        """Runs the commands as one script, each said before it is run."""
        script = "\n".join(["set -euo pipefail", *(f"echo {shlex.quote('$ ' + each)}\n{each}" for each in commands)])
        return subprocess.run(["bash", "-c", script], cwd=self.scratch, env=self.environment, check=False,
                              timeout=SECONDS_MAX).returncode


def launcher() -> str:
    """Nothing of this is compiled twice where it can be helped."""
    return " -DCMAKE_CXX_COMPILER_LAUNCHER=ccache" if shutil.which("ccache") else ""


def refuse(command: str) -> str:
    """What must fail."""
    return f"if {command}; then exit 1; fi"


def simulation_with_cmake(_: Route) -> list[str]:
    return ["build/hello/hello_sim explore numbers --seeds 1..50"]


def simulation_with_pkg_config(route: Route) -> list[str]:
    """The command of the guide for the other program."""
    command = next(each for each in route.section.commands() if each.startswith("c++ "))
    for old, new in (("hello.cpp", "hello_sim.cpp"), ("libs tina", "libs tina-harness"), ("_program", "_simulation")):
        command = command.replace(old, new)
    return [*route.adapted(command), "./hello_simulation explore numbers --seeds 1..50"]


def run_subproject(route: Route) -> int:
    """Without --whole: the targets are there, and programs compile against them; nothing is built of tina itself."""
    if route.wanted.whole:
        return route.run([*sum(map(route.adapted, route.section.commands()), []), *simulation_with_cmake(route)])
    objects = ["desk.dir/desk.cpp.o", "hello.dir/hello.cpp.o", "hello_sim.dir/hello_sim.cpp.o"]
    configured = [each for each in route.section.commands() if each.startswith("cmake -S")]
    return route.run([
        *sum(map(route.adapted, configured), []),
        "ninja -C build/hello " + " ".join(f"CMakeFiles/{each}" for each in objects),
        refuse("ninja -C build/hello -t targets all | grep -E '^(echo_server|unit_tests|tina_check):'"),
        refuse("ninja -C build/hello -t commands CMakeFiles/hello.dir/hello.cpp.o | grep 'stack-clash\\|-fvisibility'"),
        "cmake --install build/hello --prefix empty",
        refuse("test -e empty/include"),
    ])


def run_debian(route: Route) -> int:
    """The packages are unpacked, not installed: nothing of the machine changes."""
    if missing := [each for each in ("dpkg-deb", "dpkg-shlibdeps", "file") if not shutil.which(each)]:
        print("not here: " + ", ".join(missing))
        return SKIPPED
    commands = sum(map(route.adapted, route.section.commands()[:2]), [])
    root = route.scratch / "root"
    route.environment |= {"PKG_CONFIG_PATH": f"{root}/usr/lib/x86_64-linux-gnu/pkgconfig:{root}/usr/lib/pkgconfig",
                          "LD_LIBRARY_PATH": f"{root}/usr/lib/x86_64-linux-gnu:{root}/usr/lib"}
    unpack = "for each in build/tina/packages/*.deb; do dpkg-deb -I $each; dpkg-deb -x $each root; done"
    return route.run([
        *commands, unpack, "root/usr/bin/tina_check",
        *sum(map(route.adapted, route.section.commands()[3:]), []),
        *simulation_with_pkg_config(route),
        *route.adapted(f"cmake -S hello -B build/hello -DCMAKE_PREFIX_PATH={root}/usr"),
        "cmake --build build/hello", "build/hello/hello", *simulation_with_cmake(route),
    ])


def run_installed(route: Route) -> int:
    simulate = simulation_with_pkg_config if route.wanted.route == "pkg_config" else simulation_with_cmake
    relocatable = refuse(f"grep -rIlF {shlex.quote(str(route.scratch / 'prefix'))} prefix")
    return route.run([*sum(map(route.adapted, route.section.commands()), []), *simulate(route), relocatable])


def run_vcpkg(route: Route) -> int:
    if not os.environ.get("VCPKG_ROOT"):
        print("VCPKG_ROOT is not set")
        return SKIPPED
    # What vcpkg keeps of earlier builds goes by the port alone; the source may have changed since.
    route.environment["VCPKG_BINARY_SOURCES"] = "clear"
    warned = refuse("grep -E '/tina/portfile[.]cmake(: warning|:[0-9]+ )' build/hello/vcpkg-manifest-install.log")
    return route.run([*sum(map(route.adapted, route.section.commands()), []), *simulation_with_cmake(route), warned])


def run_registry(wanted: argparse.Namespace) -> int:
    """A clone of the source is published at its own address, and used as the registry."""
    if not os.environ.get("VCPKG_ROOT"):
        print("VCPKG_ROOT is not set")
        return SKIPPED
    wanted.route = "vcpkg_overlay"
    route = Route(wanted)
    route.prepare()
    clone = route.scratch / "registry"
    configuration = (
        '{"default-registry": {"kind": "git", "repository": "https://github.com/microsoft/vcpkg", "baseline": "%s"}, '
        '"registries": [{"kind": "git", "repository": "file://%s", "baseline": "%s", "packages": ["tina"]}]}')
    return route.run([
        f"git clone -q {wanted.source} {clone}",
        f"{clone}/packaging/vcpkg/publish.py file://{clone}",
        f"git -C {clone} -c user.name=t -c user.email=t@localhost commit -qam 'Port'",
        f"printf {shlex.quote(configuration)} $(git -C $VCPKG_ROOT rev-parse HEAD) {clone} "
        f"$(git -C {clone} rev-parse HEAD) >hello/vcpkg-configuration.json",
        *(each.replace('-DVCPKG_OVERLAY_PORTS="$PWD/tina/packaging/vcpkg/ports"', "")
          for each in sum(map(route.adapted, route.section.commands()), [])),
        *simulation_with_cmake(route),
    ])


def main() -> int:
    wanted = arguments()
    if wanted.route == "vcpkg_registry":
        return run_registry(wanted)
    route = Route(wanted)
    if not 0 < len(route.section.commands()) <= COMMANDS_MAX:
        print(f"the guide needs {len(route.section.commands())} commands for {wanted.route}, not 1 to {COMMANDS_MAX}")
        return 1
    route.prepare()
    runners = {"fetch_content": run_subproject, "add_subdirectory": run_subproject, "debian": run_debian,
               "vcpkg_overlay": run_vcpkg}
    return runners.get(wanted.route, run_installed)(route)


if __name__ == "__main__":
    sys.exit(main())
