"""Every documented member of the requests of OpenAI's and Anthropic's APIs, to every kind of target: tables in `member_*.py`, what is checked in `members.py`."""

from __future__ import annotations

import answer_tests
import member_betas
import member_chat
import member_messages
import member_others
import member_responses
import members

HEAD = """# What becomes of each member of a request

Each member that OpenAI and Anthropic document, and each value where these are counted, at each kind of target. `tests/clients` sends all of them and compares what the upstream saw; it fails when the official Python packages
know a member, an item, a block or a tool that is not here. The page is written from the test's tables.

*refused*: the client gets 400 with the member as `param` (in Anthropic's protocol, which has none, it leads the message), and the provider is not asked. *No effect*: the provider gets what it would get without the member. *wire*: the thirteen kinds of servers over OpenAI's
wire ([providers.md](providers.md)). *extractive*: the built-in model that quotes documents; *built in*: that of embeddings, where *titan* and *bedrock-cohere* are models on Bedrock, *vertex-gemini* is gemini-embedding-001 and *vertex-gemini-2* what came after it. Of a legacy completion, *chat* is a target over OpenAI's wire that serves none, and *wire* the kinds that do. A member `messages[user].content[text].text` is the `text` of a part of the type `text` in the content of a message of
the role `user`, `tools[custom]` a tool of the type `custom`; tools, items and blocks without members below them are treated as a whole. What stands inside OpenAI's hosted tools, and what Anthropic's betas have beside Messages, is taken from the packages' types member by
member; of tools and blocks of the betas, what is below a member of theirs goes with it. The header `anthropic-beta` passes to Anthropic, and says nothing elsewhere: what a beta asks for stands in members.
"""


def every_member_of_a_chat_completion_is_in_the_table() -> None:
    assert not members.missing(member_chat.table), members.missing(member_chat.table)


def _each(*columns: str) -> None:
    members.check(member_chat.table, *columns)


def members_of_a_chat_completion_reach_openai_as_they_are() -> None:
    _each("openai")


def members_of_a_chat_completion_are_carried_over_to_other_wires_or_refused() -> None:
    _each(*member_chat.OTHERS)


def members_of_a_chat_completion_reach_services_over_openai_s_wire_as_these_know_them() -> None:
    _each(*member_chat.SERVICES[:4])


def members_of_a_chat_completion_reach_more_services_as_these_know_them() -> None:
    _each(*member_chat.SERVICES[4:])


def members_of_a_chat_completion_reach_servers_of_one_s_own_as_these_know_them() -> None:
    _each(*(kind for kind in member_chat.WIRE if kind not in member_chat.SERVICES))


def the_built_in_model_refuses_what_it_cannot_do() -> None:
    answer_tests.with_manual()
    _each("extractive")


def every_member_of_a_response_and_of_a_message_is_in_its_table() -> None:
    for request in (member_responses.table, member_responses.counted, member_messages.table, member_messages.counted):
        assert not members.missing(request), (request.name, members.missing(request))


def members_of_a_response_reach_a_provider_that_speaks_it_as_they_are() -> None:
    members.check(member_responses.table, "responses")


def members_of_a_response_are_carried_over_to_other_wires_or_refused() -> None:
    members.check(member_responses.table, *member_responses.OTHERS)


def members_of_a_message_reach_anthropic_as_they_are() -> None:
    members.check(member_messages.table, "anthropic")


def members_of_a_message_are_carried_over_to_other_wires_or_refused() -> None:
    members.check(member_messages.table, *member_messages.OTHERS)


def every_member_of_anthropic_s_betas_is_in_its_table() -> None:
    assert not member_betas.missing(), member_betas.missing()


def members_of_anthropic_s_betas_reach_anthropic_and_are_refused_elsewhere() -> None:
    members.check(member_betas.table)


def what_cannot_be_asked_is_not_counted() -> None:
    members.check(member_messages.counted)
    members.check(member_responses.counted)


def every_member_of_completions_embeddings_and_moderations_is_in_a_table() -> None:
    for table in (member_others.completions, member_others.embeddings, member_others.moderations):
        assert not members.missing(table), (table.name, members.missing(table))


def members_of_a_legacy_completion_pass_or_become_a_chat_or_are_refused() -> None:
    members.check(member_others.completions)


def members_of_embeddings_and_moderations_reach_who_knows_them() -> None:
    members.check(member_others.embeddings)
    members.check(member_others.moderations)


def the_page_of_members_is_what_the_tables_say() -> None:
    chats = [member_chat.table, member_responses.table, member_responses.counted, member_messages.table, member_messages.counted, member_betas.table]
    members.page_is("members.md", HEAD, [*chats, member_others.completions, member_others.embeddings, member_others.moderations])
