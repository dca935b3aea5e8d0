"""Routing, as official clients see it: one answer, whoever gave it; and errors that tell them what to do."""

from __future__ import annotations

import asyncio

import openai
import world
from world import raises, say, user


def a_broken_stream_is_continued_within_one_answer() -> None:
    with world.client.chat.completions.stream(model="continued", messages=user("one two three four"), stream_options={"include_usage": True}) as stream:
        ids = {event.chunk.id for event in stream if event.type == "chunk"}
        answer = stream.get_final_completion()
    record = world.trace(answer.id)["interaction"]
    text = answer.choices[0].message.content or ""
    assert len(ids) == 1 and answer.choices[0].finish_reason == "stop" and text.startswith("You said: one"), (ids, answer)
    assert record["outcome"] == "ok" and record["attempts"] == 2 and record["provider"] == "main", record
    assert answer.usage and answer.usage.completion_tokens == record["usage"]["output_tokens"], (answer.usage, record["usage"])


def a_fallback_of_another_kind_answers() -> None:
    answer = say("hello there", model="last-resort")
    record = world.trace(answer.id)["interaction"]
    assert answer.choices[0].message.content == "You said: hello there"
    assert (record["model"], record["route"], record["provider"], record["attempts"]) == ("last-resort", "claude-x", "claude", 2), record


def a_filter_that_ends_an_answer_before_its_first_word_is_a_failure() -> None:
    """Where a fallback is there for it; text that was sent stays sent."""
    for model, other in (("filtered", "claude-x"), ("filtered-claude", "gpt-x")):
        for stream in (False, True):
            answer = world.client.chat.completions.create(model=model, messages=user("hi"), stream=stream)
            chunks = list(answer) if stream else [answer]
            texts = [(chunk.choices[0].delta if stream else chunk.choices[0].message).content or "" for chunk in chunks if chunk.choices]
            record = world.trace(chunks[0].id)["interaction"]
            assert "".join(texts).startswith("You said: hi") and (record["route"], record["attempts"]) == (other, 2), (model, stream, record)
    assert say("hi [mock chunks=2]", model="filtered").choices[0].finish_reason == "content_filter"
    assert say("hi", model="filtered-for-good").choices[0].finish_reason == "content_filter"


def embeddings_have_spare_targets_too() -> None:
    answer = world.client.embeddings.create(model="embeddings-with-spare", input="hello", encoding_format="float")
    assert len(answer.data[0].embedding) > 0


def a_full_queue_is_retried_by_the_client_itself() -> None:
    async def both() -> list[str | None]:
        client = world.make_async_client().with_options(max_retries=3)
        answers = await asyncio.gather(*(client.chat.completions.create(model="one-at-a-time", messages=user("hi")) for _ in range(2)))
        return [answer.choices[0].message.content for answer in answers]

    assert asyncio.run(both()) == ["You said: hi"] * 2


def a_full_queue_is_an_error_with_its_delay() -> None:
    async def both() -> list[object]:
        client = world.make_async_client()
        calls = (client.chat.completions.create(model="one-at-a-time", messages=user("hi"), service_tier=tier) for tier in ("default", "flex"))
        return await asyncio.gather(*calls, return_exceptions=True)

    (error,) = [result for result in asyncio.run(both()) if isinstance(result, Exception)]
    assert isinstance(error, openai.InternalServerError) and error.code == "queue_full" and int(error.response.headers["retry-after"]) >= 1, error


def an_unknown_priority_is_refused() -> None:
    error = raises(openai.BadRequestError, lambda: say("hi", extra_headers={"x-corbel-priority": "urgent"}))
    assert error.param == "x-corbel-priority", error.body
    assert say("hi", extra_headers={"x-corbel-priority": "batch"}).choices[0].message.content == "You said: hi"
