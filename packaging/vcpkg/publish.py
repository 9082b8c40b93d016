#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the port of tina one that a git registry can serve: `publish.py <address of the repository> [commit]`.

Writes the address and the commit of the source (HEAD if none is given) into the port, and the port's tree into the
database in versions/. Commit and push both afterwards. `publish.py --database` only brings the database up to date, and
`publish.py --check` says whether it is.
"""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PORT = ROOT / "packaging/vcpkg/ports/tina"
BASELINE = ROOT / "versions/baseline.json"
VERSIONS = ROOT / "versions/t-/tina.json"


def git_object(kind: str, content: bytes) -> bytes:
    """The name that git gives to an object."""
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).digest()


def tree_of_port() -> str:
    """What `git rev-parse <commit>:packaging/vcpkg/ports/tina` will say once the port is committed as it is."""
    entries = b""
    for path in sorted(PORT.iterdir()):
        entries += b"100644 " + path.name.encode() + b"\0" + git_object("blob", path.read_bytes())
    return git_object("tree", entries).hex()


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def database() -> tuple[dict, dict]:
    """The baseline, and the list of versions with that of the port as it is in front."""
    port = read(PORT / "vcpkg.json")
    version, port_version = port["version"], port.get("port-version", 0)
    others = [each for each in read(VERSIONS).get("versions", [])
              if (each["version"], each["port-version"]) != (version, port_version)]
    entry = {"version": version, "port-version": port_version, "git-tree": tree_of_port()}
    baseline = {"default": {"tina": {"baseline": version, "port-version": port_version}}}
    return baseline, {"versions": [entry, *others]}


def version_of_headers() -> str:
    text = (ROOT / "include/tina/version.hpp").read_text(encoding="utf-8")
    return ".".join(re.search(rf"TINA_VERSION_{part} (\d+)", text).group(1) for part in ("MAJOR", "MINOR", "PATCH"))


def check() -> int:
    """Whether all that names a version or the port agrees."""
    faults = []
    for manifest in (ROOT / "vcpkg.json", PORT / "vcpkg.json"):
        if read(manifest)["version"] != version_of_headers():
            faults.append(f"{manifest} is not of version {version_of_headers()}, as include/tina/version.hpp is")
    if database() != (read(BASELINE), read(VERSIONS)):
        faults.append("versions/ does not name the port as it is; run packaging/vcpkg/publish.py --database")
    print(*faults, sep="\n")
    return 1 if faults else 0


def write_database() -> None:
    VERSIONS.parent.mkdir(parents=True, exist_ok=True)
    for path, content in zip((BASELINE, VERSIONS), database()):
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def publish(url: str, commit: str) -> None:
    """Writes where the source is into the port."""
    full = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--verify", f"{commit}^{{commit}}"],
                          check=True, capture_output=True, text=True).stdout.strip()
    portfile = PORT / "portfile.cmake"
    text = portfile.read_text(encoding="utf-8")
    text = re.sub(r'(?<=set\(PUBLISHED_URL )"[^"]*"', f'"{url}"', text)
    text = re.sub(r'(?<=set\(PUBLISHED_REF )"[^"]*"', f'"{full}"', text)
    portfile.write_text(text, encoding="utf-8")
    write_database()
    print(f"the port takes {full} from {url}; commit and push the port and versions/ now")


def main() -> int:
    match sys.argv[1:]:
        case ["--check"]:
            return check()
        case ["--database"]:
            write_database()
            return 0
        case [url] | [url, _] if not url.startswith("-"):
            publish(url, sys.argv[2] if len(sys.argv) > 2 else "HEAD")
            return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
