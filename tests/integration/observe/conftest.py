"""Warm calls and agents on one simulated provider and one state."""

from __future__ import annotations

import json
from time import time
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from prefixwarm.observe import Observer, async_middleware, middleware
from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.simulator import running
from prefixwarm.state.memory import MemoryState
from prefixwarm.warm.attempt import CallOptions
from prefixwarm.warm.connections import connect
from prefixwarm.wire.deadline import Deadline
from tests.helpers.prefixes import make_prefix
from tests.helpers.warming import warm

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "claude-sonnet-5-5"


def request(**changes: Any) -> dict[str, Any]:
    """What the agent sends."""
    marker = {"type": "ephemeral", "ttl": "1h"}
    system = [{"type": "text", "text": "You are a helper. " * 400, "cache_control": marker}]
    turn = {"role": "user", "content": "hello"}
    return {"model": MODEL, "max_tokens": 50, "system": system, "messages": [turn], **changes}


class Fleet:
    """A warmer and an agent's environments, which share a state."""

    def __init__(self, simulator: Any, state: MemoryState, sampled: bool) -> None:
        self.simulator = simulator
        self.state = state
        self.lines: list[Any] = []
        # What the SDK sends, and the provider may tell entries apart by.
        headers = {"anthropic-version": "2026-10-21"}
        self.prefix = make_prefix("support", request(), headers=headers)
        self._environ = {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": simulator.url}
        if sampled:
            self._environ["PREFIXWARM_DIAGNOSE"] = "sample"
        self._opened: list[Any] = []

    @property
    def key(self) -> str:
        """The key of the prefix's state."""
        call = compile_prefix(self.prefix)
        return call.key("default", self._environ)

    def warm(self) -> Any:
        """One warm call."""
        connections = connect(self._environ)
        ask = CallOptions(key=self.key, owner="warmer", needed_until=time() + 60)
        call, until = compile_prefix(self.prefix), Deadline.after(60)
        done = warm(call, ask, self.state, connections.provider, until)
        connections.transport.close()
        return done

    def observer(self, *, announced: bool = True) -> Observer:
        """That of a new environment, by default once it has told the state that it observes."""
        observer = Observer(
            [self.prefix],
            state=self.state,
            emit=lambda line: self.lines.append(json.loads(line)),
        )
        assert not announced or observer.flush(30)
        return observer

    def agent(self, observer: Observer) -> Any:
        """An agent's client."""
        client = anthropic.Anthropic(
            base_url=self.simulator.url, api_key="k", middleware=[middleware(observer)]
        )
        self._opened.append(client)
        return client

    def async_agent(self, observer: Observer) -> Any:
        """An asynchronous one."""
        return anthropic.AsyncAnthropic(
            base_url=self.simulator.url, api_key="k", middleware=[async_middleware(observer)]
        )

    def close(self) -> None:
        """Close the clients."""
        for client in self._opened:
            client.close()


@pytest.fixture
def make_request() -> Any:
    """`request`, for tests."""
    return request


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Make one fleet."""
    for name in ("PREFIXWARM_TABLE", "PREFIXWARM_PREFIXES", "PREFIXWARM_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    made: list[Fleet] = []
    with running(clock="real") as simulator:

        def make(state: MemoryState | None = None, *, sampled: bool = False) -> Fleet:
            made.append(Fleet(simulator, state or MemoryState(), sampled))
            return made[-1]

        yield make
        for one in made:
            one.close()
