"""Routing, as official clients see it: one answer, whoever gave it; and errors that tell them what to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator

import anthropic
import openai
import own_world
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


def fallbacks_that_go_round_end_with_one_answer_or_one_error() -> None:
    """Each model is entered once, whoever is asked first: whole, streamed, as a response, as embeddings; what is charged is the one answer."""
    dear, cheap = {"input": 1000, "output": 2000}, {"input": 1, "output": 2}
    target = lambda provider, price, model="gpt-x": [{"provider": provider, "model": model, "price": price}]  # noqa: E731
    models: list[dict[str, object]] = [
        {"name": "left", "targets": target("down", dear), "fallbacks": [{"model": "right"}], "retry": {"max": 1, "backoff": "1ms", "budget": 10}},
        {"name": "right", "targets": target("main", cheap), "fallbacks": [{"model": "left"}]},
        *({"name": name, "targets": target("down", dear, name), "fallbacks": [{"model": other} for other in others]} for name, others in (("one", ("two",)), ("two", ("three", "one")), ("three", ("two", "one")))),
        {"name": "theirs", "targets": target("down", dear), "fallbacks": [{"model": "ours"}]},
        {"name": "ours", "targets": target("house", dear), "fallbacks": [{"model": "theirs"}]},
        {"name": "embed-left", "type": "embeddings", "targets": target("down", dear), "fallbacks": [{"model": "embed-right"}]},
        {"name": "embed-right", "type": "embeddings", "targets": target("main", dear), "fallbacks": [{"model": "embed-left"}]},
    ]
    with own_world.store() as store, world.harness.Mock("--key", world.UPSTREAM_KEY) as mock:
        at = {"kind": "openai", "base_url": f"{mock.url}/v1", "api_key": world.UPSTREAM_KEY, "breaker": {"failures": 0}}
        providers = [{"name": "main", **at}, {"name": "down", "headers": {"x-mock": "status=503"}, **at}, {"name": "house", "hosted": False, **at, "headers": {"x-mock": "status=503"}}]
        with world.harness.Corbel({**store, "providers": providers, "models": models}) as corbel:
            client = own_world.client_of(corbel)
            budget = json.loads(corbel.cli("budget", "create", "all", "--amount", "100", "--json").stdout)["id"]

            def record(identity: str) -> dict[str, object]:
                return json.loads(corbel.call("GET", f"/admin/v1/traces/{identity}")[2])["interaction"]

            def calls() -> int:
                count = len(mock.requests())
                mock.reset()
                return count

            hundred = "[mock prompt-tokens=100 completion-tokens=10]"
            for ask in (
                lambda model: client.chat.completions.create(model=model, messages=user(hundred)).id,
                lambda model: [chunk.id for chunk in client.chat.completions.create(model=model, messages=user(hundred), stream=True)][0],
                lambda model: client.responses.create(model=model, input=hundred).id,
            ):
                for model, attempts in (("left", 3), ("right", 1)):
                    mock.reset()
                    row = record(ask(model))
                    assert calls() == attempts and (row["route"], row["attempts"], row["cost_nanodollars"]) == ("right", attempts, 120_000), row
            for model in ("one", "two", "three"):
                error = raises(openai.InternalServerError, lambda: client.chat.completions.create(model=model, messages=user("hi")))
                row = record(error.response.headers["x-request-id"])
                assert calls() == 3 and (row["outcome"], row["attempts"], row["cost_nanodollars"]) == ("error", 3, 0), row
            error = raises(openai.InternalServerError, lambda: client.chat.completions.create(model="ours", messages=user("hi")))
            assert calls() == 2, error
            vectors = client.embeddings.with_raw_response.create(model="embed-left", input="hi", encoding_format="float")
            embedded = record(vectors.headers["x-request-id"])["cost_nanodollars"]
            assert vectors.parse().data and calls() == 2 and embedded
            spent = json.loads(corbel.cli("budget", "show", budget, "--json").stdout)["current"]
            assert spent["spent_nanodollars"] == 6 * 120_000 + embedded, spent
            assert {"left", "right", "one", "two", "three"} <= {model.id for model in client.models.list()}
            assert corbel.call("GET", "/admin/v1/targets")[0] == 200


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


def _chained(client: openai.OpenAI, claude: anthropic.Anthropic, name: str) -> Iterator[str]:
    previous = None
    for turn in range(4):
        more = {"instructions": "Be brief."} if turn == 0 else {}
        response = client.responses.create(model="stuck", input=f"{name}, turn {turn}", **({"previous_response_id": previous} if previous else {}), **more)
        previous = response.id
        yield response.id


def _growing(client: openai.OpenAI, claude: anthropic.Anthropic, name: str) -> Iterator[str]:
    messages = [{"role": "system", "content": "Be brief."}]
    for turn in range(4):
        messages.append({"role": "user", "content": f"{name}, turn {turn}"})
        answer = client.chat.completions.create(model="stuck", messages=messages)  # type: ignore[arg-type]
        messages.append({"role": "assistant", "content": answer.choices[0].message.content or ""})
        yield answer.id


def _growing_at_claude(client: openai.OpenAI, claude: anthropic.Anthropic, name: str) -> Iterator[str]:
    messages: list[anthropic.types.MessageParam] = []
    for turn in range(4):
        messages.append({"role": "user", "content": f"{name}, turn {turn}"})
        answer = claude.messages.create(model="stuck", system="Be brief.", max_tokens=50, messages=messages)
        messages.append({"role": "assistant", "content": answer.content[0].text})  # type: ignore[union-attr]
        yield answer.id


def _by_cache_key(client: openai.OpenAI, claude: anthropic.Anthropic, name: str) -> Iterator[str]:
    for turn in range(4):
        yield client.chat.completions.create(model="stuck-split", messages=user(f"{name}, turn {turn}"), prompt_cache_key=name).id
        yield client.responses.create(model="stuck-split", input=f"{name}, turn {turn}", prompt_cache_key=name).id


def a_conversation_without_a_name_stays_at_one_target() -> None:
    """As clients send it: a chain of responses, a list of messages that grows, one key of the prompt cache."""
    targets = [{"provider": "main", "model": model} for model in ("one", "two")]
    models = [
        {"name": "stuck", "sticky": "conversation", "targets": targets},
        {"name": "stuck-split", "sticky": "conversation", "split": [{"model": "arm-one", "weight": 1}, {"model": "arm-two", "weight": 1}]},
        *({"name": f"arm-{target['model']}", "targets": [target]} for target in targets),
    ]
    ways: tuple[Callable[..., Iterator[str]], ...] = (_chained, _growing, _growing_at_claude, _by_cache_key)
    with own_world.store() as store, world.harness.Corbel({**own_world.priced(), **store, "models": models}) as corbel:
        client = own_world.client_of(corbel)
        claude = anthropic.Anthropic(base_url=corbel.url, api_key=corbel.key, max_retries=0)

        def target_of(answer: str) -> str:
            return json.loads(corbel.call("GET", f"/admin/v1/traces/{answer}")[2])["interaction"]["target_model"]

        for way in ways:
            seen = [{target_of(answer) for answer in way(client, claude, f"{way.__name__} {number}")} for number in range(8)]
            assert all(len(targets) == 1 for targets in seen) and len(set.union(*seen)) == 2, (way.__name__, seen)
