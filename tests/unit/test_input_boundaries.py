"""Whatever files and replies that users hand to the tools hold: a value or one declared error."""

from __future__ import annotations

import json
import string
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.capture.captured_request import read_request as captured
from prefixwarm.capture.refusal_text import refusal_text
from prefixwarm.cli import request_files
from prefixwarm.doctor.machine import machine
from prefixwarm.errors import PrefixFileError, PrefixwarmError, UsageError
from prefixwarm.keepwarm.ask_event import AskEvent
from prefixwarm.lint.token_count import count_tokens
from prefixwarm.observe import Observer
from prefixwarm.plan.arrivals import read as read_arrivals
from prefixwarm.prefix import prefix_file
from prefixwarm.prefix.compiled import WarmCall, compile_prefix
from prefixwarm.prefix.file_form import dumps
from prefixwarm.prices import cost, price
from prefixwarm.provider.client import Provider
from prefixwarm.provider.routes import ROUTES, route_named
from prefixwarm.state.memory import MemoryState
from prefixwarm.state.traffic_report import TrafficReport
from prefixwarm.usage.reading import read_usage
from prefixwarm_extension.observed import _reports
from prefixwarm_extension.prefixes import load_all
from tests.helpers.garbage import check, garbled, garbled_bytes, garbled_text
from tests.unit.test_boundaries import (
    ENVIRON,
    KEY,
    NOW,
    PREFIX,
    REQUEST,
    SOON,
    USAGE,
    Replies,
    aws,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    from tests.conftest import Tried

# Takes seconds: `scripts/test --quick` leaves it out.
pytestmark = pytest.mark.slow

REPORT = TrafficReport(
    id="0123456789abcdef",
    key=KEY,
    file_ttl=3600,
    first_at=NOW,
    last_at=NOW,
    matched_at=NOW,
    matched_ttl=300,
    drift_at=NOW,
    drift_tier="system",
    function="agent",
    missed_usd=0.5,
)


def test_every_reader_of_prefix_files(tried: Tried, tmp_path: Path) -> None:
    """By name, in a folder, in the sandbox, as input of a command, and in the agent."""
    document = json.loads(dumps(PREFIX))
    path = tmp_path / "a.prefix.json"

    def in_sandbox() -> None:
        (item,) = load_all((str(tmp_path),))
        assert isinstance(item, (WarmCall, PrefixFileError))

    def observed() -> None:
        Observer([str(path)], emit=lambda _: None)

    readers: list[Callable[[], object]] = [
        lambda: prefix_file.load(path),
        lambda: prefix_file.load_all([tmp_path]),
        lambda: prefix_file.loads(path.read_bytes()),
        lambda: request_files.read_input(path),
        lambda: compile_prefix(prefix_file.load(path)),
        in_sandbox,
        observed,
    ]
    turns = cycle(readers)

    def read(draw: Random) -> None:
        path.write_bytes(garbled_bytes(document, draw))
        next(turns)()

    check("prefix files, by every reader", read, UsageError, tried)


def test_arrivals(tried: Tried, tmp_path: Path) -> None:
    """A plan's traffic: as CSV, as lines and arrays of JSON, and as AWS prints it."""
    times = [NOW, NOW + 60.5, "2026-11-28T03:00:00Z", 1763700000000]
    rows = [[{"field": "@timestamp", "value": "2026-11-28 03:00:00.000"}]]
    documents: tuple[Any, ...] = (
        times,
        [{"time": at} for at in times],
        {"results": rows},
        {"events": [{"timestamp": 1763700000000, "message": "x"}]},
    )
    table = "time,name\n" + "".join(f"{at},x\n" for at in times)

    def read(draw: Random) -> None:
        file = tmp_path / draw.choice(("a.csv", "a.jsonl", "a.json"))
        kind = draw.randrange(6)
        if kind < 4:
            text = garbled_text(documents[kind], draw)
        elif kind == 4:
            text = "\n".join(json.dumps(garbled(at, draw)) for at in documents[1])
        else:
            text = spoiled(table, draw)
        file.write_bytes(text.encode(errors="surrogatepass"))
        assert read_arrivals(file, draw.choice(("UTC", "Europe/Oslo", "x", "../etc"))).days >= 1

    check("arrivals", read, UsageError, tried)


PIECES = ("", '"', "\x00", ",", "\n", "-", "e400", "é\u2028", "9" * 30, "\ud800")


def spoiled(text: str, draw: Random) -> str:
    """The text with some characters in the place of others."""
    for _ in range(draw.randint(0, 4)):
        at = draw.randrange(len(text))
        piece = draw.choice(PIECES)
        text = text[:at] + piece + text[at + draw.randint(0, 2) :]
    return text


def test_requests(tried: Tried, tmp_path: Path) -> None:
    """Real requests: as files, and as a proxy sees them, with the provider's refusal."""
    path, route = tmp_path / "request.json", route_named("anthropic")
    whole = {"body": REQUEST, "headers": {"anthropic-version": "2023-06-01"}}
    refusal = {"error": {"type": "invalid_request_error", "message": "no"}}

    def read(draw: Random) -> None:
        text = refusal_text(garbled_bytes(refusal, draw), draw.choice(("", "gzip")))
        assert text.isprintable()
        captured(route, draw.choice(PATHS), {"X": "y"}, garbled_bytes(REQUEST, draw))
        path.write_bytes(garbled_bytes(draw.choice((REQUEST, whole)), draw))
        request_files.read_request(path)

    check("requests", read, UsageError, tried)


PATHS = (
    "/v1/messages",
    "/v1/messages?beta=true",
    "/model/x%ff/invoke",
    "/model//converse",
    "/",
    "",
)


def test_reports_of_other_processes(tried: Tried, tmp_path: Path) -> None:
    """What an agent's process left behind: what is read can be sent, and leaves the state whole."""
    path = tmp_path / "1.json"
    path.write_text(json.dumps([vars(REPORT)]))
    assert _reports(str(path)) == [REPORT]

    def read(draw: Random) -> None:
        path.write_bytes(garbled_bytes([vars(REPORT), vars(REPORT)], draw))
        store = MemoryState()
        for report in _reports(str(path)):
            store.report(report, store.read(report.key, SOON), SOON)
            store.read(report.key, SOON)

    check("reports of other processes", read, (), tried)


@pytest.mark.parametrize("route", sorted({*ROUTES} - {"bedrock-converse"}))
def test_token_counts(route: str, tried: Tried) -> None:
    """What the provider replies to `check --count`; of Converse as of InvokeModel."""
    prefix = PREFIX.replace(route=route, model=f"anthropic.{PREFIX.model}")

    def read(draw: Random) -> None:
        # Beside what is not read, so that not every reply is refused.
        reply = {"input_tokens": 5, "inputTokens": 5, "context_management": USAGE, "more": [USAGE]}
        transport = Replies(draw, reply)
        provider = Provider(transport, aws(transport), None, ENVIRON)
        counted = count_tokens(prefix, provider, ENVIRON, SOON)
        assert isinstance(counted, int)

    check(f"token counts, {route}", read, PrefixwarmError, tried)


def test_own_prices(tried: Tried) -> None:
    """Prices that a user gives, and the usage that they are to price."""
    own = {"mine": {"input": 1, "output": "5", "read": 0.1, "write_5m": 1.25}}

    def read(draw: Random) -> None:
        prices: Any = garbled(own, draw)
        if given_price := price("mine", own=prices):
            assert given_price.input >= 0
        cost(garbled({"usage": USAGE, "model": "mine"}, draw), "mine", own=own)

    check("prices", read, UsageError, tried)


def test_usage(tried: Tried) -> None:
    """What any provider says that a request used."""
    replies: tuple[Any, ...] = (
        {"usage": USAGE, "model": "claude-sonnet-5-5"},
        {"usage": {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 3}}},
        {"usage_metadata": {"prompt_token_count": 5, "cached_content_token_count": 3}},
        {"usage": {"inputTokens": 3, "cacheReadInputTokens": 2}},
    )

    def read(draw: Random) -> None:
        read_usage(garbled(draw.choice(replies), draw))

    check("usage", read, (), tried)


def test_answers_are_asks_of_texts(tried: Tried) -> None:
    """Whatever is typed as a prefix's name is refused or kept as it is."""

    def read(draw: Random) -> None:
        name = "".join(draw.choice(string.printable + "é\ud800") for _ in range(draw.randrange(9)))
        asked = AskEvent.of({"warm": [name], "function": name})
        assert asked is not None
        assert asked.names == (name,)

    check("names in an ask", read, UsageError, tried)


def test_app_settings(tried: Tried, tmp_path: Path) -> None:
    """`cdk.json`, as `doctor` reads it."""
    document = {"app": "x", "context": {"@aws-cdk/aws-lambda:recognizeLayerVersion": True}}

    def read(draw: Random) -> None:
        (tmp_path / "cdk.json").write_bytes(garbled_bytes(document, draw))
        assert all(isinstance(one.detail, str) for one in machine(tmp_path))

    check("cdk.json", read, (), tried)
