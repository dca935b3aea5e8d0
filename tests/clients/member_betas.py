"""The table of what Anthropic's beta of Messages has beside Messages: every member that the official package knows for `client.beta.messages` alone. How to read it: `members.py`.

It is made from the package's types (samples.py): what is one of Anthropic's betas passes to Anthropic, with the header that asks for it, and no other provider knows it.
"""

from __future__ import annotations

from typing import Any

import members
import samples
from anthropic.types import message_create_params
from anthropic.types.beta import message_create_params as beta_params
from members import PASSED_AND_REFUSED, refused

BETAS = "context-management-2025-06-27,mcp-client-2025-11-20"
OTHERS = ("chat", "gemini", "bedrock", "bedrock (Claude)", "cohere")

table = members.Request(
    name="Anthropic's beta of Messages, beside Messages",
    path="/v1/messages?beta=true",
    types=[beta_params.MessageCreateParamsNonStreaming],
    base={"max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]},
    columns={"anthropic": ["claude-x"], "chat": ["gpt-x"], "gemini": ["gemini"], "bedrock": ["bedrock"], "bedrock (Claude)": ["bedrock-claude"], "cohere": ["cohere"]},
    groups={"other": list(OTHERS)},
    headers={"anthropic-version": "2023-06-01", "anthropic-beta": BETAS},
)
SOME = 8  # values of one row


def beside(path: str) -> str:
    """The member whose row this path is in: of tools and messages, what is below a member of theirs goes with it."""
    return ".".join(path.split(".")[: {"messages": 3, "tools": 2}.get(path.split("[")[0].split(".")[0], 9)])


def only_there() -> dict[str, list[tuple[Any, Any]]]:
    """The members that only the beta knows: what each says, and the member at the top of a request that says it."""
    beta, plain = (members.known([params.MessageCreateParamsNonStreaming]) for params in (beta_params, message_create_params))
    found = samples.grouped(samples.below(beta_params.MessageCreateParamsNonStreaming, ""))
    rows: dict[str, list[tuple[Any, Any]]] = {}
    for path, values in beta.items():
        if path == "betas" or (path in plain and values <= plain[path]):
            continue
        top = path.split(".")[0].split("[")[0]
        for value, whole in found.get(path, []):
            if value == {} or (path in plain and not isinstance(value, (dict, list)) and value in plain[path]):
                continue
            if path == "messages[system].clear_at":  # it is of the content
                whole["messages"][0]["content"] = "Be brief"
            said = (value, {top: whole[top]})
            if said not in rows.setdefault(beside(path), []):
                rows[beside(path)].append(said)
    return {path: said[:SOME] for path, said in rows.items() if said}


def missing() -> list[str]:
    """Members that only the beta knows and that are in no row."""
    beta, plain = (members.known([params.MessageCreateParamsNonStreaming]) for params in (beta_params, message_create_params))
    rows = {row.member for row in table.rows}
    return sorted(path for path, values in beta.items() if path != "betas" and not (path in plain and values <= plain[path]) and beside(path) not in rows and not any(row.startswith((path + ".", path + "[")) for row in rows))


for path, said in only_there().items():
    wholes = {members.json.dumps(value): whole for value, whole in said}
    cells = {"anthropic": PASSED_AND_REFUSED, "other": refused(code="thread_unsupported_request")} if path.startswith("thread") else {"other": refused()}
    table.row(path, *(value for value, _ in said), body=lambda value, wholes=wholes: wholes[members.json.dumps(value)], whole=True, **cells)
