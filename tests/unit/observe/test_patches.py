"""Every client of an SDK is observed, once, and made as it would have been."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import anthropic
import boto3
import pytest
from anthropic import _base_client
from botocore.session import Session

from prefixwarm.observe import (
    Observer,
    async_middleware,
    instrument,
    middleware,
    process_observer,
    watch,
)
from prefixwarm.observe.bedrock import _WATCHED
from prefixwarm.observe.patches import PATCHES, anthropic_clients

if TYPE_CHECKING:
    from types import ModuleType

KEYS = {"aws_access_key_id": "AKID", "aws_secret_access_key": "s", "region_name": "us-east-1"}


@pytest.fixture(autouse=True)
def patched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both SDKs, until the test's end."""
    for owner in (_base_client.SyncAPIClient, _base_client.AsyncAPIClient):
        monkeypatch.setattr(owner, "__init__", owner.__init__)
    monkeypatch.setattr(Session, "create_client", Session.create_client)
    monkeypatch.setattr(process_observer, "_observers", [Observer([])])
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    assert {"anthropic", "boto3"} <= set(instrument())


def test_clients_of_the_sdk() -> None:
    """One middleware each, behind those of the client's own; a derived client keeps one."""

    def own(request: Any, call_next: Any) -> Any:
        return call_next(request)

    with anthropic.Anthropic(api_key="k", middleware=[own]) as client:
        first, _ours = client.middleware
        assert first is own
        assert len(client.with_options(middleware=[own]).middleware) == 2
        assert len(client.copy().middleware) == 2
    with anthropic.Anthropic(api_key="k", middleware=[middleware(Observer([]))]) as client:
        assert len(client.middleware) == 1


async def _of_asynchronous_clients() -> list[int]:
    counts = []
    for chain in ([], [async_middleware(Observer([]))]):
        async with anthropic.AsyncAnthropic(api_key="k", middleware=chain) as client:
            counts.append(len(client.middleware))
    return counts


def test_asynchronous_clients_of_the_sdk() -> None:
    """The same."""
    import asyncio

    assert asyncio.run(_of_asynchronous_clients()) == [1, 1]


def test_clients_of_boto3() -> None:
    """Of the one service; a client that is watched by hand as well is watched once."""
    bedrock, table = boto3.client("bedrock-runtime", **KEYS), boto3.client("dynamodb", **KEYS)
    assert hasattr(bedrock, _WATCHED)
    assert not hasattr(table, _WATCHED)
    first = getattr(bedrock, _WATCHED)
    watch(bedrock, Observer([]))
    assert getattr(bedrock, _WATCHED) is first
    bedrock.close()
    table.close()


def test_an_sdk_without_middleware_stays_as_it_is() -> None:
    """Before 2.x there was none."""

    class Old:
        def __init__(self, *, api_key: str) -> None:
            self.api_key = api_key

    class Module:
        SyncAPIClient = AsyncAPIClient = Old

    module: ModuleType = Module  # type: ignore[assignment]
    before = Old.__init__
    assert anthropic_clients(module) is False
    assert Old.__init__ is before


def test_an_observer_that_cannot_be_made_harms_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is made as if we were not there."""

    def broken() -> None:
        raise RuntimeError("x")

    monkeypatch.setattr(process_observer, "shared_observer", broken)
    with anthropic.Anthropic(api_key="k") as client:
        assert client.middleware == ()
    boto3.client("bedrock-runtime", **KEYS).close()


LATER = """
import sys
from prefixwarm.observe import instrument
assert "anthropic" not in sys.modules, "instrument imports nothing"
instrument()
assert "anthropic" not in sys.modules, "instrument imports nothing"
import anthropic
loader = anthropic._base_client.__spec__.loader
print(len(anthropic.Anthropic(api_key="k").middleware), type(loader).__name__)
"""


@pytest.mark.slow
def test_sdks_that_are_imported_later() -> None:
    """Without importing them; afterwards their modules show nothing of it."""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LATER], capture_output=True, text=True, check=False
    )
    assert (ran.stdout.split(), ran.stderr) == (["1", "SourceFileLoader"], "")


def test_what_is_patched_stands_in_one_table() -> None:
    """The layer's start hooks the same modules."""
    from prefixwarm_layer.auto_observe import SDKS

    assert {name: patch.module for name, patch in PATCHES.items()} == {
        name: module for module, name in SDKS.items()
    }
