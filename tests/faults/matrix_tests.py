"""Every provider file, and each way it proves who calls, against every fault, whole and streamed: what the client gets in its own protocol, how often the provider was asked, and what the record and the ledger say it cost.

One corbel, one mock, one table. Each cell has a target of its own, so that what is remembered of one (breakers, Retry-After) does not reach the next; a call may be repeated once. The table is printed
at the end as it was met.
"""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import harness

sys.path.append(str(Path(__file__).resolve().parents[1] / "clients"))  # last: it has names that stand here too
import kinds  # noqa: E402

KEY = "upstream-key"
WAYS = ("openai", "azure", "azure-entra", "anthropic", "gemini", "vertex", "bedrock", "bedrock-key", "cohere")
# Embeddings, over OpenAI's wire and in words of a kind's own: a provider, and the beginning of a model's name that says which words.
EMBEDS = {
    "embed-openai": ("openai", "text-embedding-x"),
    "embed-azure": ("azure", "text-embedding-x"),
    "embed-gemini": ("gemini", "gemini-embedding-001"),
    "embed-vertex": ("vertex", "text-embedding-005"),
    "embed-vertex-2": ("vertex", "gemini-embedding-2"),
    "embed-titan": ("bedrock", "amazon.titan-embed-text-v2"),
    "embed-bedrock": ("bedrock-key", "cohere.embed-v4"),
    "embed-cohere": ("cohere", "embed-v4.0"),
}
PRICE = {"input": 1000, "cached_input": 1000, "cache_write": 1000, "output": 2000}  # a token is a millionth of these, in dollars
ONCE_AT_MOST = 30  # tokens of the input: the text and its directive
TEXT = "one two three four five six seven eight nine"


@dataclass(frozen=True)
class Expected:
    status: int  # in OpenAI's protocol
    type: str
    anthropic_status: int
    anthropic_type: str
    asked: int  # how often the provider was, with one repeat allowed
    retry_after: str = ""  # what the client is told
    read: bool = False  # whether the provider has read the input each time, or may have: then it is paid for


UPSTREAM = Expected(502, "upstream_error", 500, "api_error", 2)
BROKEN = Expected(502, "upstream_error", 500, "api_error", 2, read=True)
TIMEOUT = Expected(504, "timeout_error", 504, "timeout_error", 2, read=True)
BUSY = Expected(503, "server_error", 529, "overloaded_error", 2)
LIMITED = Expected(429, "rate_limit_error", 429, "rate_limit_error", 2)
REFUSED = Expected(400, "invalid_request_error", 400, "invalid_request_error", 1)
KEYLESS = Expected(502, "upstream_error", 500, "api_error", 1)  # our key was refused: nothing of the caller's


@dataclass(frozen=True)
class Fault:
    name: str
    directives: str
    whole: Expected | None  # None: the fault is one of streams alone
    stream: Expected | str | None  # "broken": text came, then an error event; None: the fault is one of whole answers alone
    place: str = ""  # a provider that is somewhere else


CONNECTIONS = (
    Fault("connection refused", "", BUSY, BUSY, "refused"),
    Fault("no answer to a TLS handshake", "", BUSY, BUSY, "plain"),
    Fault("certificate of a stranger", "", BUSY, BUSY, "stranger"),
    Fault("reset before the first byte", "reset", UPSTREAM, UPSTREAM),
    Fault("reset in the middle", "reset=5", BROKEN, "broken"),
    Fault("closed in the middle", "close=5", BROKEN, "broken"),
)
WAITS = (
    Fault("slow headers", "slow-headers=5000", TIMEOUT, TIMEOUT),
    Fault("silence before the first byte", "stall", TIMEOUT, TIMEOUT),
    Fault("silence in the middle", "stall=5", TIMEOUT, "broken"),
)
ANSWERS = (
    Fault("cut JSON", "truncate=5", BROKEN, "broken"),
    Fault("nonsense in the body", "garbage=5", BROKEN, "broken"),
    Fault("an end without a finish", "end=5", None, "broken"),
    Fault("an error event", "error-event=5", None, "broken"),
    Fault("a body of 70 MiB", "huge=70", BROKEN, None, "patient"),
)
REFUSALS = (
    Fault("429 without Retry-After", "status=429 no-retry-after", LIMITED, LIMITED),
    Fault("429 with Retry-After", "status=429 retry-after=60", Expected(429, "rate_limit_error", 429, "rate_limit_error", 1, "60"), None),
    Fault("500", "status=500", UPSTREAM, UPSTREAM),
    Fault("503 without Retry-After", "status=503", BUSY, BUSY),
    Fault("503 with Retry-After", "status=503 retry-after=60", Expected(503, "server_error", 529, "overloaded_error", 1, "60"), None),
    Fault("400", "status=400", REFUSED, REFUSED),
    Fault("401", "status=401", KEYLESS, KEYLESS),
)


def slug(fault: Fault) -> str:
    return fault.name.lower().replace(" ", "-")


class Stranger:
    """A TLS server whose certificate nobody has vouched for."""

    def __init__(self, folder: str) -> None:
        cert, key = f"{folder}/cert.pem", f"{folder}/key.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
        subprocess.run(command, check=True, capture_output=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                wire, _ = self.listener.accept()
            except OSError:
                return
            wire.settimeout(5)
            try:
                self.context.wrap_socket(wire, server_side=True).close()
            except OSError:
                wire.close()


def _providers(mock_url: str, places: dict[str, str]) -> list[dict[str, Any]]:
    times = {"headers_timeout": "1200ms", "idle_timeout": "1200ms", "connect_timeout": "1200ms", "breaker": {"failures": 0}}
    patience = {"headers_timeout": "30s", "idle_timeout": "30s"}
    made = {
        "openai": {"name": "openai", "kind": "openai", "base_url": f"{mock_url}/v1", "api_key": KEY},
        "anthropic": {"name": "anthropic", "kind": "anthropic", "base_url": f"{mock_url}/v1", "api_key": KEY},
        **{provider["name"]: provider for provider in kinds.providers(mock_url, KEY)},
    }
    here = [{**made[name], **times} for name in WAYS]
    return here + [{**provider, "name": f"{provider['name']}-{place}", "base_url": provider["base_url"].replace(mock_url, url), **(patience if place == "patient" else {})} for place, url in places.items() for provider in here]


def _config(mock_url: str, places: dict[str, str], faults: tuple[Fault, ...]) -> dict[str, Any]:
    def model(kind: str, fault: Fault) -> dict[str, Any]:
        provider = f"{kind}-{fault.place}" if fault.place else kind
        target = {"provider": provider, "model": f"{kind}-{slug(fault)}", "price": PRICE}
        return {"name": f"{kind}-{slug(fault)}", "targets": [target], "retry": {"max": 1, "backoff": "1ms", "budget": 10}}

    def embeds(kind: str, fault: Fault) -> dict[str, Any]:
        provider, name = EMBEDS[kind]
        made = model(kind, fault)
        target = {**made["targets"][0], "provider": f"{provider}-{fault.place}" if fault.place else provider, "model": f"{name}-{slug(fault)}"}
        return {**made, "type": "embeddings", "targets": [target]}

    models = [*(model(kind, fault) for kind in WAYS for fault in faults), *(embeds(kind, fault) for kind in EMBEDS for fault in faults)]
    return {"providers": _providers(mock_url, places), "models": models}


def _call(corbel: harness.Corbel, path: str, model: str, fault: Fault, stream: bool) -> tuple[int, dict[str, str], bytes]:
    if path == "/v1/embeddings":  # twice the text: its tokens are all there is to count
        return corbel.call("POST", path, {"model": model, "input": f"{TEXT} {TEXT} [mock {fault.directives}]"})
    message = {"role": "user", "content": f"{TEXT} [mock {fault.directives}]" if fault.directives else TEXT}
    body = {"model": model, "messages": [message], "stream": stream, "max_tokens": 100}
    return corbel.call("POST", path, body, {"anthropic-version": "2023-06-01"} if path == "/v1/messages" else {})


def check_error(path: str, expected: Expected, status: int, headers: dict[str, str], body: bytes) -> None:
    assert headers["content-type"].startswith("application/json"), headers
    if path == "/v1/messages":
        answer = json.loads(body)
        assert (status, answer["type"], answer["error"]["type"]) == (expected.anthropic_status, "error", expected.anthropic_type), (status, answer)
        assert answer["error"]["message"] and answer["request_id"], answer
    else:
        error = common.error_of(body)
        assert (status, error["type"]) == (expected.status, expected.type), (status, error)
    assert headers.get("retry-after", "") == expected.retry_after, headers


def _check_broken(path: str, status: int, headers: dict[str, str], body: bytes) -> None:
    """Text came; then an error of the protocol, and no clean end."""
    events = common.events_of(body)
    assert status == 200 and headers["content-type"].startswith("text/event-stream"), (status, headers)
    assert "You" in body.decode() and "said:" in body.decode(), body[:500]
    last = json.loads(events[-1])
    assert "error" in last and (path != "/v1/messages" or last["type"] == "error"), events[-3:]
    assert "[DONE]" not in events and '"message_stop"' not in body.decode(), events[-3:]


def check_bill(record: dict[str, Any], expected: Expected | str) -> None:
    """What the provider has read is paid for, each time, and what it wrote as far as it came, counted here; what it refused or never got costs nothing. An amount is the sum of its tokens."""
    usage = record["usage"]
    amount = usage["input_tokens"] * PRICE["input"] * 1000 + usage["output_tokens"] * PRICE["output"] * 1000
    assert record["cost_nanodollars"] == amount, (record["cost_nanodollars"], amount, usage)
    assert record["outcome"] == "error", record["outcome"]
    if expected == "broken":
        assert usage["estimated"] and 0 < usage["input_tokens"] <= ONCE_AT_MOST and usage["output_tokens"] > 0, usage
    elif expected.read:
        assert usage["estimated"] and usage["output_tokens"] == 0, usage
        assert ONCE_AT_MOST < usage["input_tokens"] <= 2 * ONCE_AT_MOST, ("both attempts were read", usage)
    else:
        assert amount == 0, (record["cost_nanodollars"], usage)


def _cell(corbel: harness.Corbel, kind: str, fault: Fault, path: str, stream: bool) -> tuple[str, int]:
    """Makes one call and checks it; how it reads in the table, and what it cost."""
    model, expected = f"{kind}-{slug(fault)}", fault.stream if stream else fault.whole
    status, headers, body = _call(corbel, path, model, fault, stream)
    record = common.record(corbel, headers["x-request-id"])
    if isinstance(expected, Expected):
        check_error(path, expected, status, headers, body)
        assert record["attempts"] == expected.asked, record["attempts"]
    else:
        _check_broken(path, status, headers, body)
        assert record["attempts"] == 1, record["attempts"]
    check_bill(record, expected)
    return ("200, error event" if expected == "broken" else str(status)) + f" x{record['attempts']}", record["cost_nanodollars"]


def _tell(kind: str, fault: Fault, path: str, stream: bool, error: BaseException) -> str:
    return f"{kind}, {fault.name}, {path}, {'streamed' if stream else 'whole'}: {type(error).__name__}: {str(error)[:600]}"


def _print_table(met: dict[tuple[str, str, bool], set[str]], faults: tuple[Fault, ...]) -> None:
    print(f"{'':34}" + "".join(f"{kind:>22}" for kind in (*WAYS, *EMBEDS)))
    for fault in faults:
        for stream in (False, True):
            cells = ["/".join(sorted(met.get((kind, fault.name, stream), {"-"}))) for kind in (*WAYS, *EMBEDS)]
            if any(cell != "-" for cell in cells):
                print(f"{fault.name + (', streamed' if stream else ''):34}" + "".join(f"{cell:>22}" for cell in cells))


def _meet(faults: tuple[Fault, ...]) -> None:
    met: dict[tuple[str, str, bool], set[str]] = {}
    wrong: list[str] = []
    spent = 0
    with tempfile.TemporaryDirectory(prefix="corbel-matrix-") as folder, harness.Mock("--key", KEY) as mock:
        stranger = Stranger(folder)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            refused = f"http://127.0.0.1:{taken.getsockname()[1]}"  # closed when it is asked
        places = {"refused": refused, "plain": mock.url.replace("http:", "https:"), "stranger": stranger.url, "patient": mock.url}
        cells = [
            (kind, fault, path, stream)
            for fault in faults
            for kind in WAYS
            for stream in (False, True)
            for path in ("/v1/chat/completions", "/v1/messages")
            if (fault.stream if stream else fault.whole) is not None
        ]
        cells += [(kind, fault, "/v1/embeddings", False) for fault in faults for kind in EMBEDS if fault.whole is not None and fault.place != "patient"]
        with harness.Corbel(_config(mock.url, places, faults)) as corbel, ThreadPoolExecutor(10) as pool:
            runs = [(cell, pool.submit(_cell, corbel, *cell)) for cell in cells]
            for (kind, fault, path, stream), run in runs:
                try:
                    shown, cost = run.result()
                    met.setdefault((kind, fault.name, stream), set()).add(shown)
                    spent += cost
                except Exception as error:  # noqa: BLE001 - all cells are told, not the first alone
                    wrong.append(_tell(kind, fault, path, stream, error))
                    met.setdefault((kind, fault.name, stream), set()).add("WRONG")
            report = json.loads(corbel.cli("usage", "report", "--by", "model", "--json").stdout)
            verified = corbel.cli("verify")
        stranger.listener.close()
    _print_table(met, faults)
    assert not wrong, f"{len(wrong)} of {len(cells)} cells:\n" + "\n".join(wrong)
    assert sum(row["amount_nanodollars"] for row in report["data"]) == spent, "the ledger is not the sum of the records"
    assert verified.returncode == 0, verified.stdout
    print(f"{len(cells)} calls")


def every_provider_meets_faults_of_connections_with_the_right_error_repeat_and_bill() -> None:
    _meet(CONNECTIONS)


def every_provider_meets_waits_with_the_right_error_repeat_and_bill() -> None:
    _meet(WAITS)


def every_provider_meets_broken_answers_with_the_right_error_repeat_and_bill() -> None:
    _meet(ANSWERS)


def every_provider_meets_refusals_with_the_right_error_repeat_and_bill() -> None:
    _meet(REFUSALS)


TESTS = [
    every_provider_meets_faults_of_connections_with_the_right_error_repeat_and_bill,
    every_provider_meets_waits_with_the_right_error_repeat_and_bill,
    every_provider_meets_broken_answers_with_the_right_error_repeat_and_bill,
    every_provider_meets_refusals_with_the_right_error_repeat_and_bill,
]
