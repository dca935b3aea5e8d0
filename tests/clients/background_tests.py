"""Background responses: they go on when the client leaves, are polled, streamed again, cancelled, and end as failed when their server does."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import openai
import own_world
import world
from world import raises

PACED = "one two [mock pace=30 chunks=40]"
UPSTREAMS = ("gpt-x", "claude-x")


def _begin(what: str, model: str = "gpt-x", **more: object):
    return world.client.responses.create(model=model, input=what, background=True, **more)


def _until(identity: str, *wanted: str, seconds: float = 15):
    end = time.monotonic() + seconds
    while (answer := world.client.responses.retrieve(identity)).status not in wanted:
        assert time.monotonic() < end, answer
        time.sleep(0.02)
    return answer


def _text(events: list) -> str:
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def a_background_response_is_queued_and_completed() -> None:
    for model in UPSTREAMS:
        queued = _begin("hello", model)
        assert queued.status == "queued" and queued.background is True and queued.output == []
        done = _until(queued.id, "completed")
        assert done.output_text == "You said: hello" and done.usage.output_tokens == 3 and done.completed_at >= done.created_at
        assert world.trace(queued.id)["interaction"]["outcome"] == "ok"
    assert world.client.responses.create(model="gpt-x", input="more", previous_response_id=queued.id).status == "completed"


def it_is_seen_in_progress_and_cancelled() -> None:
    world.mock.reset()
    begun = _begin("[mock endless pace=20]")
    assert _until(begun.id, "in_progress").status == "in_progress"
    error = raises(openai.ConflictError, lambda: world.client.responses.create(model="gpt-x", input="x", previous_response_id=begun.id))
    assert error.code == "previous_response_not_completed"
    began = time.monotonic()
    cancelled = world.client.responses.cancel(begun.id)
    assert cancelled.status == "cancelled" and time.monotonic() - began < 3, cancelled
    assert world.client.responses.retrieve(begun.id).status == "cancelled" and world.client.responses.cancel(begun.id).status == "cancelled"
    assert world.mock.requests()[-1]["end"] in ("peer-closed", "peer-reset")
    assert world.trace(begun.id)["interaction"]["outcome"] == "cancelled"


def a_background_stream_is_taken_up_again() -> None:
    with _begin(PACED, stream=True) as stream:
        first = [next(iter(stream)) for _ in range(8)]
    identity = first[0].response.id
    assert [event.type for event in first[:3]] == ["response.created", "response.queued", "response.in_progress"]
    rest = list(world.client.responses.retrieve(identity, stream=True, starting_after=first[-1].sequence_number))
    numbers = [event.sequence_number for event in first + rest]
    assert numbers == list(range(len(numbers))) and rest[-1].type == "response.completed"
    assert _text(first + rest) == rest[-1].response.output_text and len(rest[-1].response.output_text.split()) == 40
    again = list(world.client.responses.retrieve(identity, stream=True))
    assert [event.to_dict() for event in again] == [event.to_dict() for event in first + rest]
    assert list(world.client.responses.retrieve(identity, stream=True, starting_after=numbers[-1])) == []


def a_deleted_response_stays_deleted() -> None:
    begun = _begin("[mock endless pace=20]")
    _until(begun.id, "in_progress")
    world.client.responses.delete(begun.id)
    time.sleep(0.8)
    raises(openai.NotFoundError, lambda: world.client.responses.retrieve(begun.id))


def a_background_response_has_the_priority_that_it_was_asked_with() -> None:
    config = own_world.priced()
    config["providers"][0] |= {"max_concurrency": 4, "headers": {"x-mock": "slow-headers=400"}}
    with own_world.store() as store, own_world.Node({**store, **config}) as corbel:
        client = own_world.client_of(corbel)

        def begun(priority: str) -> list[openai.types.responses.Response]:
            return [client.responses.create(model="priced", input="hello", background=True, max_output_tokens=5, extra_headers={"x-corbel-priority": priority}) for _ in range(8)]

        for priority, queue in (("batch", "provider_waiting_batch"), ("interactive", "provider_waiting")):
            made = begun(priority)
            (target,) = world.harness.wait_for(lambda queue=queue: [one for one in json.loads(corbel.call("GET", "/admin/v1/targets")[2])["data"] if one[queue] >= 2], 5, f"a queue of {priority}")
            assert priority == "batch" or target["provider_waiting_batch"] == 0, target
            for one in made:
                world.harness.wait_for(lambda one=one: client.responses.retrieve(one.id).status == "completed", 15, "its end")
        error = raises(openai.BadRequestError, lambda: begun("soon"))
        assert error.param == "x-corbel-priority", error.body


def what_fails_upstream_reads_as_failed() -> None:
    failed = _until(_begin("[mock status=500]").id, "failed")
    assert failed.error.code == "server_error" and failed.error.message
    broken = _until(_begin("one two three [mock close=5]").id, "failed")
    assert broken.output_text.startswith("You said:") and broken.output[0].status == "incomplete"
    events = list(_begin("one two three [mock close=5]", stream=True))
    assert events[-1].type == "response.failed" and events[-1].response.error.message


def only_background_responses_can_be_cancelled_or_streamed_again() -> None:
    answer = world.client.responses.create(model="gpt-x", input="x")
    raises(openai.BadRequestError, lambda: world.client.responses.cancel(answer.id))
    raises(openai.BadRequestError, lambda: list(world.client.responses.retrieve(answer.id, stream=True)))
    raises(openai.BadRequestError, lambda: _begin("x", store=False))
    raises(openai.NotFoundError, lambda: world.client.responses.cancel("resp_none"))


def a_response_whose_server_was_killed_reads_as_failed_with_its_text_so_far() -> None:
    with tempfile.TemporaryDirectory() as place:
        config = {**world.STORE, "providers": [{"name": "m", "kind": "openai", "base_url": f"{world.mock.url}/v1", "api_key": world.UPSTREAM_KEY}],
                  "models": [{"name": "gpt-x", "targets": [{"provider": "m", "model": "gpt-x"}]}]}  # fmt: skip
        first = world.harness.Corbel(config, data=Path(place) / "data")
        key = first.key if not world.STORE else world.corbel.key
        client = openai.OpenAI(base_url=f"{first.url}/v1", api_key=key, max_retries=0, timeout=30)
        stream = client.responses.create(model="gpt-x", input="[mock chunks=2000 pace=20]", background=True, stream=True)
        seen = [next(stream) for _ in range(20)]
        first.kill()
        with world.harness.Corbel(config, data=Path(place) / "data") as second:
            client = openai.OpenAI(base_url=f"{second.url}/v1", api_key=key, max_retries=0, timeout=30)
            end = time.monotonic() + 25  # on PostgreSQL until the lease is over: another process could be at it
            while (answer := client.responses.retrieve(seen[0].response.id)).status not in ("failed",):
                assert world.STORE and time.monotonic() < end, answer
                time.sleep(0.2)
            assert "before the answer was complete" in answer.error.message and answer.output[0].status == "incomplete"
            assert answer.output_text.startswith(_text(seen)) and len(answer.output_text.split()) < 2000
            rest = list(client.responses.retrieve(answer.id, stream=True, starting_after=seen[-1].sequence_number))
            assert rest[-1].type == "response.failed" and _text(seen + rest) == answer.output_text
            assert [event.sequence_number for event in seen + rest] == list(range(len(seen) + len(rest)))
