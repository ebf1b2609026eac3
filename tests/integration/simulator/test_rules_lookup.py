"""Rules 19 to 23: counting, minimums, lookback, writes and accounting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.simulator.conftest import Api, Json, MakeJson, MakeText


EPHEMERAL = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
USER = {"role": "user", "content": "x"}

MINIMUMS = {
    "claude-opus-5-5": 512,
    "claude-opus-5": 512,
    "claude-sonnet-5-5": 512,
    "claude-haiku-5-5": 512,
    "claude-fable-5": 512,
    "claude-fable-5-1": 512,
    "claude-mythos-5-1": 512,
    "claude-opus-4-8": 1024,
    "claude-sonnet-5": 1024,
    "claude-sonnet-4-6": 1024,
    "claude-sonnet-4-5": 1024,
    "claude-opus-4-1": 1024,
    "claude-opus-4-7": 2048,
    "claude-3-5-haiku-20241022": 2048,
    "claude-opus-4-6": 4096,
    "claude-opus-4-5": 4096,
    "claude-haiku-4-5": 4096,
}
BEDROCK_MINIMUMS = {"claude-opus-4-7": 4096, "claude-opus-5": 512, "claude-sonnet-5": 1024}


def block(text: str = "x", **fields: Any) -> dict:
    return {"type": "text", "text": text, **fields}


def filler(model: str, tokens: int) -> str:
    """A text of exactly so many tokens of any model."""
    newer = model.removeprefix("anthropic.") in {
        m
        for m in MINIMUMS
        if any(g in m for g in ("-5-5", "-5-1", "opus-5", "sonnet-5", "fable-5"))
    } | {"claude-opus-4-7", "claude-opus-4-8"}
    return "x" * (tokens * 40 // 13 if newer else tokens * 4)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"tools": [{"name": "a", "input_schema": {"type": "object"}}]},
        {"cache_control": EPHEMERAL},
        {"system": "é" * 333},
        {"system": None},
    ],
)
def test_rule_19_count_tokens_returns_the_same_total(
    api: Api, body: MakeJson, change: Json
) -> None:
    counted = api.send(body(**change), "/v1/messages/count_tokens").json()
    for _ in range(2):
        assert sum(api.counts(body(**change))) == counted["input_tokens"]


def test_rule_19_newer_tokenizers_give_thirty_percent_more(api: Api, body: MakeJson) -> None:
    older = sum(api.counts(body(model="claude-opus-4-6")))
    newer = sum(api.counts(body(model="claude-opus-4-7")))
    assert newer == pytest.approx(older * 1.3, rel=0.01)


@pytest.mark.parametrize(("model", "minimum"), MINIMUMS.items())
def test_rule_20_the_minimum_of_each_model(
    api: Api, body: MakeJson, mark: MakeJson, model: str, minimum: int
) -> None:
    short = body(model=model, system=[mark(filler(model, minimum - 1))])
    assert api.counts(short)[:2] == (0, 0)
    assert api.sim.entries() == []
    exact = body(model=model, system=[mark(filler(model, minimum))])
    assert api.counts(exact)[:2] == (0, minimum)


@pytest.mark.parametrize(("model", "minimum"), BEDROCK_MINIMUMS.items())
def test_rule_20_bedrock_has_its_own_minimums(
    api: Api, body: MakeJson, mark: MakeJson, model: str, minimum: int
) -> None:
    def written(tokens: int) -> int:
        request = body(model=f"anthropic.{model}", system=[mark(filler(model, tokens))])
        reply = api.send(request, "/anthropic/v1/messages").json()
        return reply["usage"]["cache_creation_input_tokens"]

    assert written(minimum - 1) == 0
    assert written(minimum) == minimum


def test_rule_20_a_short_marker_is_not_looked_up_either(
    api: Api, body: MakeJson, mark: MakeJson, words: MakeText
) -> None:
    api.send(body(system=[mark(words(2000))]))
    short = body(system=[mark(words(500)), block(words(1500))])
    assert api.counts(short)[:2] == (0, 0)


def numbered(count: int, *marks: int) -> list[dict]:
    """Text blocks of 100 tokens, some of them marked (numbers from 1 on)."""
    blocks = [block(f"{i:04d}" * 100) for i in range(1, count + 1)]
    for mark in marks:
        blocks[mark - 1]["cache_control"] = EPHEMERAL
    return blocks


def test_rule_21_thirty_five_blocks_miss_a_write_at_fifteen(api: Api, body: MakeJson) -> None:
    assert api.counts(body(system=numbered(15, 15)))[1] == 1500
    assert api.counts(body(system=numbered(35, 35)))[0] == 0


def test_rule_21_a_second_marker_at_fifteen_hits(api: Api, body: MakeJson) -> None:
    api.send(body(system=numbered(15, 15)))
    assert api.counts(body(system=numbered(35, 15, 35)))[:2] == (1500, 2000)


@pytest.mark.parametrize(("end", "hit"), [(34, True), (35, False)])
def test_rule_21_twenty_positions_counting_the_marker_itself(
    api: Api, body: MakeJson, end: int, hit: bool
) -> None:
    api.send(body(system=numbered(15, 15)))
    assert (api.counts(body(system=numbered(end, end)))[0] > 0) is hit


def test_rule_21_the_highest_live_entry_wins(api: Api, body: MakeJson) -> None:
    api.send(body(system=numbered(12, 12)))
    api.send(body(system=numbered(16, 16)))
    assert api.counts(body(system=numbered(20, 20)))[0] == 1600


def test_rule_21_lookback_crosses_tiers(api: Api, body: MakeJson, words: MakeText) -> None:
    api.send(body())
    message = [{"role": "user", "content": [block("q", cache_control=EPHEMERAL)]}]
    assert api.counts(body(system=[block(words(2000))], messages=message))[0] == 2000


def test_rule_22_one_entry_per_marker_above_the_hit(api: Api, body: MakeJson) -> None:
    api.send(body(system=numbered(20, 11, 15, 20)))
    assert sorted(entry["tokens"] for entry in api.sim.entries()) == [1100, 1500, 2000]
    api.sim.reset()
    api.send(body(system=numbered(15, 15)))
    api.send(body(system=numbered(25, 12, 15, 20, 25)))
    tokens = sorted(entry["tokens"] for entry in api.sim.entries())
    assert tokens == [1500, 2000, 2500]


def test_rule_22_nothing_is_written_at_unmarked_positions(api: Api, body: MakeJson) -> None:
    api.send(body(system=numbered(30, 30)))
    assert api.counts(body(system=numbered(20, 20)))[0] == 0


@pytest.mark.parametrize(
    ("marks", "split"),
    [
        ({11: "1h", 20: "5m"}, (1100, 900, 500)),
        ({11: "1h", 15: "1h", 20: "5m", 25: "5m"}, (1500, 1000, 0)),
        ({20: "1h"}, (2000, 0, 500)),
        ({20: "5m"}, (0, 2000, 500)),
        ({}, (0, 0, 2500)),
    ],
)
def test_rule_23_mixed_ttls_are_split(
    api: Api, body: MakeJson, marks: dict[int, str], split: tuple[int, int, int]
) -> None:
    blocks = numbered(25)
    for number, ttl in marks.items():
        blocks[number - 1]["cache_control"] = {"type": "ephemeral", "ttl": ttl}
    usage = api.usage(body(system=blocks, messages=[USER]))
    parts = usage["cache_creation"]
    hour, minutes, uncached = split
    assert parts["ephemeral_1h_input_tokens"] == hour
    assert parts["ephemeral_5m_input_tokens"] == minutes
    assert usage["cache_creation_input_tokens"] == hour + minutes
    assert usage["cache_read_input_tokens"] == 0
    assert usage["input_tokens"] == uncached + 1


def test_rule_23_only_what_lies_above_the_hit_is_written(api: Api, body: MakeJson) -> None:
    api.send(body(system=numbered(15, 15)))
    blocks = numbered(25)
    blocks[14]["cache_control"] = HOUR
    blocks[19]["cache_control"] = HOUR
    blocks[24]["cache_control"] = EPHEMERAL
    usage = api.usage(body(system=blocks))
    assert usage["cache_read_input_tokens"] == 1500
    assert usage["cache_creation"] == {
        "ephemeral_1h_input_tokens": 500,
        "ephemeral_5m_input_tokens": 500,
    }


def test_rule_23_the_numbers_always_sum_to_the_total(api: Api, body: MakeJson) -> None:
    requests = [body(system=numbered(n, *m)) for n, m in ((15, [15]), (25, [12, 25]), (25, []))]
    for request in requests:
        total = api.send(request, "/v1/messages/count_tokens").json()["input_tokens"]
        assert sum(api.counts(request)) == total


def test_rule_23_a_system_warm_is_read_to_the_token(api: Api, body: MakeJson) -> None:
    written = api.counts(body())[1]
    real = body(max_tokens=50, messages=[{"role": "user", "content": "a real question"}])
    assert api.counts(real)[0] == written


def test_rule_23_unchanged_tools_under_a_changed_system_are_partial(
    api: Api, body: MakeJson, mark: MakeJson, words: MakeText
) -> None:
    tool = {"name": "a", "description": words(1500), "input_schema": {"type": "object"}}
    tools = [{**tool, "cache_control": EPHEMERAL}]
    api.send(body(tools=tools))
    at_tools = min(entry["tokens"] for entry in api.sim.entries())
    assert api.counts(body(tools=tools, system=[mark(words(900, "z"))])) == (at_tools, 900, 1)
