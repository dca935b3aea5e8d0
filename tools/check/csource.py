"""What parks.py reads from C sources in the house style: marks, function pointers, and where fibers begin.

Not a C parser: it relies on the style (a definition's name begins its line, its brace stands alone) and on types being
spelled the same everywhere.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)
MARKED_FUNCTION = re.compile(r"\bMAY_PARK\b([^;{}()]*?)\b(\w+)\s*\((?!\s*\*)")
MARKED_MEMBER = re.compile(r"\bMAY_PARK\b[^;{}()]*\(\s*\*\s*(?:const\s+)?(\w+)\s*\)\s*\(")
MEMBER = re.compile(r"^\t+[^;{}()\n]*\(\s*\*\s*(?:const\s+)?(\w+)\s*\)\s*\(", re.MULTILINE)
POINTER = re.compile(r"\(\s*\*\s*(?:const\s+)?(\w+)(?:\[\w*\])?\s*\)\s*\(([^()]*)\)")
FUNCTION_TYPE = re.compile(r"^typedef\b[^;{}()]*?\b(\w+)\(([^()]*)\);", re.MULTILINE)
DEFINITION = re.compile(r"^(\w+)\(((?:[^()]|\([^()]*\))*)\)\n\{", re.MULTILINE)
STORED = re.compile(r"(?:->|\.)(\w+)\s*=\s*&?(\w+)\s*[,;}\n]")
NAME_ALONE = re.compile(r"\b([a-z_]\w*)\b(?!\s*\()")
FIBER_START = re.compile(r"\b(?:fiber_go|fiber_go_stack|group_go)\s*\(")

# A parameter list that says too little to tell functions apart.
ANYTHING = ("void *",)

Signature = tuple[str, ...]


def is_test(name: str) -> bool:
    return name.endswith("_test.c") or name.startswith("test_")


def blank(text: str) -> str:
    """The text with comments, strings and the definition of MAY_PARK itself blanked, line breaks kept."""
    text = COMMENT_OR_STRING.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    return re.sub(r"^#\s*define\s+MAY_PARK[^\n]*", "", text, flags=re.MULTILINE)


def arguments(text: str, begin: int) -> list[str]:
    """What stands between the parenthesis before `begin` and its partner, cut at the outer commas."""
    depth, parts, start = 1, [], begin
    for at in range(begin, len(text)):
        depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(text[at], 0)
        if depth == 0 or (depth == 1 and text[at] == ","):
            parts.append(text[start:at].strip())
            start = at + 1
        if depth == 0:
            break
    return parts


def signature(parameters: str) -> Signature:
    """The types of a parameter list, without the names."""
    types = []
    for parameter in arguments(parameters + ")", 0):
        words = re.sub(r"\s+", " ", parameter.replace("MAY_PARK", "")).strip()
        named = re.fullmatch(r"(.*[\s*])\w+", words)
        if named and named[1].strip() not in ("struct", "enum", "unsigned", "const", ""):
            words = named[1].strip()
        types.append(words)
    return tuple(types)


@dataclass
class Sources:
    functions: set[str] = field(default_factory=set)  # marked MAY_PARK; those with a file of their own are in statics
    statics: set[tuple[str, str]] = field(default_factory=set)  # (file name, function), marked
    members: set[str] = field(default_factory=set)  # of structs, marked
    plain_members: set[str] = field(default_factory=set)
    stored: list[tuple[str, str, str]] = field(default_factory=list)  # (place, member, function)
    pointers: dict[str, set[Signature]] = field(default_factory=lambda: defaultdict(set))  # by name of member or parameter
    takers: dict[Signature, set[str]] = field(default_factory=lambda: defaultdict(set))  # functions by their parameters
    alone: set[str] = field(default_factory=set)  # names that stand somewhere without being called
    entries: dict[str, str] = field(default_factory=dict)  # what fibers begin with: stack class
    texts: dict[str, list[str]] = field(default_factory=dict)  # lines by file

    @classmethod
    def of(cls, root: Path) -> Sources:
        sources = cls()
        for path in sorted([*root.glob("src/**/*.h"), *root.glob("src/**/*.c")]):
            if not is_test(path.name):
                sources.read(path, str(path.relative_to(root)))
        return sources

    def read(self, path: Path, name: str) -> None:
        text = blank(path.read_text())
        self.texts[name] = text.splitlines()
        self.read_marks(text, path.name)
        self.read_pointers(text)
        for match in STORED.finditer(text):
            self.stored.append((f"{name}:{text.count(chr(10), 0, match.start()) + 1}", match[1], match[2]))
        for match in FIBER_START.finditer(text):
            given = arguments(text, match.end())
            for argument in given:
                if re.fullmatch(r"\w+", argument):
                    self.entries[argument] = "large" if "FIBER_STACK_LARGE" in given else "small"

    def read_marks(self, text: str, file: str) -> None:
        types = set()
        for match in MARKED_FUNCTION.finditer(text):
            before = text[max(0, match.start() - 16) : match.start()].rstrip(" \t")
            if before.endswith("typedef"):
                types.add(match[2])
            elif "static" in match[1] or before.endswith(("static", "inline")):
                self.statics.add((file, match[2]))
            else:
                self.functions.add(match[2])
        self.members |= set(MARKED_MEMBER.findall(text))
        for marked in types:
            self.members |= set(re.findall(rf"^\t+{marked}\s*\*\s*(\w+)\s*;", text, re.MULTILINE))
        self.plain_members |= {match[1] for match in MEMBER.finditer(text) if "MAY_PARK" not in match[0]}

    def read_pointers(self, text: str) -> None:
        for match in POINTER.finditer(text):
            self.pointers[match[1]].add(signature(match[2]))
        for match in FUNCTION_TYPE.finditer(text):
            for pointer in re.findall(rf"\b{match[1]}\s*\*\s*(\w+)\s*[;,)]", text):
                self.pointers[pointer].add(signature(match[2]))
        for match in DEFINITION.finditer(text):
            self.takers[signature(match[2])].add(match[1])
        self.alone |= set(NAME_ALONE.findall(text))

    def marked(self, file: str, function: str) -> bool:
        return function in self.functions or (Path(file).name, function) in self.statics

    def called_at(self, file: str, line: int) -> tuple[set[str], set[str]]:
        """Members and other pointers that may be called on this line, and the functions that could be behind them: those
        that are named somewhere without being called, and take what the pointer takes."""
        text = "\n".join(self.texts[file][line - 1 : line + 9])
        end = len(self.texts[file][line - 1])
        members, behind = set(), set()
        for match in re.finditer(r"(->|\.)?\b(\w+)\s*\(", text[: end + 1]):
            if match[2] not in self.pointers:
                continue
            if match[1]:
                members.add(match[2])
            given = [argument for argument in arguments(text, match.end()) if argument]
            for taken in self.pointers[match[2]]:
                if taken != ANYTHING and len(taken) == len(given):
                    behind |= self.takers[taken] & self.alone
        return members, behind
