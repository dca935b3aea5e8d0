"""DSPy: predictions, structure, a tool in ReAct, a stream."""

from __future__ import annotations

import sys

import dspy
from world import KEY, MODELS, URL, run


class _Number(dspy.Signature):
    """Tell the number."""

    question: str = dspy.InputField()
    number: int = dspy.OutputField()


def _lm(model: str) -> dspy.LM:
    return dspy.LM(f"openai/{model}", api_base=f"{URL}/v1", api_key=KEY, cache=False, num_retries=0)


def _fields(**fields: object) -> str:
    """An answer as DSPy's own adapter asks for it."""
    text = "\n\n".join(f"[[ ## {name} ## ]]\n{value}" for name, value in {**fields, "completed": ""}.items())
    return f"[mock say='{text}']"


def it_asks_a_model_as_it_is() -> None:
    for model in MODELS:
        assert _lm(model)("one two") == ["You said: one two"]


def it_predicts() -> None:
    for model in MODELS:
        with dspy.context(lm=_lm(model)):
            answer = dspy.Predict("question -> answer")(question=_fields(answer="forty two"))
        assert answer.answer == "forty two", answer


def it_thinks_before_it_predicts() -> None:
    for model in MODELS:
        with dspy.context(lm=_lm(model)):
            answer = dspy.ChainOfThought("question -> answer")(question=_fields(reasoning="so it is", answer="yes"))
        assert (answer.reasoning, answer.answer) == ("so it is", "yes"), answer


def it_gives_structured_output() -> None:
    for model in MODELS:
        with dspy.context(lm=_lm(model)):
            assert dspy.Predict(_Number)(question=_fields(number=42)).number == 42
        with dspy.context(lm=_lm(model), adapter=dspy.JSONAdapter()):
            assert dspy.Predict(_Number)(question="""[mock say='{"number": 42}']""").number == 42


def it_counts_what_was_used() -> None:
    for model in MODELS:
        with dspy.context(lm=_lm(model), track_usage=True):
            usage = dspy.Predict("question -> answer")(question=_fields(answer="a")).get_lm_usage()
        assert next(iter(usage.values()))["completion_tokens"] > 0, usage


async def it_streams() -> None:
    for model in MODELS:
        with dspy.context(lm=_lm(model)):
            program = dspy.streamify(dspy.Predict("question -> answer"), stream_listeners=[dspy.streaming.StreamListener(signature_field_name="answer")])
            pieces = [piece async for piece in program(question=_fields(answer="one two three four five six seven eight nine ten eleven twelve"))]
        texts = [piece.chunk for piece in pieces if isinstance(piece, dspy.streaming.StreamResponse)]
        assert "".join(texts).strip() == "one two three four five six seven eight nine ten eleven twelve" and isinstance(pieces[-1], dspy.Prediction), pieces


if __name__ == "__main__":
    sys.exit(run("dspy", globals()))
