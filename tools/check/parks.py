#!/usr/bin/env python3
"""Fails where a function may park without saying so, or where a fiber's stack could run out.

    parks.py BUILD_DIR [ROOT]

BUILD_DIR was compiled by gcc with -fcallgraph-info=su and without inlining (parks.sh does that), so that its .ci files hold
every call and every frame size. MAY_PARK marks are read from the sources. Four rules:

1. A function that calls a marked one is marked. The exception is what a fiber begins with (an argument of fiber_go,
   fiber_go_stack or group_go): nobody calls it.
2. A function that calls through a marked member of a struct is marked.
3. A marked function is stored only in a marked member.
4. No fiber's deepest stack goes past its limit. Calls through members are followed to every function that some source
   stores in a member of that name. Frames of libraries are not known; the limit leaves room for them.

Prints the deepest stack of each fiber, and `N passed, N failed` last: functions, and stacks.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

KIB = 1024
STACK_LIMIT = {"small": 48 * KIB, "large": 768 * KIB}  # of 64 KiB and 1 MiB

COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)
MARKED_FUNCTION = re.compile(r"\bMAY_PARK\b([^;{}()]*?)\b(\w+)\s*\((?!\s*\*)")
MARKED_MEMBER = re.compile(r"\bMAY_PARK\b[^;{}()]*\(\s*\*\s*(?:const\s+)?(\w+)\s*\)\s*\(")
MEMBER = re.compile(r"^\t+[^;{}()\n]*\(\s*\*\s*(?:const\s+)?(\w+)\s*\)\s*\(", re.MULTILINE)
STORED = re.compile(r"(?:->|\.)(\w+)\s*=\s*&?(\w+)\s*[,;}\n]")
MEMBER_CALL = re.compile(r"(?:->|\.)(\w+)\s*\(")
FIBER_START = re.compile(r"\b(?:fiber_go|fiber_go_stack|group_go)\s*\(")

NODE = re.compile(r'^node: \{ title: "([^"]+)" label: "([^"\\]+)\\n([^":]+):(\d+):\d+\\n(\d+) bytes')
EDGE = re.compile(r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)" label: "([^":]+):(\d+):\d+"')
INDIRECT = "__indirect_call"


def is_test(name: str) -> bool:
    return name.endswith("_test.c") or name.startswith("test_")


def blank(text: str) -> str:
    """The text with comments, strings and the definition of MAY_PARK itself blanked, line breaks kept."""
    text = COMMENT_OR_STRING.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    return re.sub(r"^#\s*define\s+MAY_PARK[^\n]*", "", text, flags=re.MULTILINE)


@dataclass
class Sources:
    """What the sources say: marks, what is stored in which member, and what fibers begin with."""

    functions: set[str] = field(default_factory=set)  # marked ones; a static's name may be marked in one file only
    statics: set[tuple[str, str]] = field(default_factory=set)  # (file name, function)
    members: set[str] = field(default_factory=set)
    plain_members: set[str] = field(default_factory=set)
    stored: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    stored_at: list[tuple[str, str, str]] = field(default_factory=list)  # (place, member, function)
    entries: dict[str, str] = field(default_factory=dict)  # function: stack class
    lines: dict[str, list[str]] = field(default_factory=dict)

    def read(self, path: Path, root: Path) -> None:
        name = str(path.relative_to(root))
        text = blank(path.read_text())
        self.lines[name] = text.splitlines()
        types = set()
        for match in MARKED_FUNCTION.finditer(text):
            if "typedef" in text[max(0, match.start() - 16) : match.start()]:
                types.add(match[2])
            elif "static" in match[1] or text[: match.start()].rstrip(" \t").endswith("static"):
                self.statics.add((path.name, match[2]))
            else:
                self.functions.add(match[2])
        self.members |= set(MARKED_MEMBER.findall(text))
        for marked_type in types:
            self.members |= set(re.findall(rf"^\t+{marked_type}\s*\*\s*(\w+)\s*;", text, re.MULTILINE))
        self.plain_members |= {match[1] for match in MEMBER.finditer(text) if "MAY_PARK" not in match[0]}
        for match in STORED.finditer(text):
            self.stored[match[1]].add(match[2])
            self.stored_at.append((f"{name}:{text.count(chr(10), 0, match.start()) + 1}", match[1], match[2]))
        self.find_entries(text)

    def find_entries(self, text: str) -> None:
        for match in FIBER_START.finditer(text):
            depth, end = 1, match.end()
            while depth and end < len(text):
                depth += {"(": 1, ")": -1}.get(text[end], 0)
                end += 1
            arguments = text[match.end() : end - 1]
            size = "large" if "FIBER_STACK_LARGE" in arguments else "small"
            for argument in arguments.split(","):
                if re.fullmatch(r"\s*\w+\s*", argument):
                    self.entries[argument.strip()] = size

    def marked(self, file: str, function: str) -> bool:
        return function in self.functions or (Path(file).name, function) in self.statics


@dataclass
class Function:
    name: str
    file: str
    line: int
    frame: int
    calls: set[str] = field(default_factory=set)  # titles
    member_calls: set[tuple[str, str]] = field(default_factory=set)  # (member, place)


def in_src(path: str, root: Path, build: Path) -> str | None:
    """A path of a .ci file, which is relative to the build directory, as one relative to the tree; None outside src/."""
    full = (build / path).resolve()
    return str(full.relative_to(root)) if full.is_relative_to(root / "src") else None


def read_graph(build: Path, root: Path, sources: Sources) -> dict[str, Function]:
    """Functions of src/ by title. A static function's title carries its file, so titles are unique."""
    graph: dict[str, Function] = {}
    edges = []
    for path in sorted(build.glob("src/**/*.ci")):
        if is_test(path.name.removesuffix(".ci")):
            continue
        for line in path.read_text().splitlines():
            if match := NODE.match(line):
                file = in_src(match[3], root, build)
                if file:
                    graph[match[1]] = Function(match[2], file, int(match[4]), int(match[5]))
            elif match := EDGE.match(line):
                edges.append(match.groups())
    for caller, callee, file, line in edges:
        place = in_src(file, root, build)
        if caller not in graph or place not in sources.lines:
            continue
        if callee == INDIRECT:
            for member in MEMBER_CALL.findall(sources.lines[place][int(line) - 1]):
                graph[caller].member_calls.add((member, f"{place}:{line}"))
        else:
            graph[caller].calls.add(callee)
    return graph


def unmarked_callers(graph: dict[str, Function], sources: Sources) -> list[str]:
    faults = []
    # a name that is a member in two structs, marked in one alone, cannot be told apart here
    members = sources.members - sources.plain_members
    for function in graph.values():
        if sources.marked(function.file, function.name) or function.name in sources.entries:
            continue
        where = f"{function.file}:{function.line}: {function.name}"
        for title in sorted(function.calls):
            # a title outside the graph is the plain name of a function that another file defines
            callee = graph.get(title)
            if sources.marked(callee.file, callee.name) if callee else title in sources.functions:
                faults.append(f"{where} calls {callee.name if callee else title}, which may park, and is not marked MAY_PARK")
        for member, place in sorted(function.member_calls):
            if member in members:
                faults.append(f"{where} calls through {member} ({place}), which may park, and is not marked MAY_PARK")
    return faults


def misplaced_functions(sources: Sources) -> list[str]:
    plain = sources.plain_members - sources.members
    return [
        f"{place}: {function} may park, and is stored in {member}, which is not marked MAY_PARK"
        for place, member, function in sources.stored_at
        if member in plain and sources.marked(place.rsplit(":", 1)[0], function)
    ]


class Depths:
    """The deepest stack below each function, with the way there. A cycle counts once, and is named."""

    def __init__(self, graph: dict[str, Function], sources: Sources) -> None:
        self.graph = graph
        self.sources = sources
        self.by_name: dict[str, list[str]] = defaultdict(list)
        for title, function in graph.items():
            self.by_name[function.name].append(title)
        self.known: dict[str, tuple[int, list[str]]] = {}
        self.open: set[str] = set()
        self.recursive: set[str] = set()

    def targets(self, function: Function) -> set[str]:
        through = {stored for member, _ in function.member_calls for stored in self.sources.stored.get(member, ())}
        return function.calls | {title for name in through for title in self.by_name.get(name, ())}

    def below(self, title: str) -> tuple[int, list[str]]:
        if title in self.known:
            return self.known[title]
        function = self.graph.get(title)
        if function is None:
            return 0, []
        if title in self.open:
            self.recursive.add(function.name)
            return 0, []
        self.open.add(title)
        deepest: tuple[int, list[str]] = (0, [])
        for target in sorted(self.targets(function)):
            deepest = max(deepest, self.below(target), key=lambda found: found[0])
        self.open.remove(title)
        self.known[title] = (function.frame + deepest[0], [f"{function.name} {function.frame}", *deepest[1]])
        return self.known[title]


def stack_faults(graph: dict[str, Function], sources: Sources) -> tuple[int, list[str]]:
    """Prints each fiber's deepest stack; returns how many there are, and what is past its limit."""
    depths = Depths(graph, sources)
    rows = []
    for name, size in sources.entries.items():
        for title in depths.by_name.get(name, ()):
            rows.append((*depths.below(title), name, size))
    faults = []
    for depth, way, name, size in sorted(rows, reverse=True):
        print(f"{depth:7d} bytes  {name} ({size}): {' > '.join(way[1:])}")
        if depth > STACK_LIMIT[size]:
            faults.append(f"{name}: {depth} bytes of stack, more than {STACK_LIMIT[size]}")
    if depths.recursive:
        print(f"recursive, counted once: {', '.join(sorted(depths.recursive))}")
    return len(rows), faults


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    sys.setrecursionlimit(10_000)
    build = Path(sys.argv[1]).resolve()
    root = Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else Path(__file__).resolve().parents[2]
    sources = Sources()
    for path in sorted([*root.glob("src/**/*.h"), *root.glob("src/**/*.c")]):
        if not is_test(path.name):
            sources.read(path, root)
    graph = read_graph(build, root, sources)
    if not graph:
        print(f"no call graph in {build}", file=sys.stderr)
        return 2
    stacks, faults = stack_faults(graph, sources)
    faults += unmarked_callers(graph, sources) + misplaced_functions(sources)
    for line in faults:
        print(line)
    print(f"{max(len(graph) + stacks - len(faults), 0)} passed, {len(faults)} failed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
