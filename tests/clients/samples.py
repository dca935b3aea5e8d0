"""Values for members that only their types describe: each member below a type of the official packages said once, in the smallest object that may have it, with each value that it may have.

Paths are those of `members.known`, so that a table made of samples can be held against the package like any other.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator
from typing import Any

import members
import typing_extensions

DEEP = 8  # types that hold themselves end somewhere
PLAIN: dict[Any, Any] = {str: "text", int: 1, float: 0.5, bool: True, object: {"any": 1}, Any: {"any": 1}}


def _is_list(kind: Any) -> bool:
    origin = typing.get_origin(kind)
    return origin is not None and origin not in (typing.Literal, dict) and not (isinstance(origin, type) and issubclass(origin, dict)) and bool(typing.get_args(kind))


def _required(part: Any, hint: Any) -> bool:
    marks = (typing.Required, typing_extensions.Required), (typing.NotRequired, typing_extensions.NotRequired)
    return typing.get_origin(hint) in marks[0] or (part.__total__ and typing.get_origin(hint) not in marks[1])


def _smallest(kind: Any, depth: int = 0) -> Any:
    """A value with nothing that it need not have."""
    part = next(iter(members._parts(kind)))
    if typing_extensions.is_typeddict(part):
        return {name: _smallest(hint, depth + 1) for name, hint in members._hints(part).items() if _required(part, hint)} if depth < DEEP else {}
    if typing.get_origin(part) is typing.Literal:
        return typing.get_args(part)[0]
    if typing.get_origin(part) is dict or part is dict:
        return {"any": "text"}
    return [_smallest(typing.get_args(part)[0], depth + 1)] if _is_list(part) else PLAIN.get(part, "text")


def below(kind: Any, path: str, depth: int = 0) -> Iterator[tuple[str, Any, Any]]:
    """Every member at this path and below it: what it says, and the whole that says it."""
    if depth > DEEP:
        return
    for part in members._parts(kind):
        if typing_extensions.is_typeddict(part):
            yield from _object(part, path, depth)
        elif typing.get_origin(part) is typing.Literal:
            yield from ((path, value, value) for value in typing.get_args(part))
        elif _is_list(part):
            yield from ((inner, value, [whole]) for inner, value, whole in below(typing.get_args(part)[0], path, depth + 1))
        else:
            yield path, _smallest(part), _smallest(part)


def _object(part: Any, path: str, depth: int) -> Iterator[tuple[str, Any, Any]]:
    mark = members._mark(part)
    here, smallest = path + mark if path else path, _smallest(part, depth)
    name = next((name for name in ("role", "type") if name in members._hints(part)), "")
    if mark:  # it may be left out where there is but one
        smallest.setdefault(name, mark[1:-1])
    if here:
        yield here, smallest, smallest
    for member, hint in members._hints(part).items():
        if mark and member == name:
            continue
        for inner, value, whole in below(hint, f"{here}.{member}" if here else member, depth + 1):
            yield inner, value, {**smallest, member: whole}


def grouped(found: Iterable[tuple[str, Any, Any]]) -> dict[str, list[tuple[Any, Any]]]:
    """What is said at each path, with the whole that says it, each once."""
    rows: dict[str, list[tuple[Any, Any]]] = {}
    for path, value, whole in found:
        if (value, whole) not in rows.setdefault(path, []):
            rows[path].append((value, whole))
    return rows
