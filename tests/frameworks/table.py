"""The table of docs/clients.md: what each client does through corbel, made from what its suite has seen in this very run.

A cell stands for one client's package, the API it speaks, a flow, and the shape of the upstream. The table in the document must be the one that a run makes: `suite.sh --write` writes it there, every other run compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
FLOWS = ("basic", "stream", "tool call", "structured output")
UPSTREAMS = ("OpenAI", "Anthropic")
BEGIN, END = "<!-- begin: written by tests/frameworks/suite.sh --write -->\n", "<!-- end -->\n"

Cell = dict[str, Any]


def cells_of(lines: Iterable[str]) -> tuple[list[Cell], list[str]]:
    """The cells that a suite printed, and its other lines."""
    cells, others = [], []
    for line in lines:
        if line.startswith("cell "):
            cells.append(json.loads(line.removeprefix("cell ")))
        else:
            others.append(line)
    return cells, others


def _answer(cells: list[Cell], reasons: list[str]) -> str:
    """What one row says of one flow."""
    lacks = {cell["lacks"] for cell in cells if "lacks" in cell}
    if lacks:
        reason = lacks.pop()
        if reason not in reasons:
            reasons.append(reason)
        return f"no ({reasons.index(reason) + 1})"
    good = [upstream for upstream in UPSTREAMS if (seen := [cell["good"] for cell in cells if cell["upstream"] == upstream]) and all(seen)]
    return "both" if len(good) == len(UPSTREAMS) else " ".join(good) or "**untested**"


def written(cells: list[Cell]) -> str:
    """The table, and below it why a client has not what it has not."""
    rows = list(dict.fromkeys((cell["package"], cell["version"], cell["language"], cell["api"]) for cell in cells))
    reasons: list[str] = []
    lines = [f"| client | version | API | {' | '.join(FLOWS)} |", "|---|---|---|" + "---|" * len(FLOWS)]
    for package, version, language, api in rows:
        own = [cell for cell in cells if (cell["package"], cell["version"], cell["language"], cell["api"]) == (package, version, language, api)]
        answers = [_answer([cell for cell in own if cell["flow"] == name], reasons) for name in FLOWS]
        lines.append(f"| `{package}` ({language}) | {version} | {api} | {' | '.join(answers)} |")
    return "\n".join([*lines, *([""] if reasons else []), *(f"{i}. {reason}" for i, reason in enumerate(reasons, 1))]) + "\n"


def _around() -> tuple[str, str, str]:
    before, rest = DOCUMENT.read_text().split(BEGIN)
    table, after = rest.split(END)
    return before, table, after


def write(cells: list[Cell]) -> None:
    before, _, after = _around()
    DOCUMENT.write_text(before + BEGIN + written(cells) + END + after)


def stands(cells: list[Cell]) -> bool:
    """Whether the document has the table of this run; says what differs."""
    there, made = _around()[1].splitlines(), written(cells).splitlines()
    for line in [f"-{line}" for line in there if line not in made] + [f"+{line}" for line in made if line not in there]:
        print(line)
    return there == made
