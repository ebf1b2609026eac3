"""An asynchronous warmer: the same calls, awaited."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from prefixwarm import AsyncWarmer
from prefixwarm.testing import RecordingTransport
from tests.integration.library.conftest import PAIR, QUESTION, SYSTEM, support

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from prefixwarm.simulator import Simulator


def on(sim: Simulator, use: Callable[[anthropic.AsyncAnthropic], Awaitable[Any]]) -> Any:
    """What `use` gives, with a client of the Claude API, on a loop of its own."""

    async def run() -> Any:
        async with anthropic.AsyncAnthropic(api_key="k", base_url=sim.url, max_retries=0) as client:
            return await use(client)

    return asyncio.run(run())


def test_warms_what_the_client_reads(sim: Simulator) -> None:
    """Verified, and by a request of the same client."""

    async def use(client: anthropic.AsyncAnthropic) -> None:
        prefix = support()
        warmer = AsyncWarmer(client, [prefix], clock=sim.now)
        result = await warmer.warm("support", verify=True)
        assert (result.outcome, result.calls) == ("written", 2)
        assert result.verified_read_tokens == result.cache_creation_tokens > 1000
        message = await client.messages.create(**prefix.request(QUESTION))
        assert message.usage.cache_read_input_tokens == result.cache_creation_tokens
        assert (await warmer.ensure_cached("support")).outcome == "skipped"

    on(sim, use)


def test_a_start_without_a_loop_is_one_error() -> None:
    """And no warning about a coroutine."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        AsyncWarmer(RecordingTransport(), support()).start()
    gc.collect()


def test_bedrock(sim: Simulator) -> None:
    """Signs as the asynchronous client does."""

    async def run() -> str:
        prefix = support(model="global.anthropic.claude-sonnet-5-5", route="bedrock")
        async with anthropic.AsyncAnthropicBedrock(**PAIR, base_url=sim.url) as client:
            return (await AsyncWarmer(client, prefix, clock=sim.now).warm("support")).outcome

    assert asyncio.run(run()) == "written"


def test_a_thousand_tasks_make_one_call(sim: Simulator) -> None:
    """With one cost between them."""

    async def use(client: anthropic.AsyncAnthropic) -> None:
        warmer = AsyncWarmer(client, support(), clock=sim.now)
        results = await asyncio.gather(*(warmer.warm("support") for _ in range(1000)))
        assert all(result.ok for result in results)
        assert sum(result.calls for result in results) == 1

    on(sim, use)
    assert len(sim.requests()) == 1


def test_several_prefixes(sim: Simulator) -> None:
    """Side by side, in their order."""

    async def use(client: anthropic.AsyncAnthropic) -> None:
        prefixes = [support().with_model("claude-haiku-5-5", name=f"p{i}") for i in range(3)]
        prefixes += [support(system=SYSTEM + str(i)).with_model("m", name=f"q{i}") for i in (1, 2)]
        results = await AsyncWarmer(client, prefixes, max_in_flight=2, clock=sim.now).warm()
        assert [result.name for result in results] == ["p0", "p1", "p2", "q1", "q2"]
        assert [result.ok for result in results] == [True] * 3 + [False] * 2

    on(sim, use)


def test_a_cancelled_caller_leaves_a_recorded_call(sim: Simulator) -> None:
    """What was sent is billed: it is known afterwards."""

    async def use(client: anthropic.AsyncAnthropic) -> None:
        warmer = AsyncWarmer(client, support(), clock=sim.now)
        # On a busy machine, the reply may otherwise be there before its caller is cancelled.
        sim.inject(kind="slow", seconds=1.0, count=1)
        task = asyncio.create_task(warmer.warm("support"))
        while not sim.requests():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await warmer.warm("support")).reason.startswith("warm")

    on(sim, use)
    assert len(sim.requests()) == 1


def test_starting(sim: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    """In a task, whose failures are logged."""

    async def use(client: anthropic.AsyncAnthropic) -> None:
        (result,) = await AsyncWarmer(client, support(), clock=sim.now).start()
        assert result.outcome == "written"
        sim.inject(status=401)
        await AsyncWarmer(client, support(), clock=sim.now).start()

    on(sim, use)
    assert "prefix support was not warmed: failed: HTTP 401" in caplog.text


def test_an_asynchronous_object() -> None:
    """Whose `send` is a coroutine function; and a synchronous one, in a thread."""

    class Sender:
        def __init__(self) -> None:
            self.inner = RecordingTransport()

        async def send(self, request: Any) -> Any:
            await asyncio.sleep(0)
            return self.inner.send(request)

    async def run() -> list[str]:
        senders: list[Any] = [Sender(), RecordingTransport()]
        return [(await AsyncWarmer(s, support()).warm("support")).outcome for s in senders]

    assert asyncio.run(run()) == ["written", "written"]


def test_time_is_limited() -> None:
    """The call's own; the event loop goes on meanwhile."""

    class Silent:
        async def send(self, request: Any) -> Any:
            await asyncio.Event().wait()

    async def run() -> tuple[str, float | None]:
        result = await AsyncWarmer(Silent(), support(), timeout=0.2).warm("support")
        return result.reason, result.cost_usd

    assert asyncio.run(run()) == ("the provider did not answer in time", None)
