"""The simulated provider as the demo uses it."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.simulator import Latency, Principal, running

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KEY", "LATENCY", "Provider", "provider"]

# The only key that the simulated provider takes, so that a wrong one would show.
KEY = "sk-ant-local-demo"
LATENCY = Latency(base=0.35, prefill_rate=12_000, read_rate=500_000, output_rate=80)


@dataclass(frozen=True)
class Provider:
    """A running simulator."""

    url: str

    def reset(self) -> None:
        """Forget all cache entries and all requests."""
        self._call("POST", "/_sim/reset")

    def requests(self) -> list[dict[str, Any]]:
        """Every request since the last reset, as the provider saw and billed it."""
        found = self._call("GET", "/_sim/requests")
        return list(found["requests"])

    def _call(self, method: str, path: str) -> Any:
        body = b"{}" if method == "POST" else None
        request = urllib.request.Request(f"{self.url}{path}", body, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
            return json.load(reply)


@contextlib.contextmanager
def provider() -> Iterator[Provider]:
    """Run a provider on loopback whose replies take their time."""
    with running(clock="real", latency=LATENCY, keys={KEY: Principal()}) as simulator:
        yield Provider(simulator.url)
