"""Keeping prefixes warm on a timer, with a clock that tests move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.errors import ProviderError
from prefixwarm.provider.client import Reply
from prefixwarm.settings import Settings
from prefixwarm.state.memory import MemoryState
from prefixwarm.state.model import METRIC, LeaseRequest, Result
from prefixwarm.wire.deadline import Deadline
from prefixwarm_extension.context import StartContext
from prefixwarm_extension.init_policy import Start
from prefixwarm_extension.managed import idle_limit, keep_warm
from prefixwarm_extension.ready_signal import ReadySignal

if TYPE_CHECKING:
    from prefixwarm.prefix.compiled import WarmCall

HOUR = 3600.0
BEGAN = 1_800_000_000.0


class Provider:
    """Answers every call with a read, or fails."""

    def __init__(self) -> None:
        self.calls = 0
        self.failing = False

    def send(self, call: WarmCall, max_tokens: int, deadline: Deadline) -> Reply:
        """Count the call."""
        self.calls += 1
        if self.failing:
            raise ProviderError(529, "overloaded_error")
        usage = {"input_tokens": 1, "cache_read_input_tokens": 10_000}
        return Reply(usage=usage, message_id="msg", first_byte_after=0.1)


class Over(Exception):  # noqa: N818 - an event
    """The environment ends."""


class Instance:
    """One environment of a managed instance."""

    def __init__(self, call: WarmCall, store: MemoryState, provider: Provider) -> None:
        self.call, self.store, self.provider, self.now = call, store, provider, BEGAN
        self.context = StartContext(
            environ={"AWS_LAMBDA_FUNCTION_NAME": "agent"},
            settings=Settings(table="t"),
            start=Start(kind="lambda-managed-instances", hold=55.0),
            began=0.0,
            store=store,
            provider=provider,  # type: ignore[arg-type]
            ready=ReadySignal(0, 0.0),
            seen={},
            decisions={},
        )
        self.key = self.context.key(call)

    def live(self, hours: float, traffic: bool = False) -> None:
        """Let the timer run for so long."""
        end = self.now + hours * HOUR

        def pause(seconds: float) -> None:
            self.now += seconds
            if traffic:
                self.store.saw_traffic(self.key, self.now, METRIC, Deadline.after(60))
            if self.now > end:
                raise Over

        with pytest.raises(Over):
            keep_warm(self.context, [self.call], pause, lambda: self.now)

    def written(self) -> None:
        """The init phase has just written the entry."""
        wish = LeaseRequest(
            name="support", owner="init", now=self.now, seconds=30, needed_until=self.now
        )
        state, _ = self.store.take_lease(self.key, wish, Deadline.after(60))
        result: dict[str, Any] = {"outcome": "written", "started": self.now, "ttl": 3600}
        lease = _lease(self.key, state.lease.token)
        self.store.record(
            lease,
            Result(**result, max_tokens=0, due_at=self.now + 3300, idle_refreshes=0),
            Deadline.after(60),
        )


def _lease(key: str, token: int) -> Any:
    from prefixwarm.state.model import Lease

    return Lease(key=key, owner="init", token=token)


@pytest.fixture
def instance(call: WarmCall) -> Instance:
    """One with a written entry."""
    instance = Instance(call, MemoryState(), Provider())
    instance.written()
    return instance


def test_an_entry_is_refreshed_before_it_lapses_and_not_earlier(instance: Instance) -> None:
    """Once in fifty-seven and a half minutes, looked at once a minute."""
    instance.live(0.9)
    assert instance.provider.calls == 0
    instance.live(0.1)
    assert instance.provider.calls == 1
    instance.live(9.0)
    assert instance.provider.calls == 10


def test_it_stops_when_the_next_write_is_cheaper_than_going_on(instance: Instance) -> None:
    """Nineteen refreshes without traffic cost what a write does more than a read."""
    instance.live(72.0)
    assert instance.provider.calls == 19


def test_traffic_keeps_it_going(instance: Instance) -> None:
    """Observed requests end the silence."""
    instance.live(72.0, traffic=True)
    assert instance.provider.calls > 70


def test_a_lapsed_entry_is_left_to_the_next_request(instance: Instance) -> None:
    """A refresh would be a write."""
    instance.now += 2 * HOUR
    instance.live(5.0)
    assert instance.provider.calls == 0


def test_a_failing_provider_is_left_alone_as_the_back_off_says(instance: Instance) -> None:
    """The timer asks again only when the state allows it, and never after the entry's end."""
    instance.provider.failing = True
    instance.live(3.0)
    assert 1 <= instance.provider.calls <= 5


def test_two_environments_share_the_work(instance: Instance) -> None:
    """The second finds the entry refreshed."""
    other = Instance(instance.call, instance.store, instance.provider)
    instance.live(0.95)
    other.now = instance.now
    other.live(0.2)
    assert instance.provider.calls == 1


def test_without_a_table_there_is_nothing_to_do(instance: Instance) -> None:
    """It returns, and the process ends."""
    keep_warm(instance.context.replace(store=None), [instance.call])
    keep_warm(instance.context, [])


def test_the_limit_follows_the_prefixs_own_prices(call: WarmCall) -> None:
    """`floor((write - read) / read)` of the TTL that is asked for."""
    assert idle_limit(call) == 19
    assert idle_limit(call.replace(ttl=300)) == 11
    assert idle_limit(call.replace(usd_per_mtok={})) == 19
    dear = {"input": 2.0, "read": 1.0, "write_5m": 2.0, "write_1h": 3.0}
    assert idle_limit(call.replace(usd_per_mtok=dear)) == 2
