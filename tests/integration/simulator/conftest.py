"""A simulator on the manual clock, and a plain HTTP client of it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx2
import pytest

from prefixwarm.simulator import running
from tests.helpers.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.simulator import Simulator

Json = dict[str, Any]
MakeApi: TypeAlias = "Callable[..., Api]"
MakeJson: TypeAlias = "Callable[..., Json]"
MakeText: TypeAlias = "Callable[..., str]"

# A model whose tokens are a quarter of the bytes, with a minimum of 1,024.
MODEL = "claude-sonnet-4-6"
HEADERS = {"authorization": "Bearer key", "anthropic-version": "2023-06-01"}


class Api:
    """Sends bodies to a simulator and looks at what comes back."""

    def __init__(self, sim: Simulator, **headers: str) -> None:
        self.sim = sim
        self.headers = {**HEADERS, **{k.replace("_", "-"): v for k, v in headers.items()}}
        self.client = httpx2.Client(base_url=sim.url, timeout=PATIENCE)

    def send(self, body: Any, path: str = "/v1/messages", **headers: str | None) -> httpx2.Response:
        """Post a body; a header of None is left out."""
        sent = {**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
        kept = {name: value for name, value in sent.items() if value is not None}
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return self.client.post(path, headers=kept, **content)

    def usage(self, body: Json, **headers: str | None) -> Json:
        """Post a body that succeeds; returns its usage."""
        reply = self.send(body, **headers)
        assert reply.status_code == 200, reply.text
        return reply.json()["usage"]

    def counts(self, body: Json, **headers: str | None) -> tuple[int, int, int]:
        """Post a body that succeeds; returns tokens read, written and uncached."""
        usage = self.usage(body, **headers)
        written = usage["cache_creation_input_tokens"]
        return usage["cache_read_input_tokens"], written, usage["input_tokens"]

    def refused(self, body: Any, status: int = 400, **headers: str | None) -> str:
        """Post a body that fails; returns the provider's message."""
        reply = self.send(body, **headers)
        assert reply.status_code == status, reply.text
        error = reply.json()
        assert error["type"] == "error"
        assert error["request_id"] == reply.headers["request-id"]
        return error["error"]["message"]


def text(tokens: int, seed: str = "a") -> str:
    """A text of exactly so many tokens of `MODEL`."""
    return (seed + "bcd ")[:4] * tokens


def marked(content: str, ttl: str | None = None) -> Json:
    """A text block with a breakpoint."""
    marker = {"type": "ephemeral", **({"ttl": ttl} if ttl else {})}
    return {"type": "text", "text": content, "cache_control": marker}


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A simulator on the manual clock."""
    with running(clock="manual") as simulator:
        yield simulator


@pytest.fixture
def api(sim: Simulator) -> Iterator[Api]:
    """A client of `sim`."""
    api = Api(sim)
    with api.client:
        yield api


@pytest.fixture
def make_api() -> Iterator[Callable[..., Api]]:
    """Starts simulators with options: ``make_api(refuse_zero=True)``."""
    open_now = []

    def make(clock: str = "manual", **options: Any) -> Api:
        context = running(clock=clock, **options)
        api = Api(context.__enter__())
        open_now.append((context, api.client))
        return api

    yield make
    for context, client in open_now:
        client.close()
        context.__exit__(None, None, None)


@pytest.fixture
def body() -> Callable[..., Json]:
    """Builds a request: a marked system block of 2,000 tokens and one short message."""

    def build(**changes: Any) -> Json:
        base = {
            "model": MODEL,
            "max_tokens": 0,
            "system": [marked(text(2000))],
            "messages": [{"role": "user", "content": "warm"}],
        }
        merged = {**copy.deepcopy(base), **changes}
        return {key: value for key, value in merged.items() if value is not None}

    return build


@pytest.fixture
def words() -> Callable[..., str]:
    """Builds a text of exactly so many tokens."""
    return text


@pytest.fixture
def mark() -> Callable[..., Json]:
    """Builds a text block with a breakpoint."""
    return marked
