#!/usr/bin/env python3
"""Fails where a function may park without saying so, or where a fiber's stack could run out.

    parks.py BUILD_DIR [ROOT]

BUILD_DIR was compiled by gcc with -fcallgraph-info=su and without inlining (parks.sh does that), so that its .ci files hold
every call and every frame size. MAY_PARK marks are read from the sources. Four rules:

1. A function that calls a marked one is marked. The exception is what a fiber begins with (an argument of fiber_go,
   fiber_go_stack or group_go): nobody calls it.
2. A function that calls through a marked member of a struct is marked.
3. A marked function is stored only in a marked member.
4. No fiber's deepest stack goes past its limit. A call through a pointer is followed to every function that takes the same
   parameters and is named somewhere without being called; only pointers to functions of a bare `void *` are not followed.
   Frames of libraries are not known; the limit leaves room for them.

Prints the deepest stack of each fiber, and `N passed, N failed` last: functions, and stacks.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from csource import Sources, is_test

KIB = 1024
STACK_LIMIT = {"small": 48 * KIB, "large": 768 * KIB}  # of 64 KiB and 1 MiB

NODE = re.compile(r'^node: \{ title: "([^"]+)" label: "([^"\\]+)\\n([^":]+):(\d+):\d+\\n(\d+) bytes')
EDGE = re.compile(r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)" label: "([^":]+):(\d+):\d+"')
INDIRECT = "__indirect_call"


@dataclass
class Function:
    name: str
    file: str
    line: int
    frame: int
    calls: set[str] = field(default_factory=set)  # titles
    member_calls: set[tuple[str, str]] = field(default_factory=set)  # (member, place)
    behind: set[str] = field(default_factory=set)  # names of functions that a pointer it calls may hold


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
                if file in sources.texts:  # objects of files that are gone stay behind
                    graph[match[1]] = Function(match[2], file, int(match[4]), int(match[5]))
            elif match := EDGE.match(line):
                edges.append(match.groups())
    for caller, callee, file, line in edges:
        place = in_src(file, root, build)
        if caller not in graph or place not in sources.texts:
            continue
        if callee == INDIRECT:
            members, behind = sources.called_at(place, int(line))
            graph[caller].member_calls |= {(member, f"{place}:{line}") for member in members}
            graph[caller].behind |= behind
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
        for place, member, function in sources.stored
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
        return function.calls | {title for name in function.behind for title in self.by_name.get(name, ())}

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
    sources = Sources.of(root)
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
