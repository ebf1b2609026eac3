"""Rules 24 to 28: lifetimes, refreshing, availability and isolation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from prefixwarm.simulator import Latency, Limits, Principal

if TYPE_CHECKING:
    from tests.integration.simulator.conftest import Api, MakeApi, MakeJson, MakeText


EPHEMERAL = {"type": "ephemeral"}
# Nothing takes any time, so that only what a test adds counts.
INSTANT = Latency(0.0, float("inf"), float("inf"), float("inf"))


@pytest.fixture
def instant(make_api: MakeApi) -> Api:
    """An API whose replies take no simulated time."""
    return make_api(latency=INSTANT)


def test_rule_24_life_runs_from_the_start_of_the_request(make_api: MakeApi, body: MakeJson) -> None:
    api = make_api(latency=Latency(base=100, output_rate=0.1))
    start = api.sim.now()
    api.send(body(max_tokens=6))
    assert api.sim.now() > start + 150
    [entry] = api.sim.entries()
    assert entry["expires_at"] == start + 300


@pytest.mark.parametrize(("linger", "hit"), [(0.0, False), (10.0, True)])
def test_rule_24_linger(make_api: MakeApi, body: MakeJson, linger: float, hit: bool) -> None:
    api = make_api(latency=INSTANT, linger=linger)
    api.send(body())
    api.sim.advance(305)
    assert (api.counts(body())[0] > 0) is hit


def test_rule_24_an_entry_is_live_before_and_not_at_its_end(instant: Api, body: MakeJson) -> None:
    instant.send(body())
    instant.sim.advance(299.5)
    assert instant.counts(body())[0] == 2000
    instant.sim.advance(300)
    assert instant.counts(body())[0] == 0


def test_rule_25_a_hit_refreshes_by_the_entrys_own_ttl(
    instant: Api, body: MakeJson, mark: MakeJson, words: MakeText
) -> None:
    instant.send(body(system=[mark(words(2000), "5m")]))
    instant.sim.advance(200)
    now = instant.sim.now()
    instant.send(body(system=[mark(words(2000), "1h")]))
    [entry] = instant.sim.entries()
    assert (entry["ttl"], entry["expires_at"], entry["reads"]) == ("5m", now + 300, 1)


def test_rule_25_a_shorter_marker_does_not_shorten(
    instant: Api, body: MakeJson, mark: MakeJson, words: MakeText
) -> None:
    instant.send(body(system=[mark(words(2000), "1h")]))
    now = instant.sim.now()
    instant.send(body(system=[mark(words(2000), "5m")]))
    [entry] = instant.sim.entries()
    assert (entry["ttl"], entry["expires_at"]) == ("1h", now + 3600)


def test_rule_25_ttl_upgrade(
    make_api: MakeApi, body: MakeJson, mark: MakeJson, words: MakeText
) -> None:
    api = make_api(latency=INSTANT, ttl_upgrade=True)
    api.send(body(system=[mark(words(2000), "5m")]))
    now = api.sim.now()
    usage = api.usage(body(system=[mark(words(2000), "1h")]))
    [entry] = api.sim.entries()
    assert (entry["ttl"], entry["expires_at"]) == ("1h", now + 3600)
    assert usage["cache_creation_input_tokens"] == 0


@pytest.mark.parametrize("nested", [False, True])
def test_rule_25_refresh_nested(
    make_api: MakeApi, body: MakeJson, mark: MakeJson, words: MakeText, nested: bool
) -> None:
    api = make_api(latency=INSTANT, refresh_nested=nested)
    both = body(system=[mark(words(1500)), mark(words(1500, "z"))])
    api.send(both)
    api.sim.advance(200)
    api.send(both)
    api.sim.advance(200)
    assert len(api.sim.entries()) == (2 if nested else 1)


def test_rule_26_an_entry_is_visible_from_the_first_byte(make_api: MakeApi, body: MakeJson) -> None:
    """Open calls start at the same moment: all of them miss, the next one reads."""
    sim = make_api(gather=0.05).sim

    async def storm(count: int) -> list[Any]:
        async with anthropic.AsyncAnthropic(api_key="k", base_url=sim.url) as client:
            return await asyncio.gather(*(client.messages.create(**body()) for _ in range(count)))

    first = asyncio.run(storm(10))
    assert [reply.usage.cache_creation_input_tokens for reply in first] == [2000] * 10
    assert len(sim.entries()) == 1
    second = asyncio.run(storm(10))
    assert [reply.usage.cache_read_input_tokens for reply in second] == [2000] * 10


def test_rule_26_settle(make_api: MakeApi, body: MakeJson) -> None:
    api = make_api(latency=INSTANT, settle=2.0)
    assert api.counts(body())[1] == 2000
    assert api.counts(body())[1] == 2000
    api.sim.advance(2)
    assert api.counts(body())[0] == 2000


@pytest.mark.parametrize("kind", ["error", "reset"])
def test_rule_26_a_failed_request_writes_and_refreshes_nothing(
    instant: Api, body: MakeJson, kind: str
) -> None:
    instant.sim.inject(kind=kind, count=1)
    with pytest.raises(anthropic.APIError):
        client(instant).messages.create(**body())
    assert instant.sim.entries() == []
    instant.send(body())
    [before] = instant.sim.entries()
    instant.sim.advance(10)
    instant.sim.inject(kind=kind, count=1)
    with pytest.raises(anthropic.APIError):
        client(instant).messages.create(**body())
    assert instant.sim.entries()[0]["expires_at"] == before["expires_at"]


def client(api: Api) -> anthropic.Anthropic:
    """The real SDK, without retries."""
    return anthropic.Anthropic(api_key="k", base_url=api.sim.url, max_retries=0)


def test_rule_26_a_limited_request_writes_nothing(make_api: MakeApi, body: MakeJson) -> None:
    api = make_api(limits=Limits(itpm=2500))
    api.send(body())
    other = body(system=[{**body()["system"][0], "text": "z" * 8000}])
    assert api.refused(other, 429)
    assert len(api.sim.entries()) == 1


def test_rule_27_a_ping_at_240_seconds_keeps_it_until_482(instant: Api, body: MakeJson) -> None:
    instant.send(body())
    instant.sim.advance(240)
    assert instant.counts(body())[0] == 2000
    instant.sim.advance(242)
    assert instant.counts(body())[0] == 2000


def test_rule_27_without_the_ping_it_is_rewritten(instant: Api, body: MakeJson) -> None:
    instant.send(body())
    instant.sim.advance(482)
    assert instant.counts(body())[:2] == (0, 2000)
    assert instant.counts(body())[:2] == (2000, 0)


def test_rule_27_a_ping_at_301_seconds_writes(instant: Api, body: MakeJson) -> None:
    instant.send(body())
    instant.sim.advance(301)
    assert instant.counts(body())[:2] == (0, 2000)


@pytest.mark.parametrize(("after", "hit"), [(3599, True), (3601, False)])
def test_rule_27_one_hour(
    instant: Api, body: MakeJson, mark: MakeJson, words: MakeText, after: int, hit: bool
) -> None:
    request = body(system=[mark(words(2000), "1h")])
    instant.send(request)
    instant.sim.advance(after)
    assert (instant.counts(request)[0] > 0) is hit


KEYS = {
    "a1": Principal("org-a", "wrkspc_1"),
    "a2": Principal("org-a", "wrkspc_1"),
    "a3": Principal("org-a", "wrkspc_2"),
    "b1": Principal("org-b", "wrkspc_1"),
}


@pytest.mark.parametrize(
    ("scope", "sharing"),
    [("workspace", {"a2"}), ("organization", {"a2", "a3"})],
)
def test_rule_28_isolation(
    make_api: MakeApi, body: MakeJson, scope: str, sharing: set[str]
) -> None:
    api = make_api(keys=KEYS, scope=scope)
    api.send(body(), authorization="Bearer a1")
    for key in ("a2", "a3", "b1"):
        read = api.counts(body(), authorization=f"Bearer {key}")[0]
        assert (read > 0) is (key in sharing), key


def test_rule_28_models_share_nothing(api: Api, body: MakeJson) -> None:
    api.send(body(model="claude-sonnet-4-6"))
    assert api.counts(body(model="claude-sonnet-4-5"))[0] == 0
    assert api.counts(body(model="claude-sonnet-4-5-20250929"))[0] == 0


def test_rule_28_bedrock_isolates_organizations_only(make_api: MakeApi, body: MakeJson) -> None:
    api = make_api(keys=KEYS)
    request = body(model="anthropic.claude-sonnet-4-5")
    path = "/anthropic/v1/messages"
    api.send(request, path, authorization="Bearer a1")
    for key, hit in (("a3", True), ("b1", False)):
        usage = api.send(request, path, authorization=f"Bearer {key}").json()["usage"]
        assert (usage["cache_read_input_tokens"] > 0) is hit


def test_rule_28_routes_share_nothing(api: Api, body: MakeJson) -> None:
    api.send(body())
    assert api.counts(body(), anthropic_workspace_id="wrkspc_default")[0] == 0
