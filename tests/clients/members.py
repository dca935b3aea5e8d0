"""What corbel does with each documented member of a request, held against what the mock upstream saw.

A `Request` is an endpoint with its table: a `Row` for each member, a cell for each kind of target. Cells say what must come of the member:

- `PASSED`: the upstream got it as it was sent;
- `to({...})`: it was translated, and the upstream's body holds this (objects may hold more, lists may not); `answers`: what the answer must hold instead;
- `refused(...)`: the client got 400 with this code and parameter, and the upstream was not asked;
- `nothing(why)`: no effect: the upstream got what it gets without the member.

A table is complete when it has every member and every value that the types of the official Python package know (`missing`), and is published as the page that `page` writes: the test fails
when the two differ. `CORBEL_WRITE=1` in the environment writes the page anew.
"""

from __future__ import annotations

import collections
import http.client
import json
import os
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import typing_extensions
import world

Json = Any
Body = dict[str, Any]

PAGES = world.harness.ROOT / "docs"


# --- cells


@dataclass(frozen=True)
class Cell:
    kind: str  # passed, to, answers, refused, nothing
    body: Any = None  # of `to`: what the upstream's body holds, or a function that gives it for a value
    says: str = ""
    path: str = ""  # of `to`: a part of the path that the upstream was asked at
    without: tuple[str, ...] = ()  # of `to`: members that its body must not have
    code: str | None = None
    param: str | None = None
    check: Callable[[Json, Any], bool] | None = None  # of `answers`: whether this answer to this value is right


PASSED = Cell("passed")
PASSED_AND_REFUSED = Cell("passed", says="as it is, and refused there")


def to(body: Any = None, says: str = "", path: str = "", without: Iterable[str] = ()) -> Cell:
    return Cell("to", {} if body is None else body, says, path, tuple(without))


def answers(says: str, check: Callable[[Json, Any], bool]) -> Cell:
    """The built-in models have no upstream: what they make of a member shows in the answer."""
    return Cell("answers", says=says, check=check)


def refused(param: str | None = None, code: str | None = "unsupported_parameter", says: str = "") -> Cell:
    """`param`: the member at the top, unless it is another."""
    return Cell("refused", param=param, code=code, says=says)


def nothing(why: str = "") -> Cell:
    return Cell("nothing", says=why)


# --- rows


@dataclass
class Row:
    member: str  # "stream_options.include_usage", "messages[user].content[text].text"
    values: list[Any]
    cells: dict[str, Cell]
    body: Callable[[Any], Body]  # the members of a request that say this value
    note: str = ""
    all_values: bool = True  # whether these are all the values that the package's types know; False: other rows have the rest
    whole: bool = False  # what is below the member needs no rows of its own

    @property
    def top(self) -> str:
        return self.member.split(".")[0].split("[")[0]


@dataclass
class Request:
    name: str  # as OpenAI's or Anthropic's specification has it
    path: str
    types: list[Any]  # the TypedDicts of the official package
    base: Body  # what every request needs, beside `model`
    columns: dict[str, list[str]]  # the kinds of targets, and the models that stand for each
    groups: dict[str, list[str]] = field(default_factory=dict)  # columns to which a row may give one cell: {"wire": ["groq", ...]}
    merged: tuple[str, ...] = ()  # groups that are one column on the page
    rows: list[Row] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def row(self, member: str, *values: Any, body: Callable[[Any], Body] | None = None, note: str = "", some: bool = False, whole: bool = False, **cells: Any) -> None:
        """One row. A group's name stands for its columns, with one cell or a dictionary of cells; `others` is the cell of columns that are not named; `some`: the values are not all that there are."""
        every = dict.fromkeys(self.columns, cells.pop("others", PASSED))
        for name, cell in sorted(cells.items(), key=lambda named: named[0] not in self.groups):
            if name not in self.groups:
                assert name in self.columns, f"{member}: no column {name}"
                every[name] = cell
                continue
            by_column = cell if isinstance(cell, dict) else {"others": cell}
            assert set(by_column) <= {"others", *self.groups[name]}, f"{member}: {set(by_column)}"
            every.update({column: by_column.get(column, by_column.get("others", PASSED)) for column in self.groups[name]})
        assert values, f"{member}: no value"
        self.rows.append(Row(member, list(values), every, body or (lambda value: {member: value}), note, not some, whole))


# --- the package's types


def _parts(kind: Any) -> Iterator[Any]:
    """The alternatives of a type, without what only says whether it may be missing."""
    origin = typing.get_origin(kind)
    if origin in (typing_extensions.Required, typing_extensions.NotRequired, typing.Required, typing.NotRequired, typing.Annotated):
        yield from _parts(typing.get_args(kind)[0])
    elif origin is typing.Union:
        for part in typing.get_args(kind):
            yield from _parts(part)
    elif kind is not type(None):
        yield kind


def _hints(kind: Any) -> dict[str, Any]:
    return typing_extensions.get_type_hints(kind, include_extras=True)


def _mark(kind: Any) -> str:
    """By what a TypedDict is told from its alternatives: "[function]"."""
    hints = _hints(kind)
    for name in ("role", "type"):
        values = [value for part in _parts(hints[name]) if typing.get_origin(part) is typing.Literal for value in typing.get_args(part)] if name in hints else []
        if len(values) == 1:
            return f"[{values[0]}]"
    return ""


def _known(kind: Any, path: str, depth: int = 0) -> Iterator[tuple[str, frozenset[Any]]]:
    """Members below a type, each with the values that it may have, if these are counted."""
    parts = list(_parts(kind))
    objects = [part for part in parts if typing_extensions.is_typeddict(part)]
    lists = [typing.get_args(part)[0] for part in parts if typing.get_origin(part) is not None and typing.get_origin(part) not in (typing.Literal, dict) and typing.get_args(part)]
    literals = [value for part in parts if typing.get_origin(part) is typing.Literal for value in typing.get_args(part)]
    if path and not (str in parts and literals):  # names of models that are only examples
        yield path, frozenset(literals)
    if depth > 12:
        return
    for part in objects:
        mark = _mark(part)
        below = path + mark if path else path
        if path and mark:
            yield below, frozenset()
        for name, hint in _hints(part).items():
            if f"[{next(iter(_values(hint)), None)}]" == mark and name in ("role", "type"):
                continue
            yield from _known(hint, f"{below}.{name}" if below else name, depth + 1)
    for part in lists:
        yield from _known(part, path, depth + 1)


def _values(hint: Any) -> list[Any]:
    return [value for part in _parts(hint) if typing.get_origin(part) is typing.Literal for value in typing.get_args(part)]


def known(types: Iterable[Any]) -> dict[str, set[Any]]:
    """All members that the package's types know, by path."""
    found: dict[str, set[Any]] = {}
    for kind in types:
        for path, values in _known(kind, ""):
            found.setdefault(path, set()).update(values)
    return found


def missing(request: Request) -> list[str]:
    """What the package knows and the table does not have; a member with members of its own is had by these."""
    table: dict[str, set[Any]] = {}
    for row in request.rows:
        table.setdefault(row.member, set()).update(value for value in _flat(row.values))
        for value in row.values:  # an alternative that has nothing but its type
            table.setdefault(f"{row.member}[{value.get('type') if isinstance(value, dict) else value}]", set())
    whole = tuple(row.member + end for row in request.rows if row.whole for end in (".", "["))
    lacks = []
    for path, values in known(request.types).items():
        if path.startswith(whole):
            continue
        inner = any(member.startswith((path + ".", path + "[")) for member in table)
        if path not in table and not inner:
            lacks.append(path)
        elif path in table and not values <= table[path]:
            lacks.append(f"{path}: {sorted(map(str, values - table[path]))}")
    return sorted(lacks)


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _flat(value)
        elif not isinstance(value, dict):
            yield value


# --- the check


def holds(there: Any, wanted: Any) -> bool:
    """Whether what came holds what is wanted: members of objects, elements of lists one by one."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(name in there and holds(there[name], value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(there, list) and len(there) == len(wanted) and all(map(holds, there, wanted))
    return there == wanted and isinstance(there, bool) == isinstance(wanted, bool)


class _Wire:
    """Kept connections to corbel and the mock: there are thousands of calls."""

    def __init__(self) -> None:
        self.corbel, self.mock = world.corbel.connect(), world.mock.connect()
        self.last = 0

    @staticmethod
    def _call(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()

    def ask(self, path: str, body: Body, headers: dict[str, str]) -> tuple[int, bytes]:
        own = {"content-type": "application/json", "authorization": f"Bearer {world.corbel.key}"}
        return self._call(self.corbel, "POST", path, json.dumps(body).encode(), {**own, **headers})

    def seen(self) -> list[Json]:
        """What the mock was asked since this was called last."""
        found = json.loads(self._call(self.mock, "GET", f"/_mock/requests?after={self.last}", None, {})[1])["requests"]
        self.last = max([self.last, *(request["id"] for request in found)])
        return [request for request in found if request["method"] == "POST" and "/token" not in request["path"]]


class _Sent:
    """One call, and what the upstream saw of it."""

    def __init__(self, wire: _Wire, request: Request, model: str, members: Body) -> None:
        self.status, answer = wire.ask(request.path, {"model": model, **request.base, **members}, request.headers)
        self.text = answer.decode()
        seen = wire.seen()
        self.asked = len(seen)
        self.path = seen[-1]["path"] if seen else ""
        self.there: Body = json.loads(seen[-1]["body"]) if seen and seen[-1].get("body") else {}

    def answer(self) -> Json:
        """The answer; the text of a stream."""
        return json.loads(self.text) if self.text.startswith("{") else self.text

    def refusal(self) -> tuple[str | None, str | None]:
        """Code and parameter; Anthropic's errors have the code in their details, and the parameter in their message alone."""
        error = json.loads(self.text)["error"]
        return (error["code"], error["param"]) if "code" in error else (error.get("details", {}).get("error_code"), None)


def _without(value: Any, name: str) -> Any:
    """The value without the members of this name, wherever they are."""
    if isinstance(value, dict):
        return {key: _without(inner, name) for key, inner in value.items() if key != name}
    return [_without(inner, name) for inner in value] if isinstance(value, list) else value


def _bare(row: Row, members: Body) -> Body:
    """The request that says the same but for the member."""
    leaf = row.member.split(".")[-1].split("[")[0]
    bare = _without(members, leaf)
    return {name: value for name, value in bare.items() if name == row.top or value == members[name] or value not in ({}, [])}


def _answer_text(text: str) -> Any:
    """What a whole answer says, without what is made anew each time."""
    body = json.loads(text)
    choices = body.get("choices")
    return [choice.get("message") or choice.get("text") for choice in choices] if choices else body.get("data") or body.get("results") or body.get("content") or body.get("output")


def _wrong(wire: _Wire, request: Request, row: Row, cell: Cell, model: str, value: Any) -> str | None:
    """What is wrong with one call; None: nothing."""
    members = row.body(value)
    sent = _Sent(wire, request, model, members)
    if cell.kind == "refused":
        code, param = sent.refusal() if sent.status == 400 else (None, None)
        wanted = cell.param or row.top
        right = sent.status == 400 and code == cell.code and param in (wanted, None) and (param or wanted in sent.text) and sent.asked == 0
        return None if right else f"not refused with {cell.code}, {wanted}: {sent.status} {sent.text[:300]}, the upstream was asked {sent.asked} times"
    beyond = sent.status == 400 and sent.asked == 1 and ('"mock: ' in sent.text or cell is PASSED_AND_REFUSED)  # the mock has seen it, and does not answer it
    if sent.status != 200 and not beyond:
        return f"{sent.status} {sent.text[:300]}"
    if cell.kind == "answers":
        return None if cell.check and cell.check(sent.answer(), value) else f"another answer: {sent.text[:500]}"
    if cell.kind == "passed":
        same = row.top == "model" or all(sent.there.get(name) == inner for name, inner in members.items())
        return None if sent.asked == 1 and same else f"the upstream got {json.dumps(sent.there)[:500]}"
    if cell.kind == "to":
        wanted = cell.body(value) if callable(cell.body) else cell.body
        right = holds(sent.there, wanted) and cell.path in sent.path and not any(name in sent.there for name in cell.without)
        return None if right else f"the upstream got {sent.path} {json.dumps(sent.there)[:700]}"
    bare = _Sent(wire, request, model, _bare(row, members))
    same = bare.there == sent.there if bare.asked else _answer_text(bare.text) == _answer_text(sent.text)
    return None if bare.status == 200 and same else f"it has an effect: {json.dumps(sent.there)[:500]} and without it {bare.status} {json.dumps(bare.there)[:500]} {bare.text[:200]}"


def check(request: Request, *columns: str) -> None:
    """Sends every value of every row to the targets of these columns (all, if none is named); tells all that is wrong at once."""
    wire = _Wire()
    wire.seen()
    wrong = []
    for row in request.rows:
        for column in columns or request.columns:
            for model in request.columns[column]:
                for value in row.values:
                    what = _wrong(wire, request, row, row.cells[column], model, value)
                    if what:
                        wrong.append(f"{row.member}={json.dumps(value)[:60]} to {model} ({row.cells[column].kind}): {what}")
    assert not wrong, f"{len(wrong)} cells are wrong:\n" + "\n".join(wrong)


# --- the page


def _leaves(body: Any, path: str = "") -> Iterator[str]:
    """Names of the members that a translation writes."""
    if isinstance(body, dict) and body:
        for name, value in body.items():
            yield from _leaves(value, f"{path}.{name}" if path else name)
    elif isinstance(body, list) and body and isinstance(body[0], (dict, list)):
        yield from _leaves(max(body, key=lambda element: len(list(_leaves(element)))), path + "[]")
    elif path:
        yield path


def _leaves_text(body: Any) -> str:
    leaves = list(dict.fromkeys(_leaves(body)))
    telling = [leaf for leaf in leaves if leaf.split(".")[-1] not in ("type", "role")]
    return ", ".join(f"`{leaf}`" for leaf in telling or leaves)


def _cell_text(row: Row, cell: Cell) -> str:
    if cell.kind == "passed":
        return cell.says or "as it is"
    if cell.kind == "refused":
        return f"refused{f' ({cell.says})' if cell.says else ''}"
    if cell.kind in ("nothing", "answers"):
        return (f"no effect{f': {cell.says}' if cell.says else ''}") if cell.kind == "nothing" else cell.says
    wanted = cell.body(row.values[0]) if callable(cell.body) else cell.body
    return cell.says or _leaves_text(wanted)


def _group_text(row: Row, columns: list[str]) -> str:
    """The cell that most columns of a group have, then those that have another."""
    by_text: dict[str, list[str]] = {}
    for column in columns:
        by_text.setdefault(_cell_text(row, row.cells[column]), []).append(column)
    first, *rest = sorted(by_text, key=lambda text: -len(by_text[text]))
    return "; ".join([first, *(f"{', '.join(by_text[text])}: {text}" for text in rest)])


def _values_text(row: Row, one_of_several: bool) -> str:
    """The values, where they tell rows of one member apart, or where the member has but a few."""
    plain = [value for value in row.values if not isinstance(value, dict) and len(json.dumps(value)) < 40]
    if row.all_values and len(row.values) == 1 and not one_of_several or not plain or (one_of_several and row.note):
        return ""
    return " " + ", ".join(f"`{json.dumps(value, ensure_ascii=False)}`" for value in plain)


def table(request: Request) -> str:
    """The request's table as Markdown."""
    grouped = {column for name in request.merged for column in request.groups[name]}
    heads = [column for column in request.columns if column not in grouped]
    members = collections.Counter(row.member for row in request.rows)
    lines = [f"## {request.name}", "", f"`POST {request.path}`", "", "| member | " + " | ".join([*heads, *request.merged]) + " |", "|---" * (1 + len(heads) + len(request.merged)) + "|"]
    alike: dict[str, list[str]] = {}  # rows by what their cells say, in a run of such rows
    for row in [*request.rows, None]:
        cells = [] if row is None else [*(_cell_text(row, row.cells[column]) for column in heads), *(_group_text(row, request.groups[name]) for name in request.merged)]
        said = " | ".join(cells)
        if alike and said not in alike:
            ((same, names),) = alike.items()
            lines.append(f"| {', '.join(names)} | {same} |")
            alike = {}
        if row is not None:
            alike.setdefault(said, []).append(f"`{row.member}`{_values_text(row, members[row.member] > 1)}{f' ({row.note})' if row.note else ''}")
    return "\n".join(lines) + "\n"


def page_is(name: str, head: str, requests: Iterable[Request]) -> None:
    """The page of docs/ with this name is what the tables say."""
    text = head + "\n" + "\n".join(table(request) for request in requests)
    file = PAGES / name
    if os.environ.get("CORBEL_WRITE"):
        file.write_text(text)
    assert file.exists() and file.read_text() == text, f"docs/{name} is not what the tables say: run the suite with CORBEL_WRITE=1"
