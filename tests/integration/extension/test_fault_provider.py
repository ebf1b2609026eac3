"""The fault matrix: the provider, or what answers in its place.

Each cell: the answer is the same as without the layer, nothing is held beyond the hold, one
structured line names the cause, and no output shows a key or prompt text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from extension_bench import ANSWER, ENDED, patience
from faulty_server import FaultyServer, drip, endless, hang, reply, reset, send

if TYPE_CHECKING:
    from collections.abc import Callable

    from extension_bench import Bench, Started

    Harmless = Callable[..., Started]


def test_without_the_layer(bench: Bench) -> None:
    """What the cells' answers are compared with."""
    bare = bench.start(bench.plain().without_layers(), {"n": 1})
    assert (bare.answer.status, bare.answer.payload) == (200, ANSWER)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": 400}, "HTTP 400 invalid_request_error"),
        ({"status": 401}, "HTTP 401 authentication_error"),
        ({"status": 403}, "HTTP 403 permission_error"),
        ({"status": 404}, "HTTP 404 not_found_error"),
        ({"status": 413}, "HTTP 413 request_too_large"),
        ({"status": 429, "retry_after": 7200}, "HTTP 429 rate_limit_error"),
        ({"status": 500}, "HTTP 500 api_error"),
        ({"status": 529}, "HTTP 529 overloaded_error"),
        ({"kind": "malformed"}, "without a JSON object"),
        ({"kind": "reset"}, "127.0.0.1"),
        ({"kind": "lost"}, "127.0.0.1"),
        ({"kind": "slow", "seconds": 5}, ENDED),
    ],
    ids=lambda value: (
        str(value.get("status", value.get("kind"))) if isinstance(value, dict) else ""
    ),
)
def test_the_provider_fails(
    bench: Bench, harmless: Harmless, fault: dict[str, object], reason: str
) -> None:
    """The provider's own errors, from the simulator."""
    bench.provider.inject(**fault)
    started = harmless(bench.plain(**patience(reason)))
    assert started.line["outcome"] == "failed"
    assert reason in started.line["reason"]


def test_a_long_retry_after_is_kept_as_data(bench: Bench, harmless: Harmless) -> None:
    """Nobody sleeps on it, and the next start respects it without a call."""
    bench.provider.inject(status=429, retry_after=7200)
    harmless(bench.plain())
    second = harmless(bench.plain())
    assert second.line["outcome"] == "skipped"
    assert second.line["reason"].startswith("backing off after 1 failed calls: HTTP 429")
    assert len(bench.warm_calls()) == 1


BEHAVIOURS = [
    ("hang", hang, ENDED),
    ("drip", drip, ENDED),
    ("reset", reset, "127.0.0.1: "),
    ("closed", send(b""), "127.0.0.1: "),
    ("garbage", send(b"\x16\x03\x01 what is this\r\n\r\n"), "the reply is not HTTP/1"),
    ("truncated head", send(b"HTTP/1.1 200 OK\r\ncontent-le"), "cut short"),
    ("truncated body", send(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"), "cut short"),
    ("long head", send(b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000), "65536 bytes"),
    ("huge", send(b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n"), "9000000 bytes"),
    ("odd length", send(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"), "not a number"),
    ("redirect", reply(307, {}, location="http://127.0.0.1:9/"), "HTTP 307"),
    ("not JSON", reply(200, b"<html>"), "without a JSON object"),
    ("deep JSON", reply(200, b"[" * 200_000), "without a JSON object"),
    ("other JSON", reply(200, [1]), "without a JSON object"),
    ("no usage", reply(200, {"type": "message"}), "no usage"),
    (
        "odd usage",
        reply(200, {"usage": {"input_tokens": "x"}}),
        "usage.input_tokens is not a token count",
    ),
    ("unicode", reply(200, b"\xff\xfe"), "without a JSON object"),
]


@pytest.mark.parametrize(
    ("behaviour", "reason"), [b[1:] for b in BEHAVIOURS], ids=[b[0] for b in BEHAVIOURS]
)
def test_something_else_answers(
    bench: Bench, harmless: Harmless, behaviour: object, reason: str
) -> None:
    """Whatever comes instead of the provider's reply."""
    with FaultyServer(behaviour) as server:
        started = harmless(bench.plain(ANTHROPIC_BASE_URL=server.url, **patience(reason)))
    assert started.line["outcome"] in ("failed", "uncached")
    assert reason in started.line["reason"]


def test_an_endless_reply_is_cut_off(bench: Bench, harmless: Harmless) -> None:
    """At eight megabytes, or at the end of the environment."""
    with FaultyServer(endless) as server:
        started = harmless(bench.plain(ANTHROPIC_BASE_URL=server.url, **patience(ENDED)))
    assert started.line["outcome"] == "failed"
    assert "more than 8388608 bytes" in started.line["reason"] or started.line["reason"] == ENDED
