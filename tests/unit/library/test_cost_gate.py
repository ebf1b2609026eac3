"""A budget of dollars and tokens: reserved before a call, settled after it, shared by all."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import anthropic
import boto3
import pytest

from prefixwarm import BudgetExceeded, CostGate
from prefixwarm.errors import PrefixwarmError, StateError, UsageError
from prefixwarm.keepwarm.budget import Budget, total_key
from prefixwarm.prefix.manifest import Entry
from prefixwarm.simulator import running
from prefixwarm.state.memory import FileState, MemoryState
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prefixwarm.simulator import Simulator

OWN = {"mine": {"input": 1, "output": 10, "read": 0.1, "write_5m": 1.25, "write_1h": 2}}
# 1,000 tokens of output at most: $0.01, and next to nothing for the prompt.
REQUEST: dict[str, Any] = {"model": "mine", "max_tokens": 1000, "messages": []}
USAGE = {"input_tokens": 0, "output_tokens": 100}
DAY = datetime(2026, 11, 28, 23, 0, tzinfo=timezone.utc).timestamp()


def gate(**options: Any) -> CostGate:
    return CostGate(**{"prices": OWN, "clock": lambda: DAY, **options})


def test_a_call_over_its_own_limit() -> None:
    with pytest.raises(BudgetExceeded) as raised:
        gate(usd_per_call=0.005).reserve(REQUEST)
    error = raised.value
    assert (error.unit, error.period, error.cap) == ("usd", "call", 0.005)
    assert error.would_cost == pytest.approx(0.01, abs=1e-4)
    assert "usd_per_call" in str(error)
    assert isinstance(error, PrefixwarmError)
    with pytest.raises(BudgetExceeded, match=r"up to ~1,00. tokens, with 500 tokens"):
        gate(tokens_per_call=500).reserve(REQUEST)


def test_the_day_fills_up_and_says_so() -> None:
    """Estimates before, what was billed after: so ten times as many fit."""
    one = gate(usd_per_day=0.0251)
    for _ in range(15):
        one.reserve(REQUEST).settle(USAGE)
    assert one.spent()[0] == pytest.approx(0.015)
    held = one.reserve(REQUEST)
    with pytest.raises(BudgetExceeded) as raised:
        one.reserve(REQUEST)
    error = raised.value
    assert (error.period, error.cap) == ("day", 0.0251)
    assert error.spent == pytest.approx(0.025, abs=1e-4)
    assert "$0.025 of $0.0251 a day spent" in str(error)
    held.release()
    one.reserve(REQUEST)


def test_tokens_a_day() -> None:
    one = gate(tokens_per_day=2500)
    one.reserve(REQUEST).settle({**USAGE, "cache_read_input_tokens": 300})
    assert one.spent() == (pytest.approx(0.00103), 400)
    one.reserve(REQUEST)
    one.reserve(REQUEST)
    with pytest.raises(BudgetExceeded, match="tokens_per_day") as raised:
        one.reserve(REQUEST)
    assert (raised.value.unit, raised.value.cap) == ("tokens", 2500)


def test_what_is_never_settled_is_spent() -> None:
    one = gate(usd_per_day=0.0101)
    with one.call(REQUEST):
        pass
    with pytest.raises(BudgetExceeded):
        one.check(REQUEST)


@pytest.mark.parametrize(
    "reply", [{}, None, {"input_tokens": 10**12, "output_tokens": 1}, {"output_tokens": -1}]
)
def test_absurd_usage_is_no_settlement(reply: Any) -> None:
    one = gate(usd_per_day=1)
    before = one.reserve(REQUEST)
    before.settle(reply)
    assert before.cost_usd is None
    assert one.spent()[0] == pytest.approx(before.estimate.usd)


def test_a_call_is_settled_once() -> None:
    one = gate(usd_per_day=1)
    call = one.reserve(REQUEST)
    call.settle(USAGE)
    call.settle(USAGE)
    call.release()
    assert one.spent()[0] == pytest.approx(0.001)
    assert call.cost_usd == pytest.approx(0.001)


def test_a_new_day_begins_at_midnight_utc() -> None:
    """And a call of the old one is settled there."""
    times = [DAY]
    one = gate(usd_per_day=0.0101, clock=lambda: times[0])
    call = one.reserve(REQUEST)
    times[0] += 7200
    assert one.spent() == (0.0, 0)
    one.reserve(REQUEST)
    call.settle(USAGE)
    assert one.spent()[0] == pytest.approx(0.01, abs=1e-4)


def test_an_unknown_price_exceeds_any_dollars() -> None:
    unknown = {**REQUEST, "model": "claude-opus-99"}
    with pytest.raises(BudgetExceeded, match="its price is unknown") as raised:
        gate(usd_per_day=10).check(unknown)
    assert raised.value.would_cost is None
    gate(tokens_per_day=10_000).check(unknown)


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"usd_per_day": 0},
        {"usd_per_day": -1},
        {"tokens_per_call": True},
        {"usd_per_call": "1"},
        {"usd_per_day": float("nan")},
        {"usd_per_day": float("inf")},
    ],
)
def test_limits_that_are_none(limits: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="CostGate"):
        CostGate(**limits)


@pytest.mark.parametrize(
    ("request_fields", "output"),
    [
        ({"max_tokens": 7}, 7),
        ({"max_completion_tokens": 7}, 7),
        ({"max_output_tokens": 7}, 7),
        ({"inferenceConfig": {"maxTokens": 7}}, 7),
        ({"config": {"max_output_tokens": 7}}, 7),
        ({"max_tokens": 0}, 0),
        ({}, 4096),
    ],
)
def test_the_most_output(request_fields: dict[str, Any], output: int) -> None:
    """By the names of all APIs; without a limit what the gate was told."""
    estimate = gate(usd_per_day=1).estimate({"model": "mine", "messages": [], **request_fields})
    assert estimate.output_tokens == output


def test_a_write_is_estimated_at_its_price() -> None:
    text = {"type": "text", "text": "word " * 6000}
    one = gate(usd_per_day=1)
    usd = [
        one.estimate({"model": "mine", "max_tokens": 0, "system": [{**text, **marker}]}).usd
        for marker in (
            {},
            {"cache_control": {"type": "ephemeral"}},
            {"cache_control": {"type": "ephemeral", "ttl": "1h"}},
        )
    ]
    assert usd[0] == pytest.approx(0.01, rel=0.05)
    assert usd[1] == pytest.approx(1.25 * usd[0], rel=0.01)
    assert usd[2] == pytest.approx(2 * usd[0], rel=0.01)


def test_threads_share_it() -> None:
    """Of a hundred that come together as many get through as it holds, and no more."""
    one = gate(usd_per_day=0.1005)
    through: list[object] = []

    def call() -> None:
        try:
            through.append(one.reserve(REQUEST))
        except BudgetExceeded:
            return

    threads = [threading.Thread(target=call) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(through) in (9, 10)


TAKE = """
import sys
from pathlib import Path
from prefixwarm import BudgetExceeded, CostGate

own = {"mine": {"input": 1, "output": 10}}
gate = CostGate(usd_per_day=0.2, store=Path(sys.argv[1]), prices=own)
taken = 0
try:
    while True:
        gate.reserve({"model": "mine", "max_tokens": 1000, "messages": []})
        taken += 1
except BudgetExceeded:
    print(taken)
"""


def test_processes_share_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TAKE, str(tmp_path / "budget.json")]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert sum(int(worker.communicate()[0]) for worker in workers) in (19, 20)


def test_the_keep_warm_function_shares_it() -> None:
    """Each sees what the other one has reserved; its ledger of warm calls stays its own."""
    store = MemoryState()
    one = gate(usd_per_day=0.0151, store=store, deployment="shop")
    entry = Entry("a", "a.prefix.json")
    budget = Budget(store, 0.0151, total_key("shop"), lambda: DAY)
    warm = budget.reserve("state/a", entry, 0.004, Deadline.after(60))
    assert warm is not None
    call = one.reserve(REQUEST)
    assert one.spent()[0] == pytest.approx(0.014, abs=1e-4)
    assert budget.reserve("state/a", entry, 0.004, Deadline.after(60)) is None
    call.settle(USAGE)
    assert budget.reserve("state/a", entry, 0.004, Deadline.after(60)) is not None
    (ledger,) = store.ledger(total_key("shop"), ["2026-11-28"], Deadline.after(60))
    assert (ledger.spent_usd, ledger.outcomes) == (0.0, {})
    with pytest.raises(BudgetExceeded):
        one.reserve(REQUEST)


FORK = """
import os, signal
from prefixwarm import CacheStats, CostGate

signal.alarm(20)
stats = CacheStats(opentelemetry=False)
gate = CostGate(tokens_per_day=10_000)
request = {"model": "mine", "max_tokens": 1000, "messages": []}
gate.reserve(request)
# As if a thread held the locks at that moment.
stats._lock.acquire()
gate._store.table.lock.acquire()
child = os.fork()
if child == 0:
    stats.record({"input_tokens": 1, "output_tokens": 1})
    gate.reserve(request)
    os._exit(0 if gate.spent()[1] >= 2000 else 1)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
"""


def test_a_forked_process_waits_for_no_lock_of_its_parents_threads() -> None:
    ran = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "0", ran.stderr


def test_a_gate_is_no_deployment_of_its_name() -> None:
    """Nor are two gates of different names one."""
    store = MemoryState()
    gate(usd_per_day=1, store=store, deployment="shop").reserve(REQUEST)
    gate(usd_per_day=1, store=store, name="shop").reserve(REQUEST)
    for name in ("shop", "other"):
        one = gate(usd_per_day=1, store=store, name=name)
        assert one.spent()[0] == pytest.approx(0.01 if name == "shop" else 0.0, abs=1e-4)
    budget = Budget(store, 0.0103, total_key("shop"), lambda: DAY)
    assert budget.reserve("state/a", Entry("a", "a"), 0.0001, Deadline.after(60)) is not None


class Unreachable(MemoryState):
    down = True
    asked = 0

    def reserve(self, *arguments: Any) -> bool:
        self.asked += 1
        if self.down:
            raise StateError("the table cannot be reached")
        return super().reserve(*arguments)


def test_a_store_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    """The limits hold for this process, one line says so, and then for all again."""
    store = Unreachable()
    times = [DAY]
    one = gate(usd_per_day=0.0251, store=store, clock=lambda: times[0])
    one.reserve(REQUEST)
    one.reserve(REQUEST).settle(USAGE)
    one.reserve(REQUEST)
    with pytest.raises(BudgetExceeded):
        one.reserve(REQUEST)
    assert caplog.text.count("cannot be reached") == 1
    assert store.asked == 1, "a store that failed keeps no call waiting again"
    store.down = False
    times[0] += 60
    one.reserve(REQUEST)
    assert one.spent()[0] == pytest.approx(0.01, abs=1e-4)


def test_a_file_that_cannot_be_written_keeps_no_call_back(tmp_path: Path) -> None:
    one = gate(usd_per_day=1, store=FileState(tmp_path / "no" / "folder.json"))
    one.reserve(REQUEST).settle(USAGE)
    assert one.spent()[0] == pytest.approx(0.001)


@pytest.fixture
def provider() -> Iterator[Simulator]:
    with running(clock="manual") as simulator:
        yield simulator


ASK: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 200,
    "messages": [{"role": "user", "content": "Which lamp is the brightest?"}],
}


def test_a_client_through_the_gate(provider: Simulator) -> None:
    """Whole and streamed; what the provider refuses is given back."""
    one = CostGate(usd_per_day=1, tokens_per_day=100_000)
    with anthropic.Anthropic(api_key="k", base_url=provider.url, max_retries=0) as client:
        assert one.run(client.messages.create, **ASK).usage.output_tokens
        spent = one.spent()
        stream = one.run(client.messages.create, **ASK, stream=True)
        assert isinstance(stream, anthropic.Stream)
        assert one.spent()[0] > spent[0]
        for _event in stream:
            pass
        billed = float(provider.ledger()["total"]["cost_usd"])
        assert one.spent()[0] == pytest.approx(billed)
        with pytest.raises(anthropic.BadRequestError):
            one.run(client.messages.create, **{**ASK, "max_tokens": -1})
    assert one.spent()[0] == pytest.approx(billed)


def test_an_asynchronous_client(provider: Simulator) -> None:
    one = CostGate(usd_per_day=1)

    async def send() -> None:
        async with anthropic.AsyncAnthropic(
            api_key="k", base_url=provider.url, max_retries=0
        ) as client:
            await asyncio.gather(*(one.run_async(client.messages.create, **ASK) for _ in range(10)))
            async for _event in await one.run_async(client.messages.create, **ASK, stream=True):
                pass
            with pytest.raises(anthropic.NotFoundError):
                await one.run_async(client.messages.create, **{**ASK, "model": "claude-opus-5-5x"})

    with pytest.raises(BudgetExceeded):
        asyncio.run(send())
    billed = float(provider.ledger()["total"]["cost_usd"])
    assert one.spent()[0] == pytest.approx(billed)


def test_boto3(provider: Simulator) -> None:
    """Its streams are settled when they were read, its errors are given back."""
    one = CostGate(usd_per_day=1)
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=provider.url,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    request = {
        "modelId": "global.anthropic.claude-sonnet-5-5",
        "inferenceConfig": {"maxTokens": 100},
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
    }
    one.run(client.converse, **request)
    for _event in one.run(client.converse_stream, **request)["stream"]:
        pass
    billed = float(provider.ledger()["total"]["cost_usd"])
    assert one.spent()[0] == pytest.approx(billed)
    with pytest.raises(client.exceptions.ValidationException):
        one.run(client.converse, **{**request, "messages": []})
    assert one.spent()[0] == pytest.approx(billed)
    client.close()


def test_what_fails_otherwise_counts_as_spent() -> None:
    """Nobody knows whether the request arrived."""
    one = gate(usd_per_day=1)

    def breaks(**_request: Any) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        one.run(breaks, **REQUEST)
    assert one.spent()[0] == pytest.approx(0.01, abs=1e-4)
