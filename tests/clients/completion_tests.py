"""Legacy completions: to targets that serve them as they came, to all others as a chat of one message."""

from __future__ import annotations

import json
from typing import Any

import openai
import world
from world import raises


def complete(prompt: Any, model: str = "gpt-x", **more: Any) -> Any:
    return world.client.completions.create(model=model, prompt=prompt, **more)


def streamed(prompt: Any, model: str = "gpt-x", **more: Any) -> tuple[str, list[Any]]:
    """Unchecked: by the client's own types every chunk has a finish_reason, which is null in fact until the last."""
    chunks = list(world.make_client(_strict_response_validation=False).completions.create(model=model, prompt=prompt, stream=True, **more))
    assert {chunk.object for chunk in chunks} == {"text_completion"} and len({chunk.id for chunk in chunks}) == 1
    return "".join(choice.text for chunk in chunks for choice in chunk.choices), chunks


def asked() -> Any:
    """The body of the one request that the upstream got."""
    (request,) = world.mock.requests()
    return json.loads(request["body"])


def a_prompt_is_completed_by_a_target_that_serves_completions() -> None:
    world.mock.reset()
    answer = complete("Once upon a time", seed=7, stop=["x"], max_tokens=20, logit_bias={"50256": -100}, user="me")
    assert answer.object == "text_completion" and answer.choices[0].text == "You said: Once upon a time" and answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (4, 6, 10)
    (request,) = world.mock.requests()
    assert request["path"] == "/v1/completions" and request["header"]["authorization"] == f"Bearer {world.UPSTREAM_KEY}"
    body = asked()
    assert (body["prompt"], body["seed"], body["stop"], body["logit_bias"]) == ("Once upon a time", 7, ["x"], {"50256": -100})


def the_target_gets_its_own_name_of_the_model() -> None:
    world.mock.reset()
    assert complete("a", "renamed").choices[0].text == "You said: a"
    assert asked()["model"] == "gpt-upstream"


def a_stream_has_the_same_text_and_usage_where_it_is_asked_for() -> None:
    text, chunks = streamed("one 🙂 two")
    assert text == "You said: one 🙂 two" and chunks[-1].choices[0].finish_reason == "stop" and all(chunk.usage is None for chunk in chunks)
    text, chunks = streamed("one 🙂 two", stream_options={"include_usage": True})
    assert text == "You said: one 🙂 two" and chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == 5


def several_prompts_and_choices_come_back_in_order() -> None:
    answer = complete(["a", "b"], n=2)
    assert [(choice.index, choice.text) for choice in answer.choices] == [(0, "You said: a"), (1, "You said: a"), (2, "You said: b"), (3, "You said: b")]
    _, chunks = streamed(["a", "b"])
    texts = {index: "".join(choice.text for chunk in chunks for choice in chunk.choices if choice.index == index) for index in (0, 1)}
    assert texts == {0: "You said: a", 1: "You said: b"}


def more_prompts_than_a_chat_has_choices_are_no_trouble() -> None:
    answer = complete([f"p{number}" for number in range(100)])
    assert [choice.text for choice in answer.choices] == [f"You said: p{number}" for number in range(100)]


def tokens_echo_suffix_and_logprobs_pass() -> None:
    world.mock.reset()
    assert complete([1, 2, 3]).choices[0].text == "You said: 3 tokens"
    assert [choice.text for choice in complete([[1, 2], [3]]).choices] == ["You said: 2 tokens", "You said: 1 tokens"]
    answer = complete("ab", echo=True, logprobs=2, suffix=" the end", best_of=3)
    assert answer.choices[0].text == "abYou said: ab" and answer.choices[0].logprobs.token_logprobs == [-0.25]
    body = json.loads(world.mock.requests()[-1]["body"])
    assert (body["suffix"], body["logprobs"], body["best_of"]) == (" the end", 2, 3)
    text, chunks = streamed("ab", echo=True, logprobs=1)
    assert text == "abYou said: ab" and chunks[1].choices[0].logprobs.tokens == ["You"]


def a_target_that_only_chats_gets_one_message() -> None:
    for model, path in (("chats-only", "/v1/chat/completions"), ("mistral", "/v1/chat/completions"), ("claude-x", "/v1/messages"), ("gemini", None), ("bedrock", None), ("cohere", "/v2/chat")):
        world.mock.reset()
        answer = complete("Hello there", model, max_tokens=50, temperature=0.5, stop=["zzz"])
        assert answer.choices[0].text == "You said: Hello there" and answer.choices[0].finish_reason == "stop", (model, answer)
        assert answer.usage.completion_tokens == 4 and answer.id.startswith("cmpl-"), (model, answer.id)
        assert world.trace(answer.id)["interaction"]["response_id"] == answer.id, model
        (request,) = world.mock.requests()
        assert path in (None, request["path"]), request["path"]
        text, chunks = streamed("Hello there", model, max_tokens=50, stream_options={"include_usage": True})
        assert text == "You said: Hello there" and chunks[-1].usage.completion_tokens == 4 and chunks[-2].choices[0].finish_reason == "stop", (model, chunks)
        assert all(chunk.id == chunks[0].id and chunk.id.startswith("cmpl-") for chunk in chunks), (model, chunks)


def max_tokens_cut_a_translated_answer_too() -> None:
    for model in ("gpt-x", "claude-x"):
        answer = complete("a b c d", model, max_tokens=2)
        assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("You said:", "length"), (model, answer)


def what_a_chat_cannot_say_is_refused_before_anything_is_sent() -> None:
    world.mock.reset()
    cases: list[tuple[str, dict[str, Any]]] = [
        ("echo", {"echo": True}),
        ("suffix", {"suffix": "x"}),
        ("logprobs", {"logprobs": 1}),
        ("best_of", {"best_of": 2}),
        ("logit_bias", {"logit_bias": {"1": 2}}),
        ("max_tokens", {"max_tokens": 0}),
        ("tomorrow", {"extra_body": {"tomorrow": 1}}),
    ]
    for model in ("chats-only", "claude-x", "extractive"):
        for param, more in cases:
            error = raises(openai.BadRequestError, lambda: complete("a", model, **more))
            assert (error.param, error.code) == (param, "unsupported_parameter"), (model, param, error.body)
        for prompt in (["a", "b"], [1, 2], [[1], [2]]):
            error = raises(openai.BadRequestError, lambda: complete(prompt, model))
            assert error.param == "prompt", error.body
    assert world.mock.requests() == []
    answer = complete(["a"], "chats-only", echo=False, suffix="", best_of=1)
    assert answer.choices[0].text == "You said: a"


def a_server_that_lacks_a_part_of_it_is_not_asked_for_that() -> None:
    world.mock.reset()
    for model, param, more in (
        ("ollama", "echo", {"echo": True}),
        ("ollama", "prompt", {"prompt": ["a", "b"]}),
        ("openrouter", "prompt", {"prompt": [1, 2]}),
        ("tgi", "suffix", {"suffix": "x"}),
        ("tgi", "prompt", {"prompt": [[1]]}),
        ("llamacpp", "n", {"n": 2}),
        ("vllm", "suffix", {"suffix": "x"}),
    ):
        error = raises(openai.BadRequestError, lambda: complete(**{"prompt": "a", **more}, model=model))
        assert error.param == param, (model, error.body)
    assert world.mock.requests() == []
    assert complete(["a"], "ollama").choices[0].text == "You said: a" and asked()["prompt"] == "a"
    assert [choice.text for choice in complete(["a", "b"], "tgi").choices] == ["You said: a", "You said: b"]


def a_completion_is_recorded_and_priced_like_a_chat() -> None:
    answer = complete("one two three", "priced")
    interaction = world.trace(answer.id)["interaction"]
    assert interaction["operation"] == "text_completion" and interaction["outcome"] == "ok" and interaction["response_id"] == answer.id
    assert (interaction["usage"]["input_tokens"], interaction["usage"]["output_tokens"]) == (3, 5)
    assert interaction["cost_nanodollars"] == (3 * 1000 + 5 * 2000) * 1000
    assert [(message["direction"], json.loads(message["body"])["content"]) for message in interaction["messages"]] == [
        ("input", "one two three"),
        ("output", "You said: one two three"),
    ]
    assert "one two three" not in json.dumps(interaction["parameters"])
    _, chunks = streamed([5, 6, 7], "priced")
    interaction = world.trace(chunks[0].id)["interaction"]
    assert interaction["usage"]["input_tokens"] == 3 and interaction["messages"][0]["body"] == "[5,6,7]" and interaction["stream"]


def bad_requests_name_their_field() -> None:
    for body, param in (
        ({"model": "gpt-x"}, "prompt"),
        ({"prompt": "a"}, "model"),
        ({"model": "gpt-x", "prompt": []}, "prompt"),
        ({"model": "gpt-x", "prompt": ["a", 1]}, "prompt"),
        ({"model": "gpt-x", "prompt": [1, "a"]}, "prompt"),
        ({"model": "gpt-x", "prompt": [[1], []]}, "prompt"),
        ({"model": "gpt-x", "prompt": [1, -1]}, "prompt"),
        ({"model": "gpt-x", "prompt": {"a": 1}}, "prompt"),
        ({"model": "gpt-x", "prompt": "a", "n": 0}, "n"),
        ({"model": "gpt-x", "prompt": "a", "best_of": "x"}, "best_of"),
        ({"model": "gpt-x", "prompt": "a", "stream": 1}, "stream"),
        ({"model": "gpt-x", "prompt": "a", "max_tokens": -1}, "max_tokens"),
    ):
        error = raises(openai.BadRequestError, lambda: world.client.post("/completions", body=body, cast_to=object))
        assert error.type == "invalid_request_error" and error.param == param, (body, error.body)


def failures_upstream_are_those_of_chats() -> None:
    raises(openai.RateLimitError, lambda: complete("[mock status=429]"))
    for directive in ("status=500", "reset", "truncate", "garbage", "content-type='text/html' garbage"):
        raises(openai.InternalServerError, lambda: complete(f"[mock {directive}]"))
    for directive in ("reset=4", "end=4", "error-event=4", "truncate=4", "garbage=3"):
        raises(openai.APIError, lambda: streamed(f"a b c d e [mock {directive}]"))


def another_target_answers_and_a_broken_stream_goes_on() -> None:
    assert complete("hi there", "with-fallback").choices[0].text == "You said: hi there"
    world.mock.reset()
    text, _ = streamed("a b c", "continued")
    assert text == "You said: a bYou said: a b cYou said: a b", text
    assert json.loads(world.mock.requests()[-1]["body"])["prompt"] == "a b cYou said: a b"


def a_model_over_a_collection_answers_a_prompt() -> None:
    answer = complete("How does autovacuum start its workers?", "docs")
    assert "autovacuum launcher" in answer.choices[0].text
    assert world.trace(answer.id)["interaction"]["sources"]
