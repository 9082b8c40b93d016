#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that a shared library shows what the public headers declare: `exports.py <compiler> <include folder>`.

Reads the syntax tree that clang++ makes of all headers together. Each function and variable that they declare and do
not define, templates apart, must be marked with TINA_EXPORT, itself or by its class or by TINA_EXPORT_BEGIN.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

FUNCTIONS = {"FunctionDecl", "CXXMethodDecl", "CXXConstructorDecl", "CXXDestructorDecl", "CXXConversionDecl"}
TEMPLATES = {"FunctionTemplateDecl", "ClassTemplateDecl", "ClassTemplatePartialSpecializationDecl"}
FEWEST_EXPECTED = 100


def syntax_trees(compiler: str, include: Path) -> Iterator[dict]:
    """The trees of everything whose name has "tina" in it."""
    headers = sorted(include.rglob("*.hpp"))
    source = "".join(f'#include "{header.relative_to(include)}"\n' for header in headers)
    command = [compiler, "-std=c++20", f"-I{include}", "-DTINA_SHARED", "-fvisibility=hidden", "-fsyntax-only",
               "-Xclang", "-ast-dump=json", "-Xclang", "-ast-dump-filter=tina", "-x", "c++", "-"]
    text = subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout
    decoder = json.JSONDecoder()
    position = text.find("{")
    while position >= 0:
        tree, end = decoder.raw_decode(text, position)
        yield tree
        position = text.find("{", end)


def has_visibility(node: dict) -> bool:
    return any(child.get("kind") == "VisibilityAttr" for child in node.get("inner", []))


def is_defined(node: dict) -> bool:
    """Whether it has a body, here or by the compiler's making, or never gets one."""
    if any(node.get(key) for key in ("isImplicit", "explicitlyDeleted", "explicitlyDefaulted", "pure", "inline")):
        return True
    return any(child.get("kind") in ("CompoundStmt", "CXXTryStmt") for child in node.get("inner", []))


class Found:
    """What is declared only: mangled name to whether it is marked. A later declaration may define it after all."""

    def __init__(self) -> None:
        self.marked: dict[str, bool] = {}
        self.defined: set[str] = set()

    def visit(self, node: dict, marked: bool) -> None:
        kind = node.get("kind")
        if kind in TEMPLATES:
            return
        name = node.get("mangledName")
        here = marked or has_visibility(node)
        if name and (kind in FUNCTIONS or (kind == "VarDecl" and node.get("storageClass") == "extern")):
            if is_defined(node):
                self.defined.add(name)
            else:
                self.marked[name] = self.marked.get(name, False) or here
            return
        below = here if kind == "CXXRecordDecl" else False
        for child in node.get("inner", []):
            self.visit(child, below)


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    found = Found()
    for tree in syntax_trees(sys.argv[1], Path(sys.argv[2])):
        found.visit(tree, False)
    declared = {name: marked for name, marked in found.marked.items() if name not in found.defined}
    if len(declared) < FEWEST_EXPECTED:
        print(f"only {len(declared)} declarations were found: the syntax tree is not read as it should be")
        return 1
    unmarked = sorted(name for name, marked in declared.items() if not marked)
    if unmarked:
        names = subprocess.run(["c++filt"], input="\n".join(unmarked), capture_output=True, text=True, check=True)
        print("a shared library would not show these; mark them with TINA_EXPORT:", names.stdout, sep="\n")
    return 1 if unmarked else 0


if __name__ == "__main__":
    sys.exit(main())
