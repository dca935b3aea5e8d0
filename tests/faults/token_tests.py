"""The services that give out tokens, Entra's and Google's, against every fault: a call that gets no token is never sent, costs nothing, and says which service it was; a token that ends or is revoked
is replaced without the caller seeing it."""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import common
import harness
import kinds
from matrix_tests import BUSY, KEY, KEYLESS, PRICE, Expected, Stranger, check_bill, check_error

TIMES = {"headers_timeout": "1200ms", "idle_timeout": "1200ms", "connect_timeout": "1200ms", "breaker": {"failures": 0}}
SERVICES = {"azure-entra": "Entra", "vertex": "Google"}
PATHS = ("/v1/chat/completions", "/v1/messages")
LATER = Expected(503, "server_error", 529, "overloaded_error", 1)

# What goes wrong: directives of the mock, or the place where the service is.
FAULTS = {
    "connection refused": ("refused", BUSY),
    "no answer to a TLS handshake": ("plain", BUSY),
    "certificate of a stranger": ("stranger", BUSY),
    "reset before the first byte": ("reset", BUSY),
    "reset in the middle": ("reset=5", BUSY),
    "closed in the middle": ("close=5", BUSY),
    "slow headers": ("slow-headers=5000", BUSY),
    "silence before the first byte": ("stall", BUSY),
    "silence in the middle": ("stall=5", BUSY),
    "cut JSON": ("truncate=5", BUSY),
    "nonsense in the body": ("garbage=5", BUSY),
    "a token of 1 MiB": ("huge=1", BUSY),
    "429 without Retry-After": ("status=429 no-retry-after", BUSY),
    "429 with Retry-After": ("status=429 retry-after=60", LATER),
    "500": ("status=500", BUSY),
    "503 without Retry-After": ("status=503", BUSY),
    "503 with Retry-After": ("status=503 retry-after=60", LATER),
    "400": ("status=400", KEYLESS),
    "401": ("status=401", KEYLESS),
}


@dataclass(frozen=True)
class Cell:
    number: int
    kind: str
    fault: str
    path: str
    stream: bool

    @property
    def model(self) -> str:
        return f"token-{self.number}"

    @property
    def expected(self) -> Expected:
        return FAULTS[self.fault][1]


def _cells() -> Iterator[Cell]:
    ways = [(kind, fault, path, stream) for fault in FAULTS for kind in SERVICES for path in PATHS for stream in (False, True)]
    yield from (Cell(number, *way) for number, way in enumerate(ways))


def _with_token_of(provider: dict[str, Any], name: str, service: str, directives: str) -> dict[str, Any]:
    """The provider, with its token from a service that behaves so. Each has an address of its own, so that none gets the token of another."""
    words = "mock-fault-" + directives.replace(" ", "+").replace("=", "-") if directives else "mock-tenant"
    if provider["kind"] == "azure":
        return {**provider, **TIMES, "name": name, "authority_url": f"{service}/{words}"}
    account = json.loads(provider["credentials"])
    return {**provider, **TIMES, "name": name, "credentials": json.dumps({**account, "token_uri": f"{service}/token?{words}"})}


def _models(names: list[str]) -> list[dict[str, Any]]:
    return [{"name": name, "targets": [{"provider": name, "model": name, "price": PRICE}], "retry": {"max": 1, "backoff": "1ms", "budget": 10}} for name in names]


def _made(mock: harness.Mock) -> dict[str, dict[str, Any]]:
    made = {provider["name"]: provider for provider in kinds.providers(mock.url, KEY)}
    return {"azure-entra": made["azure-entra"], "vertex": made["vertex-inline"]}


def _ask(corbel: harness.Corbel, model: str, path: str = PATHS[0], text: str = "one two", stream: bool = False) -> tuple[int, dict[str, str], bytes]:
    body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream, "max_tokens": 100}
    return corbel.call("POST", path, body, {"anthropic-version": "2023-06-01"} if path == "/v1/messages" else {})


def _meet(corbel: harness.Corbel, cell: Cell) -> None:
    status, headers, body = _ask(corbel, cell.model, cell.path, stream=cell.stream)
    asked_later = headers.pop("retry-after", "")
    check_error(cell.path, cell.expected, status, headers, body)
    assert (50 < int(asked_later) <= 60) if cell.expected is LATER else not asked_later, asked_later
    assert SERVICES[cell.kind] in json.loads(body)["error"]["message"], body
    record = common.record(corbel, headers["x-request-id"])
    assert record["attempts"] == cell.expected.asked, record["attempts"]
    check_bill(record, cell.expected)


def every_fault_of_a_token_s_service_is_an_error_of_the_provider_that_costs_nothing() -> None:
    cells, wrong = list(_cells()), []
    with tempfile.TemporaryDirectory(prefix="corbel-tokens-") as folder, harness.Mock("--key", KEY) as mock:
        stranger = Stranger(folder)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            refused = f"http://127.0.0.1:{taken.getsockname()[1]}"  # closed when it is asked
        places = {"refused": refused, "plain": mock.url.replace("http:", "https:"), "stranger": stranger.url}
        made, providers = _made(mock), []
        for cell in cells:
            behaves = FAULTS[cell.fault][0]
            directives = f"headers={cell.number + 1}" if behaves in places else f"{behaves} headers={cell.number + 1}"
            providers.append(_with_token_of(made[cell.kind], cell.model, places.get(behaves, mock.url), directives))
        config = {"providers": providers, "models": _models([cell.model for cell in cells])}
        with harness.Corbel(config) as corbel, ThreadPoolExecutor(10) as pool:
            runs = [(cell, pool.submit(_meet, corbel, cell)) for cell in cells]
            for cell, run in runs:
                try:
                    run.result()
                except Exception as error:  # noqa: BLE001 - all cells are told, not the first alone
                    wrong.append(f"{cell}: {type(error).__name__}: {str(error)[:600]}")
            sent = [request["path"] for request in mock.requests() if "/token" not in request["path"]]
            verified = corbel.cli("verify")
        stranger.listener.close()
    assert not wrong, f"{len(wrong)} of {len(cells)} cells:\n" + "\n".join(wrong)
    assert [path for path in sent if not path.startswith("/_mock")] == [], "a call went out without its token"
    assert verified.returncode == 0, verified.stdout
    print(f"{len(cells)} calls")


def _world(mock: harness.Mock, directives: str = "") -> harness.Corbel:
    made = _made(mock)
    return harness.Corbel({"providers": [_with_token_of(made[kind], kind, mock.url, directives) for kind in made], "models": _models(list(made))})


def _tokens_given(mock: harness.Mock) -> int:
    return sum("/token" in request["path"] for request in mock.requests())


def callers_wait_together_for_a_slow_token() -> None:
    with harness.Mock("--key", KEY) as mock, _world(mock, "slow-headers=600") as corbel, ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda kind: _ask(corbel, kind), list(SERVICES) * 5))
        assert [status for status, _, _ in answers] == [200] * 10, answers
        assert _tokens_given(mock) == len(SERVICES)


def a_token_that_ends_in_the_middle_of_a_stream_leaves_the_stream_alone() -> None:
    for kind in SERVICES:
        with harness.Mock("--key", KEY, "--token-seconds", "2") as mock, _world(mock) as corbel:
            status, headers, body = _ask(corbel, kind, text="a b c d e f g h [mock pace=300]", stream=True)
            events = common.events_of(body)
            assert status == 200 and events[-1] == "[DONE]" and '"stop"' in events[-2], (kind, events[-3:])
            record = common.record(corbel, headers["x-request-id"])
            assert (record["outcome"], record["attempts"], record["usage"]["estimated"]) == ("ok", 1, False), record
            status, _, body = _ask(corbel, kind)
            assert status == 200 and _tokens_given(mock) == 2, (kind, status, body, _tokens_given(mock))


def a_token_that_is_revoked_is_replaced_once_a_minute_and_its_call_repeated() -> None:
    with harness.Mock("--key", KEY) as mock, _world(mock) as corbel:
        for kind in SERVICES:
            assert _ask(corbel, kind)[0] == 200
        given = _tokens_given(mock)
        mock.call("POST", "/_mock/revoke")
        for kind in SERVICES:
            status, headers, body = _ask(corbel, kind)
            assert status == 200, (kind, status, body)
            record = common.record(corbel, headers["x-request-id"])
            usage = record["usage"]
            assert record["attempts"] == 1 and record["cost_nanodollars"] == 1000 * (usage["input_tokens"] * PRICE["input"] + usage["output_tokens"] * PRICE["output"]), record
        assert _tokens_given(mock) == given + len(SERVICES)
        mock.call("POST", "/_mock/revoke")
        for kind in SERVICES:
            status, headers, body = _ask(corbel, kind)
            check_error(PATHS[0], KEYLESS, status, headers, body)
            check_bill(common.record(corbel, headers["x-request-id"]), KEYLESS)
        assert _tokens_given(mock) == given + len(SERVICES), "a service that refuses every token would be asked without end"


TESTS = [
    every_fault_of_a_token_s_service_is_an_error_of_the_provider_that_costs_nothing,
    callers_wait_together_for_a_slow_token,
    a_token_that_ends_in_the_middle_of_a_stream_leaves_the_stream_alone,
    a_token_that_is_revoked_is_replaced_once_a_minute_and_its_call_repeated,
]
