"""What users write, for type checkers alone: each public name, and the types that it gives."""

from __future__ import annotations

from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anthropic
from typing_extensions import assert_type

from prefixwarm import (
    AskOutcome,
    AsyncWarmer,
    AsyncWarmSchedule,
    BudgetExceeded,
    CacheStats,
    CostGate,
    Prefix,
    PrefixFile,
    Warmer,
    WarmResult,
    WarmSchedule,
    WarmStatus,
    __version__,
    ask,
    fit,
    prefix_key,
)
from prefixwarm.observe import Observer, async_middleware, middleware, watch
from prefixwarm.policy import Decision, Multipliers, Policy, Replay, View, decide, replay
from prefixwarm.prices import ModelPrices, cost, lookup, minimum_tokens, price
from prefixwarm.simulator import Latency, Limits, Settings, Simulator, Switches, running
from prefixwarm.testing import RecordingTransport, simulator
from prefixwarm_cdk import Budget, Credentials, KeepWarm, PrefixWarmer

if TYPE_CHECKING:
    from aws_cdk import Stack
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_secretsmanager as secretsmanager


def a_prefix() -> None:
    """Define a prefix, and make requests of it."""
    support = Prefix("support", model="claude-sonnet-5-5", system="Be kind.")
    question = [{"role": "user", "content": "Hello"}]
    assert_type(support.request(messages=question, max_tokens=100), dict[str, Any])


def a_warmer(client: object, support: Prefix) -> None:
    """Warm with a client of one's own."""
    warmer = Warmer(client, [support, "small.prefix.json"], store=Path("state.json"))
    result = warmer.warm("support", verify=True)
    assert_type(result, WarmResult)
    assert_type(result.cost_usd, float | None)
    assert_type(result.cache_creation_tokens, int)
    assert_type(result.estimated_savings(requests=100, gap_seconds=60), float | None)
    assert_type(warmer.warm(), list[WarmResult])
    assert_type(warmer.ensure_cached(support), WarmResult)
    assert_type(warmer.start(), Future[list[WarmResult]])
    assert_type(support.with_model("claude-haiku-5-5", name="small"), Prefix)


async def an_asynchronous_warmer(client: object, support: Prefix) -> None:
    """The same, awaited."""
    warmer = AsyncWarmer(client, support, prices={"claude-sonnet-5-5": {"input": 2, "output": 10}})
    assert_type(await warmer.warm("support"), WarmResult)
    assert_type(await warmer.warm(), list[WarmResult])
    assert_type(await warmer.ensure_cached("support"), WarmResult)
    warmer.start()


def a_schedule(warmer: Warmer, usage: dict[str, int]) -> None:
    """Keep warm in this process."""
    with WarmSchedule(warmer, policy="auto", on_event=print) as schedule:
        assert_type(schedule.wait_until_warm("support", timeout=5), bool)
        assert_type(schedule.status("support"), WarmStatus)
        assert_type(schedule.status(), list[WarmStatus])
        assert_type(schedule.status("support").warm_until, float | None)
        schedule.observe(usage, "support")
        schedule.middleware()
    WarmSchedule(warmer, interval_seconds=240).check()


async def an_asynchronous_schedule(warmer: AsyncWarmer) -> None:
    """The same, as a task."""
    async with AsyncWarmSchedule(warmer, policy=Policy(rule="ski")) as schedule:
        assert_type(await schedule.wait_until_warm(), bool)
        assert_type(schedule.status("support"), WarmStatus)
        await schedule.check()


def tests_of_users(support: Prefix) -> None:
    """No network."""
    transport = RecordingTransport()
    Warmer(transport, support).warm()
    assert_type(transport.requests[0].body, dict[str, Any])
    with simulator() as sim:
        assert_type(sim.url, str)


def a_prefix_file(file: PrefixFile) -> None:
    """Read what a prefix file holds."""
    assert_type(file.fingerprint, dict[str, str])
    assert_type(file.usd_per_mtok, dict[str, float | None])


def asking() -> None:
    """Ask the deployed keep-warm function."""
    (outcome,) = ask("support", function="keep-warm", needed_for_seconds=300)
    assert_type(outcome, AskOutcome)
    assert_type(outcome.warm_until, float | None)


def a_library(prefix: Prefix, request: dict[str, Any]) -> None:
    """Measure, cap and shorten."""
    stats = CacheStats(prices={"mine": {"input": 1, "output": 5}})
    assert_type(stats.hit_rate(prefix="support", last_seconds=3600), float | None)
    assert_type(stats.summary().cost_usd, float | None)
    client = stats.wrap(anthropic.Anthropic(), prefix=prefix)
    assert_type(client, anthropic.Anthropic)
    stats.on_low(lambda event: print(event.hit_rate), below=0.6)
    assert_type([one.cause for one in stats.advice()], list[str])
    gate = CostGate(usd_per_day=5, tokens_per_call=100_000)
    try:
        with gate.call(request) as call:
            call.settle(client.messages.create(**request))
    except BudgetExceeded as error:
        assert_type(error.would_cost, float | None)
    assert_type(gate.estimate(request).usd, float | None)
    fitted = fit([{"role": "user", "content": "Hi"}], prefix, budget_tokens=1000)
    assert_type(fitted.messages, list[dict[str, Any]])
    assert_type(prefix_key(request), str)


def version() -> str:
    """The installed version."""
    return __version__


def observation(client: object) -> None:
    """Observe an agent."""
    middleware(add_breakpoint=True)
    async_middleware()
    watch(client)
    Observer().flush(1.0)


def a_simulator() -> None:
    """Run the simulator."""
    settings = Settings(latency=Latency(), limits=Limits(), switches=Switches())
    with running(clock="manual", settings=settings) as sim:
        assert_type(sim, Simulator)
        assert_type(sim.url, str)


def policies(view: View, arrivals: list[float]) -> None:
    """Ask a policy, and replay it."""
    assert_type(decide(view, Policy(rule="ski")), Decision)
    assert_type(view.multipliers, Multipliers)
    assert_type(replay(arrivals, 86400.0, "auto"), Replay)


def prices() -> None:
    """Look prices up."""
    assert_type(lookup("claude-sonnet-5-5"), ModelPrices | None)
    prices = price("mine", own={"mine": {"input": 1, "output": "5", "read": Decimal(1)}})
    assert_type(prices, ModelPrices | None)
    assert_type(cost({"input_tokens": 1}, "claude-sonnet-5-5"), Decimal | None)
    assert_type(minimum_tokens("claude-sonnet-5-5"), int | None)


def a_construct(stack: Stack, secret: secretsmanager.ISecret, agent: lambda_.Function) -> None:
    """Attach a warmer."""
    warmer = PrefixWarmer(
        stack,
        "Warm",
        prefixes=["support.prefix.json"],
        credentials=Credentials.secret(secret),
        keep_warm=KeepWarm.auto(),
        budget=Budget.usd_per_day(1),
    )
    warmer.attach(agent)
    assert_type(warmer.table.table_name, str)
