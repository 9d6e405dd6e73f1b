#!/usr/bin/env python3
"""circles.py [FOLDER…]: finds files that need each other, directly or through others.

A file needs another if it names something of it: in a `use`, in a path in its code, or in an attribute of serde. A name that
`pub use` passes on belongs to the file that it comes from. Declaring a module is not needing it, and code that only tests compile
does not count. Each crate is judged by itself. Without arguments, the folders are core/src, src and bridge/src.

First it must find exactly the circles of a small tree that it makes.
"""

import os
import pathlib
import re
import sys
import tempfile
from collections import defaultdict

from rust_source import blank, closing_brace, code_only, without_tests

ROOT = pathlib.Path(__file__).resolve().parent.parent
CRATES = ("core/src", "src", "bridge/src")
USE = re.compile(r"(?P<visible>\bpub(?:\([^)]*\))?\s+)?\buse\s+(?P<tree>[^;<]*);")
PATH = re.compile(r"(?<![\w:])\$?((?:\w+\s*::\s*)+\w+)")
SERDE_PATH = re.compile(r"#\[serde\([^\]]*\"((?:\w+::)+\w+)\"")
DEFINED = r"\b(?:struct|enum|union|trait|type|fn|const|static|mod|macro_rules!)\s+{}\b"


class Crate:
    """The modules of a crate, the files that hold them, and the names of others in each file."""

    def __init__(self, folder):
        self.folder = folder
        self.code = {}
        self.serde_paths = {}
        self.modules = {}
        self.passed_on = defaultdict(dict)
        self.globs = defaultdict(list)
        self.read()
        self.uses = [(module, place, visible, path, name)
                     for module, file in list(self.modules.items()) if self.is_whole(module, file)
                     for module, place, visible, path, name in self.uses_of(module, file)]
        for module, _, visible, path, name in self.uses:
            if visible and name == "*":
                self.globs[module].append(path)
            elif visible:
                self.passed_on[module][name] = path

    def is_whole(self, module, file):
        return self.module_of(file) == module

    def module_of(self, file):
        parts = file.relative_to(self.folder).with_suffix("").parts
        return parts[:-1] if parts[-1] in ("mod", "lib", "main") else parts

    def read(self):
        skipped = set()
        for file in sorted(self.folder.rglob("*.rs")):
            text = file.read_text()
            code, test_files = without_tests(code_only(text))
            self.code[file] = code
            self.serde_paths[file] = [(found.start(), found[1].split("::")) for found in SERDE_PATH.finditer(text)]
            skipped |= {(*self.module_of(file), name) for name in test_files}
        for file in list(self.code):
            module = self.module_of(file)
            if any(module[:n] in skipped for n in range(1, len(module) + 1)) or file.stem == "tests":
                del self.code[file]
        for file, code in self.code.items():
            module = self.module_of(file)
            self.modules[module] = file
            for _, inner in self.inner_modules(code, module):
                self.modules.setdefault(inner, file)

    def inner_modules(self, code, module):
        """The modules inside a file, with the places where they begin and end."""
        for found in re.finditer(r"\bmod\s+(\w+)\s*\{", code):
            outer = self.at(code, module, found.start())
            yield (found.end(), closing_brace(code, found.end() - 1)), (*outer, found[1])

    def at(self, code, module, place):
        """The module at a place in a file."""
        path = module
        for found in re.finditer(r"\bmod\s+(\w+)\s*\{", code[:place]):
            if closing_brace(code, found.end() - 1) >= place:
                path = (*path, found[1])
        return path

    def uses_of(self, module, file):
        """Every name that a `use` of a file imports: (module, place, whether it is passed on, path, name there)."""
        code = self.code[file]
        for found in USE.finditer(code):
            inner = self.at(code, module, found.start())
            for path, name in branches(found["tree"]):
                yield inner, found.start("tree"), bool(found["visible"]), self.absolute(inner, path), name

    def absolute(self, module, path):
        """A path from the root of the crate, or None if it belongs to another crate."""
        path = list(path)
        if path and path[0] == "crate":
            return tuple(path[1:])
        base = module
        if path and path[0] in ("self", "super"):
            while path and path[0] in ("self", "super"):
                base = base[:-1] if path.pop(0) == "super" else base
            return (*base, *path)
        if path and (*module, path[0]) in self.modules:
            return (*module, *path)
        return None

    def owner(self, path, depth=0):
        """The file that holds what a path names."""
        if path is None or depth > 20:
            return None
        length = next((n for n in range(len(path), -1, -1) if path[:n] in self.modules), None)
        module, rest = path[:length], path[length:]
        if rest and rest[0] in self.passed_on[module]:
            further = self.passed_on[module][rest[0]]
            # A name that is passed on from another crate belongs to the module that passes it on.
            return self.owner((*further, *rest[1:]), depth + 1) if further is not None else self.modules[module]
        if rest and not re.search(DEFINED.format(re.escape(rest[0])), self.code[self.modules[module]]):
            for further in filter(None, self.globs[module]):
                found = self.owner((*further, *rest), depth + 1)
                if found and re.search(DEFINED.format(re.escape(rest[0])), self.code[found]):
                    return found
        return self.modules[module]

    def edges(self):
        """What each file needs: {file: {other file: [(line, path)]}}."""
        edges = {file: defaultdict(list) for file in self.code}
        aliases = defaultdict(dict)
        for module, place, _, path, name in self.uses:
            file = self.modules[module]
            self.add(edges, file, place, path)
            if path in self.modules:
                aliases[file][name] = path
        for file, code in self.code.items():
            code = re.sub(r"\bpub\s*\(\s*in\b[^)]*\)", lambda m: blank(m[0]), USE.sub(lambda m: blank(m[0]), code))
            paths = [(found.start(), re.split(r"\s*::\s*", found[1])) for found in PATH.finditer(code)]
            for place, words in paths + self.serde_paths[file]:
                inner = self.at(code, self.module_of(file), place)
                known = aliases[file].get(words[0])
                self.add(edges, file, place, (*known, *words[1:]) if known else self.absolute(inner, words))
        return edges

    def add(self, edges, file, place, path):
        other = self.owner(path)
        if other and other != file:
            edges[file][other].append((self.code[file].count("\n", 0, place) + 1, "::".join(path) or "crate"))


def branches(tree):
    """The paths of a `use` tree, each with the name that it gets."""
    words = re.findall(r"\w+|::|[{},*]", tree)

    def read(prefix):
        path, name = list(prefix), None
        while words and words[0] not in (",", "}"):
            word = words.pop(0)
            if word == "{":
                while words and words[0] != "}":
                    yield from read(path)
                    if words and words[0] == ",":
                        words.pop(0)
                if words:
                    words.pop(0)
                return
            if word == "as":
                name = words.pop(0)
            elif word == "*":
                name = "*"
            elif word != "::" and not (word == "self" and path):
                path.append(word)
        if path:
            yield tuple(path), name or path[-1]

    return list(read(()))


def circles(edges):
    """The strongly connected components with more than one file (Tarjan)."""
    number, low, stack, found = {}, {}, [], []

    def visit(file):
        number[file] = low[file] = len(number)
        stack.append(file)
        for other in edges[file]:
            if other not in number:
                visit(other)
                low[file] = min(low[file], low[other])
            elif other in stack:
                low[file] = min(low[file], number[other])
        if low[file] == number[file]:
            at = stack.index(file)
            circle = sorted(stack[at:])
            del stack[at:]
            if len(circle) > 1:
                found.append(circle)

    for file in sorted(edges):
        if file not in number:
            visit(file)
    return found


def describe(folder, circle, edges):
    """A circle in words: which file needs which, and where."""
    lines = [f"{len(circle)} files of {os.path.relpath(folder, ROOT)} need each other:"]
    for file in circle:
        for other in circle:
            if places := edges[file].get(other):
                shown = ", ".join(f"{line}: {path}" for line, path in places[:4])
                more = f" and {len(places) - 4} more" if len(places) > 4 else ""
                lines.append(f"  {file.relative_to(folder)} needs {other.relative_to(folder)} ({shown}{more})")
    return "\n".join(lines)


SELF_TEST = {
    "lib.rs": "mod direct; mod nested; mod inline; mod facade; mod quiet; mod test_only; mod alias; pub mod deep; mod fine;",
    "direct.rs": "use crate::nested::{self, Thing};\npub struct Direct;",
    "nested.rs": "use std::fmt;\nuse super::{fine::Fine, direct::{Direct as D}};\npub struct Thing;",
    "inline.rs": "fn f() { crate::facade::g(); }\npub struct Inline;",
    "facade/mod.rs": "mod inner;\npub use inner::{g, h};\npub use self::globbed::*;\nmod globbed;",
    "facade/inner.rs": "pub fn g() -> crate::inline::Inline { todo!() }",
    "facade/globbed.rs": "pub struct Globbed;",
    "quiet.rs": "// use crate::fine::Fine;\n/* /* */ crate::fine::f() */ const A: (&str, char) = (\"crate::fine::f\", '\"');\n"
                "const B: &str = r#\"use \"crate::fine::f\"#; fn f<'a>(x: &'a str) {}\npub struct Quiet;",
    "test_only.rs": "#[cfg(test)]\nmod tests { use crate::fine::Fine; fn f() { super::x(); } }\n#[cfg(test)]\n"
                    "use crate::{fine::Fine};\npub(in crate::fine) struct TestOnly;",
    "serde_a.rs": "#[serde(default, with = \"super::serde_b::word\")]\npub struct A;",
    "serde_b.rs": "use super::serde_a::A;\npub mod word {}",
    "fine.rs": "use crate::quiet::Quiet; use crate::test_only::TestOnly; use crate::facade::Globbed;\npub struct Fine;",
    "alias.rs": "use crate::deep;\nfn f() { deep::down::g() }\npub struct Alias;",
    "deep/mod.rs": "pub mod down;\nmod tests;",
    "deep/down.rs": "mod own { use super::super::super::alias::Alias; }\npub fn g() {}",
    "deep/tests.rs": "use crate::fine::Fine;",
}
SELF_TEST_CIRCLES = [["alias.rs", "deep/down.rs"], ["direct.rs", "nested.rs"], ["facade/inner.rs", "inline.rs"],
                      ["serde_a.rs", "serde_b.rs"]]


def test_itself():
    with tempfile.TemporaryDirectory() as home:
        folder = pathlib.Path(home)
        for name, text in SELF_TEST.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        found = [[str(file.relative_to(folder)) for file in circle] for circle in circles(Crate(folder).edges())]
    if sorted(found) != SELF_TEST_CIRCLES:
        sys.exit(f"circles.py itself does not see what it should: {sorted(found)}")


def main():
    test_itself()
    bad = files = 0
    for name in sys.argv[1:] or CRATES:
        folder = (ROOT / name).resolve()
        edges = Crate(folder).edges()
        files += len(edges)
        for circle in circles(edges):
            bad += 1
            print(describe(folder, circle, edges))
    print(f"{files} files: {bad} circles")
    sys.exit(1 if bad or not files else 0)


main()
