"""A provider that tells what a request reads of a warmed prefix."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.simulator import running
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.http import HttpTransport, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.simulator import Simulator

HEADERS = {
    "anthropic-version": "2023-06-01",
    "authorization": "Bearer k",
    "content-type": "application/json",
}


class Provider:
    """The simulator, asked by HTTP for the Messages API and for Converse."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._transport = HttpTransport()

    def reads(self, prefix: PrefixFile, body: Any, headers: Any = None) -> bool:
        """Whether the request reads all that the warm call wrote into an empty cache."""
        self._simulator.reset()
        warmed = self._usage(prefix, compile_prefix(prefix).body, prefix.headers)
        assert warmed is not None
        written = warmed.get("cache_creation_input_tokens", warmed.get("cacheWriteInputTokens"))
        sent = {name: value for name, value in body.items() if name != "modelId"}
        usage = self._usage(prefix, json.dumps(sent).encode(), headers)
        if usage is None:
            return False
        read: int = usage.get("cache_read_input_tokens", usage.get("cacheReadInputTokens"))
        return read >= written

    def _usage(self, prefix: PrefixFile, body: bytes, headers: Any = None) -> Any:
        """What the request billed; None when it is refused."""
        converse = prefix.route == "bedrock-converse"
        path = f"/model/{prefix.model}/converse" if converse else "/v1/messages"
        url = f"{self._simulator.url}{path}"
        request = Request(method="POST", url=url, headers={**HEADERS, **(headers or {})}, body=body)
        response = self._transport.send(request, Deadline.after(30))
        return json.loads(response.body)["usage"] if response.status == 200 else None

    def refuses(self, body: Any, headers: Any) -> bool:
        """Whether a request to the Messages API is answered with 400."""
        request = Request(
            method="POST",
            url=f"{self._simulator.url}/v1/messages",
            headers={**HEADERS, **headers},
            body=json.dumps(body).encode(),
        )
        return self._transport.send(request, Deadline.after(30)).status == 400

    def close(self) -> None:
        self._transport.close()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """One for all cases of a module."""
    with running(clock="manual") as simulator:
        provider = Provider(simulator)
        yield provider
        provider.close()
