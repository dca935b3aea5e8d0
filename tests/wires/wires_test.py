#!/usr/bin/env python3
"""The mocks of Google, AWS, Cohere and Mistral, read by these services' own libraries: whole answers, streams, tools, usage, refusals, and streams that fail. No corbel is asked here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import botocore.exceptions
import cohere
import cohere.core
from google import genai
from google.genai import errors, types
from google.oauth2 import service_account
from mistralai.client import Mistral
from mistralai.client.errors import MistralError

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import harness  # noqa: E402

KEY = "wire-key"
PARAMETERS = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
mock: harness.Mock


def raises(kind: type[Exception], call: Any) -> Any:
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


# Google: the Gemini API and Vertex AI


def gemini(key: str = KEY) -> genai.Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=mock.url))


def vertex() -> genai.Client:
    account = json.loads(mock.call("GET", "/_mock/service-account")[2])
    credentials = service_account.Credentials.from_service_account_info(account, scopes=["https://www.googleapis.com/auth/cloud-platform"])
    options = types.HttpOptions(base_url=mock.url, api_version="v1")
    return genai.Client(vertexai=True, project="mock-project", location="europe-west4", credentials=credentials, http_options=options)


def google_reads_whole_answers_and_their_usage() -> None:
    for client in (gemini(), vertex()):
        answer = client.models.generate_content(model="gemini-2.5-flash", contents="one two three")
        assert answer.text == "You said: one two three" and answer.candidates[0].finish_reason == types.FinishReason.STOP, answer
        usage = answer.usage_metadata
        assert (usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count) == (3, 5, 8), usage


def google_reads_streams_and_their_end() -> None:
    for client in (gemini(), vertex()):
        pieces = list(client.models.generate_content_stream(model="gemini-2.5-flash", contents="one two three"))
        assert "".join(piece.text or "" for piece in pieces) == "You said: one two three" and len(pieces) > 3, pieces
        assert pieces[-1].candidates[0].finish_reason == types.FinishReason.STOP and pieces[-1].usage_metadata.candidates_token_count == 5, pieces[-1]


def google_reads_calls_of_tools_and_thoughts() -> None:
    tool = types.Tool(function_declarations=[types.FunctionDeclaration(name="weather", parameters_json_schema=PARAMETERS)])
    config = types.GenerateContentConfig(tools=[tool], automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True))
    for client in (gemini(), vertex()):
        answer = client.models.generate_content(model="gemini-2.5-flash", contents="Paris [mock tool-call=2 thinking]", config=config)
        assert [(call.name, list(call.args)) for call in answer.function_calls] == [("weather", ["input"])] * 2, answer
        assert any(part.thought for part in answer.candidates[0].content.parts), answer
        streamed = client.models.generate_content_stream(model="gemini-2.5-flash", contents="Paris [mock tool-call=2]", config=config)
        calls = [call for piece in streamed for call in piece.function_calls or []]
        assert [(call.name, "Paris" in call.args["input"]) for call in calls] == [("weather", True)] * 2, calls


def google_reads_refusals() -> None:
    client, stranger = gemini(), gemini("wrong")  # one that nobody holds is closed
    error = raises(errors.ClientError, lambda: stranger.models.generate_content(model="gemini-2.5-flash", contents="hi"))
    assert (error.code, error.status) == (400, "INVALID_ARGUMENT") and "API key not valid" in error.message, error
    for status, name, kind in ((429, "RESOURCE_EXHAUSTED", errors.ClientError), (503, "UNAVAILABLE", errors.ServerError)):
        for call in (client.models.generate_content, lambda **of: list(client.models.generate_content_stream(**of))):
            error = raises(kind, lambda: call(model="gemini-2.5-flash", contents=f"hi [mock status={status}]"))
            assert (error.code, error.status) == (status, name), error
    blocked = client.models.generate_content(model="gemini-2.5-flash", contents="hi [mock filter-prompt]")
    assert not blocked.candidates and blocked.prompt_feedback.block_reason, blocked


def google_reads_embeddings_and_their_usage() -> None:
    client = gemini()
    answer = client.models.embed_content(model="gemini-embedding-001", contents=["one two", "three"])
    assert [len(vector.values) for vector in answer.embeddings] == [3072, 3072] and answer.usage_metadata.prompt_token_count == 3, answer.usage_metadata
    config = types.EmbedContentConfig(output_dimensionality=256, task_type="RETRIEVAL_QUERY")
    (vector,) = client.models.embed_content(model="gemini-embedding-001", contents="one", config=config).embeddings
    assert len(vector.values) == 256 and abs(sum(value * value for value in vector.values) - 1) < 1e-6, vector
    error = raises(errors.ClientError, lambda: client.models.embed_content(model="gemini-embedding-001", contents=["x"] * 101))
    assert error.code == 400 and "at most 100 requests" in error.message, error


def vertex_s_embeddings_are_read_by_either_method() -> None:
    client = vertex()
    answer = client.models.embed_content(model="text-embedding-005", contents=["one two", "three"])
    assert [len(vector.values) for vector in answer.embeddings] == [768, 768] and [vector.statistics.token_count for vector in answer.embeddings] == [2, 1], answer.embeddings[0].statistics
    assert answer.metadata.billable_character_count == 12
    config = types.EmbedContentConfig(output_dimensionality=256, task_type="RETRIEVAL_QUERY", auto_truncate=True)
    for model in ("text-embedding-005", "gemini-embedding-2"):
        (vector,) = client.models.embed_content(model=model, contents="one two", config=config).embeddings
        assert len(vector.values) == 256 and vector.statistics.token_count == 2, (model, vector.statistics)
    error = raises(errors.ClientError, lambda: client.models.embed_content(model="text-embedding-005", contents=["x"] * 251))
    assert error.code == 400 and "too many instances" in error.message, error


# AWS: Bedrock's Converse


ONCE = botocore.config.Config(retries={"total_max_attempts": 1})


def bedrock(secret: str = KEY, session: str | None = None) -> Any:
    """A client that signs. With a Bedrock key in the place of a signature this library speaks over TLS alone, which the mock does not."""
    keys = {"aws_access_key_id": "AKIDMOCK", "aws_secret_access_key": secret, "aws_session_token": session}
    return boto3.client("bedrock-runtime", endpoint_url=mock.url, region_name="eu-central-1", config=ONCE, **keys)


MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
BEDROCK_TOOLS = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": PARAMETERS}}}]}


def turns(text: str) -> dict[str, Any]:
    return {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": text}]}]}


def aws_reads_whole_answers_and_their_usage() -> None:
    for client in (bedrock(), bedrock(session="mock-session")):
        answer = client.converse(**turns("one two three"))
        assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": "You said: one two three"}]}, answer
        assert answer["stopReason"] == "end_turn" and answer["usage"]["inputTokens"] == 3 and answer["usage"]["outputTokens"] == 5, answer


def aws_reads_streams_and_their_end() -> None:
    for client in (bedrock(), bedrock(session="mock-session")):
        events = list(client.converse_stream(**turns("one two three"))["stream"])
        text = "".join(event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event)
        assert text == "You said: one two three" and next(iter(events[0])) == "messageStart", events
        assert events[-2]["messageStop"]["stopReason"] == "end_turn" and events[-1]["metadata"]["usage"]["totalTokens"] == 8, events[-2:]


def aws_reads_calls_of_tools_and_reasoning() -> None:
    answer = bedrock().converse(**turns("Paris [mock tool-call=2 thinking]"), toolConfig=BEDROCK_TOOLS)
    blocks = answer["output"]["message"]["content"]
    assert [block["toolUse"]["name"] for block in blocks if "toolUse" in block] == ["weather"] * 2 and answer["stopReason"] == "tool_use", answer
    assert blocks[0]["reasoningContent"]["reasoningText"]["signature"], blocks[0]
    events = list(bedrock().converse_stream(**turns("Paris [mock tool-call=2]"), toolConfig=BEDROCK_TOOLS)["stream"])
    arguments: dict[int, str] = {}
    for event in events:
        delta = event.get("contentBlockDelta", {})
        if "toolUse" in delta.get("delta", {}):
            arguments[delta["contentBlockIndex"]] = arguments.get(delta["contentBlockIndex"], "") + delta["delta"]["toolUse"]["input"]
    assert len(arguments) == 2 and all(json.loads(text)["input"].startswith("Paris") for text in arguments.values()), arguments


def aws_reads_refusals_and_a_stream_that_fails() -> None:
    cases = (("hi [mock status=429]", "ThrottlingException"), ("hi [mock status=500]", "InternalServerException"), ("hi [mock status=503]", "ServiceUnavailableException"))
    for text, code in cases:
        for call in (bedrock().converse, bedrock().converse_stream):
            error = raises(botocore.exceptions.ClientError, lambda: call(**turns(text)))
            assert error.response["Error"]["Code"] == code, error.response
    error = raises(botocore.exceptions.ClientError, lambda: bedrock("wrong").converse(**turns("hi")))
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403 and "ignature" in str(error), error.response
    error = raises(botocore.exceptions.EventStreamError, lambda: list(bedrock().converse_stream(**turns("a b c d [mock error-event=4]"))["stream"]))
    assert error.response["Error"]["Code"].endswith("Exception"), error.response


def invoked(model: str, body: dict[str, Any], client: Any = None) -> tuple[Any, Any]:
    answer = (client or bedrock()).invoke_model(modelId=model, body=json.dumps(body))
    return json.loads(answer["body"].read()), answer["ResponseMetadata"]["HTTPHeaders"]


def aws_reads_embeddings_of_titan_and_of_cohere() -> None:
    answer, headers = invoked("amazon.titan-embed-text-v2:0", {"inputText": "one two", "dimensions": 256, "normalize": True})
    assert len(answer["embedding"]) == 256 and answer["embeddingsByType"]["float"] == answer["embedding"] and answer["inputTextTokenCount"] == 2, headers
    answer, headers = invoked("eu.cohere.embed-v4:0", {"texts": ["one", "two"], "input_type": "search_document", "embedding_types": ["float"]}, bedrock(session="mock-session"))
    assert len(answer["embeddings"]["float"]) == 2 and answer["response_type"] == "embeddings_by_type" and headers["x-amzn-bedrock-input-token-count"] == "2", headers
    answer, _ = invoked("cohere.embed-english-v3", {"texts": ["one"], "input_type": "search_query"})
    assert len(answer["embeddings"][0]) == 1024 and answer["response_type"] == "embeddings_floats"
    for model, body in (("amazon.titan-embed-text-v2:0", {"texts": ["x"]}), ("amazon.titan-embed-text-v2:0", {"inputText": "x", "dimensions": 7}), ("no.such", {}), ("cohere.embed-v4:0", {"texts": ["x"]})):
        error = raises(botocore.exceptions.ClientError, lambda: invoked(model, body))
        assert error.response["Error"]["Code"] == "ValidationException", error.response
    error = raises(botocore.exceptions.ClientError, lambda: invoked("amazon.titan-embed-text-v2:0", {"inputText": "x"}, bedrock("wrong")))
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error.response


# Cohere, version 2


def co(key: str = KEY) -> cohere.ClientV2:
    return cohere.ClientV2(key, base_url=mock.url)


def message(text: str) -> dict[str, Any]:
    return {"model": "command-a-03-2025", "messages": [{"role": "user", "content": text}]}


COHERE_TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Tells it", "parameters": PARAMETERS}}]


def cohere_reads_whole_answers_and_their_usage() -> None:
    answer = co().chat(**message("one two three"))
    assert answer.message.content[0].text == "You said: one two three" and answer.finish_reason == "COMPLETE", answer
    assert (answer.usage.billed_units.input_tokens, answer.usage.billed_units.output_tokens) == (3, 5), answer.usage


def cohere_reads_streams_and_their_end() -> None:
    events = list(co().chat_stream(**message("one two three")))
    text = "".join(event.delta.message.content.text for event in events if event.type == "content-delta")
    assert text == "You said: one two three" and events[0].type == "message-start", events
    assert events[-1].type == "message-end" and events[-1].delta.finish_reason == "COMPLETE" and events[-1].delta.usage.billed_units.output_tokens == 5, events[-1]


def cohere_reads_calls_of_tools_thoughts_and_citations() -> None:
    answer = co().chat(**message("Paris [mock tool-call=2]"), tools=COHERE_TOOLS)
    assert [call.function.name for call in answer.message.tool_calls] == ["weather"] * 2 and answer.finish_reason == "TOOL_CALL" and answer.message.tool_plan, answer
    assert json.loads(answer.message.tool_calls[0].function.arguments)["input"].startswith("Paris"), answer
    events = list(co().chat_stream(**message("Paris [mock tool-call=2]"), tools=COHERE_TOOLS))
    arguments: dict[int, str] = {}
    for event in events:
        if event.type == "tool-call-delta":
            arguments[event.index] = arguments.get(event.index, "") + event.delta.message.tool_calls.function.arguments
    begun = [event.delta.message.tool_calls.function.name for event in events if event.type == "tool-call-start"]
    assert begun == ["weather"] * 2 and all(json.loads(text)["input"].startswith("Paris") for text in arguments.values()), (begun, arguments)
    answer = co().chat(**message("hi [mock thinking cite]"))
    assert answer.message.content[0].type == "thinking" and answer.message.content[0].thinking and answer.message.citations[0].text, answer


def cohere_reads_refusals() -> None:
    once = {"max_retries": 0}
    for text, status in (("hi [mock status=429]", 429), ("hi [mock status=500]", 500), ("hi [mock status=503]", 503)):
        for call in (co().chat, lambda **of: list(co().chat_stream(**of))):
            error = raises(cohere.core.ApiError, lambda: call(**message(text), request_options=once))
            body = error.body if isinstance(error.body, dict) else error.body.dict()
            assert error.status_code == status and body["message"], error
    assert raises(cohere.UnauthorizedError, lambda: co("wrong").chat(**message("hi"), request_options=once)).status_code == 401


def cohere_reads_embeddings_and_their_usage() -> None:
    answer = co().embed(model="embed-v4.0", texts=["one two", "three"], input_type="search_document", embedding_types=["float"], output_dimension=256)
    assert [len(vector) for vector in answer.embeddings.float_] == [256, 256] and answer.meta.billed_units.input_tokens == 3 and answer.texts == ["one two", "three"], answer
    for more in ({"input_type": "nonsense"}, {"texts": ["x"] * 97}, {"output_dimension": 7}):
        asked = {"model": "embed-v4.0", "texts": ["one"], "input_type": "search_query", "embedding_types": ["float"], **more}
        raises(cohere.BadRequestError, lambda: co().embed(**asked))


# Mistral, over OpenAI's wire


def mistral(key: str = KEY) -> Mistral:
    return Mistral(api_key=key, server_url=mock.url)


LIKE = {"http_headers": {"x-mock": "like='mistral'"}}


def mistral_reads_whole_answers_and_their_usage() -> None:
    answer = mistral().chat.complete(**message("one two three"), **LIKE)
    assert answer.choices[0].message.content == "You said: one two three" and answer.choices[0].finish_reason == "stop", answer
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (3, 5, 8), answer.usage


def mistral_reads_streams_and_their_end() -> None:
    chunks = [event.data for event in mistral().chat.stream(**message("one two three"), **LIKE)]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "You said: one two three", chunks
    assert chunks[-1].choices[0].finish_reason == "stop" and chunks[-1].usage.completion_tokens == 5, chunks[-1]


def mistral_reads_calls_of_tools_and_thoughts() -> None:
    answer = mistral().chat.complete(**message("Paris [mock tool-call=2]"), tools=COHERE_TOOLS, **LIKE)
    assert [call.function.name for call in answer.choices[0].message.tool_calls] == ["weather"] * 2 and answer.choices[0].finish_reason == "tool_calls", answer
    chunks = [event.data for event in mistral().chat.stream(**message("Paris [mock tool-call]"), tools=COHERE_TOOLS, **LIKE)]
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert calls[0].function.name == "weather" and json.loads("".join(call.function.arguments for call in calls))["input"].startswith("Paris"), calls
    answer = mistral().chat.complete(**message("hi [mock thinking]"), **LIKE)
    assert [part.type for part in answer.choices[0].message.content] == ["thinking", "text"], answer


def mistral_reads_refusals() -> None:
    for text, status in (("hi [mock status=429]", 429), ("hi [mock status=500]", 500), ("hi [mock status=422]", 422)):
        for call in (mistral().chat.complete, lambda **of: list(mistral().chat.stream(**of))):
            assert raises(MistralError, lambda: call(**message(text), **LIKE)).status_code == status
    assert raises(MistralError, lambda: mistral("wrong").chat.complete(**message("hi"), **LIKE)).status_code == 401


TESTS = [
    google_reads_whole_answers_and_their_usage,
    google_reads_streams_and_their_end,
    google_reads_calls_of_tools_and_thoughts,
    google_reads_refusals,
    google_reads_embeddings_and_their_usage,
    vertex_s_embeddings_are_read_by_either_method,
    aws_reads_whole_answers_and_their_usage,
    aws_reads_streams_and_their_end,
    aws_reads_calls_of_tools_and_reasoning,
    aws_reads_refusals_and_a_stream_that_fails,
    aws_reads_embeddings_of_titan_and_of_cohere,
    cohere_reads_whole_answers_and_their_usage,
    cohere_reads_streams_and_their_end,
    cohere_reads_calls_of_tools_thoughts_and_citations,
    cohere_reads_refusals,
    cohere_reads_embeddings_and_their_usage,
    mistral_reads_whole_answers_and_their_usage,
    mistral_reads_streams_and_their_end,
    mistral_reads_calls_of_tools_and_thoughts,
    mistral_reads_refusals,
]

if __name__ == "__main__":
    mock = harness.Mock("--key", KEY)
    try:
        sys.exit(harness.run(TESTS, sys.argv[1] if len(sys.argv) > 1 else ""))
    finally:
        mock.kill()
