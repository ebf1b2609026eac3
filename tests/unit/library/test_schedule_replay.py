"""A schedule spends on real traffic what `prefixwarm.policy.replay` says of its rule."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from prefixwarm import Prefix, Warmer, WarmSchedule
from prefixwarm.life import TTL_1H, TTL_5M
from prefixwarm.policy import replay
from prefixwarm.state.outcome import Usage
from tests.helpers.waiting import PATIENCE

EPOCH, DAY, TICK = 1_800_000_000.0, 86_400.0, 60.0
TOKENS = 10_000
PRICES = {"read": 0.1, "write_5m": 1.25, "write_1h": 2.0}
# A refresh that is a moment earlier than the replay's may be one more in a silence.
ONE_MORE = 0.3


class Provider:
    """One cache entry, on a clock that stands still."""

    def __init__(self) -> None:
        self.now, self.until, self.ttl = EPOCH, 0.0, TTL_1H
        self.spent = 0.0

    def send(self, request: Any) -> dict[str, Any]:
        """Answer a warm call."""
        ttl = TTL_1H if '"1h"' in json.dumps(request.body) else TTL_5M
        return {"id": "msg", "usage": self.use(ttl)}

    def use(self, ttl: int) -> dict[str, Any]:
        """Read the entry, or write it to live so long."""
        lives = self.now < self.until
        self.ttl = self.ttl if lives else ttl
        self.until = self.now + self.ttl
        field = f"ephemeral_{'1h' if self.ttl == TTL_1H else '5m'}_input_tokens"
        usage = {
            "input_tokens": 1,
            "cache_read_input_tokens": TOKENS if lives else 0,
            "cache_creation_input_tokens": 0 if lives else TOKENS,
            "cache_creation": {field: 0 if lives else TOKENS},
        }
        billed = Usage.from_response(usage)
        self.spent += sum(getattr(billed, name) * price for name, price in PRICES.items()) / TOKENS
        return usage


def office_hours(days: int, gap: float) -> list[float]:
    """Requests from nine to five, so many seconds apart on average."""
    random, arrivals = Random(1), []
    for day in range(days):
        at = day * DAY + 9 * 3600
        while at < day * DAY + 17 * 3600:
            arrivals.append(at)
            at += random.expovariate(1 / gap)
    return arrivals


@pytest.mark.parametrize("policy", ["auto", "ski"])
@pytest.mark.parametrize("ttl", [TTL_5M, TTL_1H])
def test_spends_what_the_replay_says(policy: str, ttl: int) -> None:
    """Over two days, with requests that come every twenty minutes."""
    arrivals, end = office_hours(2, 1200.0), 2 * DAY
    provider = Provider()
    prefix = Prefix(
        "support",
        model="claude-opus-4-8",
        system="x " * 20_000,
        ttl="1h" if ttl == TTL_1H else "5m",
    )
    warmer = Warmer(provider, prefix, clock=lambda: provider.now)
    schedule = WarmSchedule(warmer, policy=policy)
    waiting = list(arrivals)
    # It begins with the traffic: what is written long before that, the replay knows nothing of.
    for tick in range(int(arrivals[0] / TICK) - 1, int(end / TICK)):
        provider.now = EPOCH + tick * TICK
        schedule.check()
        while waiting and waiting[0] < (tick + 1) * TICK:
            provider.now = EPOCH + waiting.pop(0)
            schedule.observe(provider.use(ttl), started=provider.now)
            assert schedule._loop.traffic.flush(PATIENCE)
            provider.now += 3
            schedule.check()
    expected = replay(arrivals, end, policy, agent_ttl=ttl)
    assert provider.spent == pytest.approx(expected.total, abs=ONE_MORE)
    assert provider.spent < replay(arrivals, end, "never", agent_ttl=ttl).total
