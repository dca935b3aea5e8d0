"""The Responses API through the official client: answers, streams, tools, structured output, what is stored."""

from __future__ import annotations

import base64
import json

import openai
import pydantic
import world
from world import raises

WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {"input": {"type": "string"}}}, "strict": False}
UPSTREAMS = ("gpt-x", "claude-x")


def _create(what: object, model: str = "gpt-x", **more: object):
    return world.client.responses.create(model=model, input=what, **more)


def _sent() -> dict:
    return json.loads(world.mock.requests()[-1]["body"])


def a_response_has_text_usage_and_what_was_asked() -> None:
    for model in UPSTREAMS:
        answer = _create("Hello there", model, instructions="Be brief.", temperature=0.5, max_output_tokens=50, metadata={"a": "b"})
        assert answer.output_text == "You said: Hello there" and answer.status == "completed" and answer.object == "response"
        assert answer.id.startswith("resp_") and answer.output[0].id.startswith("msg_") and answer.output[0].status == "completed"
        assert answer.usage.output_tokens == 4 and answer.usage.total_tokens == answer.usage.input_tokens + 4
        assert answer.instructions == "Be brief." and answer.temperature == 0.5 and answer.max_output_tokens == 50 and answer.metadata == {"a": "b"}
        assert answer.error is None and answer.incomplete_details is None and answer.model == model and answer.tools == []


def the_upstream_gets_the_request_in_its_own_words() -> None:
    world.mock.reset()
    _create(
        [{"role": "developer", "content": "dev"}, {"role": "user", "content": [{"type": "input_text", "text": "hi"}, {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]}],
        instructions="sys",
        tools=[WEATHER],
        tool_choice={"type": "function", "name": "weather"},
        parallel_tool_calls=False,
        reasoning={"effort": "low"},
        text={"verbosity": "low", "format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}, "strict": True}},
        top_logprobs=2,
        max_output_tokens=100,
        safety_identifier="abc",
    )
    body = _sent()
    assert [message["role"] for message in body["messages"]] == ["system", "system", "user"]
    assert body["messages"][2]["content"][1]["image_url"]["url"] == "data:image/png;base64,AAAA"
    assert body["tools"][0]["function"]["name"] == "weather" and body["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert body["parallel_tool_calls"] is False and body["reasoning_effort"] == "low" and body["verbosity"] == "low"
    assert body["response_format"]["json_schema"]["strict"] is True and body["logprobs"] is True and body["top_logprobs"] == 2
    assert body["max_completion_tokens"] == 100 and body["safety_identifier"] == "abc" and "input" not in body and "store" not in body


def a_stream_tells_of_each_step_in_order() -> None:
    for model in UPSTREAMS:
        events = list(_create("one two three", model, stream=True))
        assert [event.sequence_number for event in events] == list(range(len(events)))
        kinds = [event.type for event in events]
        deltas = kinds.count("response.output_text.delta")
        assert kinds == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            *["response.output_text.delta"] * deltas,
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ], kinds
        assert deltas > 1 and "".join(event.delta for event in events if event.type == "response.output_text.delta") == "You said: one two three"
        final = events[-1].response
        assert final.output_text == "You said: one two three" and final.usage.output_tokens == 5 and final.status == "completed"
        assert {event.item_id for event in events if hasattr(event, "item_id")} == {final.output[0].id} and events[0].response.id == final.id


def the_streaming_helper_assembles_the_response() -> None:
    with world.client.responses.stream(model="gpt-x", input="a b c") as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert "response.output_text.delta" in kinds and final.output_text == "You said: a b c"


def a_tool_is_called_and_its_output_goes_back() -> None:
    for model in UPSTREAMS:
        first = _create("Grüße", model, tools=[WEATHER], tool_choice="required")
        (call,) = [item for item in first.output if item.type == "function_call"]
        assert call.name == "weather" and json.loads(call.arguments) == {"input": "Grüße"} and call.call_id and call.id.startswith("fc_")
        world.mock.reset()
        history = [{"role": "user", "content": "Grüße"}, *[item.model_dump(exclude_none=True) for item in first.output]]
        history.append({"type": "function_call_output", "call_id": call.call_id, "output": "sunny"})
        assert _create(history, model, tools=[WEATHER], store=False).status == "completed"
        assert call.call_id in json.dumps(_sent()) and "sunny" in json.dumps(_sent())


def several_tool_calls_stream_one_after_the_other() -> None:
    for model in UPSTREAMS:
        events = list(_create("x [mock tool-call=3]", model, tools=[WEATHER], stream=True))
        items = [event.item for event in events if event.type == "response.output_item.done"]
        assert [item.type for item in items] == ["function_call"] * 3 and len({item.call_id for item in items}) == 3
        open_now = None
        for event in events:
            if event.type == "response.output_item.added":
                assert open_now is None
                open_now = event.item.id
            elif event.type == "response.function_call_arguments.delta":
                assert event.item_id == open_now
            elif event.type == "response.output_item.done":
                assert event.item.id == open_now and json.loads(event.item.arguments)["input"].startswith("x")
                open_now = None
        assert [item.id for item in events[-1].response.output] == [item.id for item in items]


class _Step(pydantic.BaseModel):
    answer: str


def structured_output_is_parsed() -> None:
    parsed = world.client.responses.parse(model="gpt-x", input="""[mock say='{"answer": "4"}']""", text_format=_Step)
    assert parsed.output_parsed == _Step(answer="4")
    with world.client.responses.stream(model="gpt-x", input="""[mock say='{"answer": "4"}']""", text_format=_Step) as stream:
        assert stream.get_final_response().output_parsed == _Step(answer="4")


def an_answer_that_is_cut_is_incomplete() -> None:
    for model in UPSTREAMS:
        answer = _create("a b c d e", model, max_output_tokens=3)
        assert answer.status == "incomplete" and answer.incomplete_details.reason == "max_output_tokens" and answer.output[0].status == "incomplete"
        last = list(_create("a b c d e", model, max_output_tokens=3, stream=True))[-1]
        assert last.type == "response.incomplete" and last.response.incomplete_details.reason == "max_output_tokens"
    assert _create("[mock finish=content_filter]").incomplete_details.reason == "content_filter"


def a_stream_that_breaks_off_fails() -> None:
    for model in UPSTREAMS:
        for directive in ("close=4", "error-event=4", "end=4", "garbage=4"):
            events = list(_create(f"one two three [mock {directive}]", model, stream=True))
            assert events[-1].type == "response.failed" and events[-1].response.error.message, (directive, events[-1])
            assert events[-1].response.status == "failed" and not any(event.type == "response.completed" for event in events)
            assert [event.sequence_number for event in events] == list(range(len(events)))
    error = raises(openai.APIStatusError, lambda: _create("[mock status=429]", stream=True))
    assert error.status_code == 429


def signed_thinking_comes_back_to_its_provider() -> None:
    first = _create("hi [mock thinking]", "claude-x", include=["reasoning.encrypted_content"], reasoning={"effort": "high", "summary": "auto"})
    reasoning, message = first.output
    assert reasoning.type == "reasoning" and reasoning.summary[0].text and reasoning.encrypted_content and message.type == "message"
    kinds = [event.type for event in _create("hi [mock thinking]", "claude-x", reasoning={"summary": "auto"}, stream=True)]
    assert kinds[2:5] == ["response.output_item.added", "response.reasoning_summary_part.added", "response.reasoning_summary_text.delta"]
    assert kinds.index("response.reasoning_summary_part.done") < kinds.index("response.output_text.delta")


def wrong_input_is_refused_and_named() -> None:
    for field, value in (("input", 7), ("temperature", 9), ("tools", [{"type": "web_search"}]), ("prompt", {"id": "x"}), ("tomorrow", 1), ("include", ["x"])):
        error = raises(openai.BadRequestError, lambda: _create("hi", extra_body={field: value}))
        assert field in (error.param or "") and error.message, (field, error)
    error = raises(openai.BadRequestError, lambda: _create([{"role": "user", "content": [{"type": "nonsense"}]}]))
    assert error.param == "input[0].content", error.param
    assert raises(openai.NotFoundError, lambda: _create("hi", "no-such-model")).code == "model_not_found"


# --- what is stored ---


def a_response_is_read_back_as_it_was_answered() -> None:
    answer = _create("remember me", instructions="sys", tools=[WEATHER], metadata={"k": "v"})
    assert world.client.responses.retrieve(answer.id).to_dict() == answer.to_dict()
    (item,) = world.client.responses.input_items.list(answer.id)
    assert item.type == "message" and item.content[0].text == "remember me" and item.id.startswith("msg_")
    world.client.responses.delete(answer.id)
    raises(openai.NotFoundError, lambda: world.client.responses.retrieve(answer.id))
    raises(openai.NotFoundError, lambda: world.client.responses.delete(answer.id))
    unstored = _create("forget me", store=False)
    assert unstored.store is False
    raises(openai.NotFoundError, lambda: world.client.responses.retrieve(unstored.id))


def input_items_are_paged() -> None:
    answer = _create([{"role": "user", "content": str(i)} for i in range(7)])
    texts = [item.content[0].text for item in world.client.responses.input_items.list(answer.id, limit=3, order="asc")]
    assert texts == [str(i) for i in range(7)]
    assert [item.content[0].text for item in world.client.responses.input_items.list(answer.id, limit=3)] == texts[::-1]


def a_response_goes_on_from_the_one_before() -> None:
    for model in UPSTREAMS:
        one = _create("first", model, instructions="only once")
        two = _create("second", model, previous_response_id=one.id)
        world.mock.reset()
        three = _create("third", model, previous_response_id=two.id)
        assert three.previous_response_id == two.id and three.instructions is None
        body = _sent()
        sent = [message["content"] if isinstance(message["content"], str) else message["content"][0]["text"] for message in body["messages"]]
        assert sent == ["first", "You said: first", "second", "You said: second", "third"] and "only once" not in json.dumps(body)
    missing = raises(openai.NotFoundError, lambda: _create("x", previous_response_id="resp_none"))
    assert missing.code == "previous_response_not_found"
    world.client.responses.delete(one.id)
    assert raises(openai.NotFoundError, lambda: _create("x", model, previous_response_id=two.id)).code == "previous_response_not_found"


def a_tool_loop_runs_over_stored_responses() -> None:
    for model in UPSTREAMS:
        first = _create("weather? [mock tool-call=2]", model, tools=[WEATHER])
        outputs = [{"type": "function_call_output", "call_id": item.call_id, "output": f"result {i}"} for i, item in enumerate(first.output)]
        world.mock.reset()
        _create(outputs, model, previous_response_id=first.id, tools=[WEATHER])
        body = _sent()
        if model == "gpt-x":
            assert [m["role"] for m in body["messages"]] == ["user", "assistant", "tool", "tool"] and len(body["messages"][1]["tool_calls"]) == 2
        else:
            assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]


def items_are_referred_to_by_their_ids() -> None:
    one = _create("first")
    question = next(iter(world.client.responses.input_items.list(one.id)))
    world.mock.reset()
    _create([{"type": "item_reference", "id": question.id}, {"type": "item_reference", "id": one.output[0].id}, {"role": "user", "content": "and?"}])
    assert [message["content"] for message in _sent()["messages"]] == ["first", "You said: first", "and?"]
    raises(openai.NotFoundError, lambda: _create([{"type": "item_reference", "id": "msg_none"}]))


def images_and_files_are_named_by_their_ids() -> None:
    image = world.client.files.create(file=("dot.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 300, "image/png"), purpose="vision")
    paper = world.client.files.create(file=("paper.pdf", b"%PDF-1.4 nothing", "application/pdf"), purpose="user_data")
    content = [{"type": "input_text", "text": "look"}, {"type": "input_file", "file_id": paper.id}, {"type": "input_image", "file_id": image.id, "detail": "low"}]
    for model in UPSTREAMS:
        world.mock.reset()
        answer = _create([{"role": "user", "content": content}], model)
        encoded = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 300).decode()
        assert encoded in world.mock.requests()[-1]["body"] and base64.b64encode(b"%PDF-1.4 nothing").decode() in world.mock.requests()[-1]["body"]
        (item,) = world.client.responses.input_items.list(answer.id)
        assert item.content[2].file_id == image.id
        _create("and now?", model, previous_response_id=answer.id)
        assert encoded in world.mock.requests()[-1]["body"]
    raises(openai.NotFoundError, lambda: _create([{"role": "user", "content": [{"type": "input_file", "file_id": "file-none"}]}]))
    raises(openai.BadRequestError, lambda: _create([{"role": "user", "content": [{"type": "input_image", "file_id": paper.id}]}]))


def a_response_is_found_in_the_record() -> None:
    answer = _create("trace me", metadata={"conversation_id": "talk-7"})
    shown = world.trace(answer.id)["interaction"]
    assert shown["response_id"] == answer.id and shown["conversation"] == "talk-7" and shown["usage"]["output_tokens"] == 4
    assert any("trace me" in (message["body"] or "") for message in shown["messages"])


def tokens_are_counted_before_asking() -> None:
    count = world.client.responses.input_tokens.count(model="gpt-x", input="one two three four")
    assert count.object == "response.input_tokens" and 4 <= count.input_tokens <= 20
    assert world.client.responses.input_tokens.count(model="gpt-x", input="one two three four", tools=[WEATHER]).input_tokens > count.input_tokens


# --- conversations ---


def a_conversation_keeps_what_was_said() -> None:
    talk = world.client.conversations.create(metadata={"topic": "x"}, items=[{"type": "message", "role": "user", "content": "before"}])
    assert talk.id.startswith("conv_") and talk.metadata == {"topic": "x"}
    first = _create("first", conversation=talk.id)
    assert first.conversation.id == talk.id
    world.mock.reset()
    list(_create("second", conversation={"id": talk.id}, stream=True))
    assert [message["content"] for message in _sent()["messages"]] == ["before", "first", "You said: first", "second"]
    items = list(world.client.conversations.items.list(talk.id, order="asc", limit=2))
    assert [item.content[0].text for item in items] == ["before", "first", "You said: first", "second", "You said: second"]
    assert world.trace(first.id)["interaction"]["conversation"] == talk.id


def a_conversation_is_changed_and_deleted() -> None:
    talk = world.client.conversations.create()
    assert world.client.conversations.update(talk.id, metadata={"a": "1"}).metadata == {"a": "1"}
    added = world.client.conversations.items.create(talk.id, items=[{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}])
    assert [item.content[0].text for item in added.data] == ["one", "two"]
    assert world.client.conversations.items.retrieve(added.data[1].id, conversation_id=talk.id).content[0].text == "two"
    world.client.conversations.items.delete(added.data[0].id, conversation_id=talk.id)
    assert [item.id for item in world.client.conversations.items.list(talk.id)] == [added.data[1].id]
    assert world.client.conversations.delete(talk.id).deleted is True
    raises(openai.NotFoundError, lambda: world.client.conversations.retrieve(talk.id))
    raises(openai.NotFoundError, lambda: _create("x", conversation=talk.id))
    raises(openai.BadRequestError, lambda: _create("x", conversation="a", previous_response_id="b"))


def what_is_not_known_inside_an_output_is_refused_and_is_no_failure() -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    for item in (
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "tomorrow"}]},
        {"type": "reasoning", "summary": [], "content": [{"type": "tomorrow", "text": ""}]},
    ):
        error = raises(openai.BadRequestError, lambda item=item: _create([call, item]))
        assert error.param.startswith("input[1]"), error.body
        status, _, body = world.corbel.call("POST", "/v1/responses/input_tokens", {"model": "gpt-x", "input": [call, item]})
        assert status == 400, body
