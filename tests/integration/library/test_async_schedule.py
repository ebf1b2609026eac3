"""A schedule as a task."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from prefixwarm import AsyncWarmer, AsyncWarmSchedule, WarmStatus
from prefixwarm.errors import UsageError
from prefixwarm.testing import RecordingTransport
from tests.helpers.waiting import PATIENCE
from tests.integration.library.conftest import QUESTION, support

if TYPE_CHECKING:
    from prefixwarm.simulator import Simulator


class Sender:
    """An asynchronous client."""

    def __init__(self) -> None:
        self.inner = RecordingTransport()

    async def send(self, request: Any) -> Any:
        """Answer one warm call."""
        await asyncio.sleep(0)
        return self.inner.send(request)


def test_a_task() -> None:
    """Warms at once, tells on the loop, and ends with the block."""

    async def run() -> list[WarmStatus]:
        statuses: list[WarmStatus] = []
        sender = Sender()
        warmer = AsyncWarmer(sender, [support(), support().with_model("m", name="other")])
        async with AsyncWarmSchedule(warmer, on_event=statuses.append) as schedule:
            assert await schedule.wait_until_warm("support", timeout=PATIENCE)
            assert await schedule.wait_until_warm(timeout=PATIENCE)
            assert [status.warm for status in schedule.status()] == [True, True]
            assert schedule.status("other").outcome == "written"
            task = schedule.start()
        assert task.cancelled()
        assert len(sender.inner.requests) == 2
        await asyncio.sleep(0)
        return statuses

    assert sorted(status.name for status in asyncio.run(run())) == ["other", "support"]


def test_refreshes_and_follows_traffic(sim: Simulator) -> None:
    """On a clock of its own."""

    async def run() -> None:
        async with anthropic.AsyncAnthropic(api_key="k", base_url=sim.url) as client:
            prefix = support(ttl="5m")
            warmer = AsyncWarmer(client, prefix, clock=sim.now)
            schedule = AsyncWarmSchedule(warmer, policy="ski")
            await schedule.check()
            sim.advance(220)
            await schedule.check()
            assert schedule.status("support").outcome == "refreshed"
            agent = client.with_options(middleware=[schedule.middleware()])
            sim.advance(200)
            await agent.messages.create(**prefix.request(QUESTION))
            message = await client.messages.create(**prefix.request(QUESTION))
            schedule.observe(message.usage, started=sim.now() - 1)
            await asyncio.to_thread(schedule._loop.traffic.flush, PATIENCE)
            sim.advance(20)
            await schedule.check()
            assert schedule.status("support").reason == "warm; the next refresh is not due yet"

    asyncio.run(run())
    assert sim.ledger()["warm"]["requests"] == 2


def test_who_is_told_may_wait_and_fail(caplog: pytest.LogCaptureFixture) -> None:
    """A coroutine function, whose errors stay inside."""

    async def run() -> list[str]:
        reported: list[str] = []

        async def on_event(status: WarmStatus) -> None:
            await asyncio.sleep(0)
            reported.append(status.outcome)
            raise ValueError("secret")

        warmer = AsyncWarmer(Sender(), support())
        async with AsyncWarmSchedule(warmer, on_event=on_event) as schedule:
            await schedule.wait_until_warm(timeout=PATIENCE)
            while not reported or "on_event failed" not in caplog.text:
                await asyncio.sleep(0.01)
        return reported

    assert asyncio.run(run()) == ["written"]
    assert "on_event failed for prefix support: unexpected ValueError" in caplog.text
    assert "secret" not in caplog.text


def test_cancelling_the_host() -> None:
    """Ends the schedule, whatever it does just then."""

    class Silent:
        async def send(self, request: Any) -> Any:
            await asyncio.Event().wait()

    async def host(began: asyncio.Event) -> None:
        async with AsyncWarmSchedule(AsyncWarmer(Silent(), support(), timeout=0.5)):
            began.set()
            await asyncio.Event().wait()

    async def run() -> None:
        began = asyncio.Event()
        task = asyncio.create_task(host(began))
        await began.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_failures_stay_inside(caplog: pytest.LogCaptureFixture) -> None:
    """The task goes on."""

    async def run() -> None:
        sender = Sender()
        sender.inner = RecordingTransport([ConnectionError("no network")])
        async with AsyncWarmSchedule(AsyncWarmer(sender, support())) as schedule:
            assert not await schedule.wait_until_warm("support", timeout=20)
            assert not schedule.start().done()
            with pytest.raises(UsageError, match="not one of the schedule's"):
                schedule.status("other")

    asyncio.run(run())
    assert "the connection to the provider broke" in caplog.text
