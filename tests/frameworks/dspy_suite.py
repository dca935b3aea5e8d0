"""DSPy: predictions, structure, tools (its own calls and a loop), a stream."""

from __future__ import annotations

import sys
from typing import Any

import dspy
from world import CHAT, KEY, MESSAGES, RESPONSES, URL, Way, flow, run


class _Number(dspy.Signature):
    """Tell the number."""

    question: str = dspy.InputField()
    number: int = dspy.OutputField()


class _Calls(dspy.Signature):
    """Call what helps."""

    question: str = dspy.InputField()
    tools: list[dspy.Tool] = dspy.InputField()
    calls: dspy.ToolCalls = dspy.OutputField()


class _LM(dspy.LM):
    """DSPy looks up in a list of its own what a model can do; these are not in it."""

    supports_function_calling = True
    supports_response_schema = True

    @property
    def supported_params(self) -> set[str]:
        return {*super().supported_params, "response_format"}


def _lm(model: str, **more: Any) -> dspy.LM:
    return _LM(f"openai/{model}", api_base=f"{URL}/v1", api_key=KEY, cache=False, num_retries=0, **more)


def _responses(model: str) -> dspy.LM:
    return _lm(model, model_type="responses")


def _claude(model: str) -> dspy.LM:
    return _LM(f"anthropic/{model}", api_base=f"{URL}/v1", api_key=KEY, cache=False, num_retries=0)


WAYS = [Way("dspy", CHAT, _lm), Way("dspy", RESPONSES, _responses), Way("dspy", MESSAGES, _claude)]


def _fields(more: str = "", **fields: object) -> str:
    """An answer as DSPy's own adapter asks for it."""
    text = "\n\n".join(f"[[ ## {name} ## ]]\n{value}" for name, value in {**fields, "completed": ""}.items())
    return f"[mock {more} say='{text}']"


def _weather(input: str) -> str:  # noqa: A002 - the mock calls it with this name
    """Tells the weather."""
    return f"sunny in {input}"


@flow("basic", WAYS)
def it_asks_a_model_as_it_is(lm: dspy.LM) -> None:
    said = lm("one two")[0]
    assert (said["text"] if isinstance(said, dict) else said) == "You said: one two", said


@flow("basic", WAYS)
def it_predicts(lm: dspy.LM) -> None:
    with dspy.context(lm=lm):
        answer = dspy.Predict("question -> answer")(question=_fields(answer="forty two"))
    assert answer.answer == "forty two", answer


@flow("basic", WAYS)
def it_thinks_before_it_predicts(lm: dspy.LM) -> None:
    with dspy.context(lm=lm):
        answer = dspy.ChainOfThought("question -> answer")(question=_fields(reasoning="so it is", answer="yes"))
    assert (answer.reasoning, answer.answer) == ("so it is", "yes"), answer


@flow("structured output", WAYS)
def it_gives_structured_output(lm: dspy.LM) -> None:
    with dspy.context(lm=lm):
        assert dspy.Predict(_Number)(question=_fields(number=42)).number == 42
    with dspy.context(lm=lm, adapter=dspy.JSONAdapter()):
        assert dspy.Predict(_Number)(question="""[mock say='{"number": 42}']""").number == 42


@flow("tool call", WAYS)
def it_calls_a_tool(lm: dspy.LM) -> None:
    with dspy.context(lm=lm, adapter=dspy.ChatAdapter(use_native_function_calling=True)):
        answer = dspy.Predict(_Calls)(question="Berlin [mock tool-call]", tools=[dspy.Tool(_weather, name="weather")])
    (call,) = answer.calls.tool_calls
    assert call.name == "weather" and "Berlin" in call.args["input"], answer


@flow("basic", WAYS)
def it_counts_what_was_used(lm: dspy.LM) -> None:
    with dspy.context(lm=lm, track_usage=True):
        usage = dspy.Predict("question -> answer")(question=_fields(answer="a")).get_lm_usage()
    (counts,) = usage.values()
    assert counts.get("completion_tokens", counts.get("output_tokens")) > 0, usage


@flow("stream", WAYS)
async def it_streams(lm: dspy.LM) -> None:
    with dspy.context(lm=lm):
        program = dspy.streamify(dspy.Predict("question -> answer"), stream_listeners=[dspy.streaming.StreamListener(signature_field_name="answer")])
        pieces = [piece async for piece in program(question=_fields(answer="one two three four five six seven eight nine ten eleven twelve"))]
    texts = [piece.chunk for piece in pieces if isinstance(piece, dspy.streaming.StreamResponse)]
    assert "".join(texts).strip() == "one two three four five six seven eight nine ten eleven twelve" and isinstance(pieces[-1], dspy.Prediction), pieces


if __name__ == "__main__":
    sys.exit(run("dspy", globals()))
