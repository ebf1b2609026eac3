"""Makes one line of the table from what the emulator and the simulated provider recorded."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.local.errors import LocalCloudError
from prefixwarm.local.measured_run import (
    CacheEntry,
    FirstRequest,
    ProviderCall,
    Round,
    Scenario,
    Start,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prefixwarm.local.emulator import Invocation


Request = dict[str, Any]

_TTL_SECONDS = {"5m": 300, "1h": 3600}
_OWN_AGENT = "prefixwarm"


@dataclass(frozen=True)
class Run:
    """One start of one or many environments, and what the provider saw meanwhile.

    Parameters
    ----------
    answers
        The first invocation of each environment.
    requests
        The provider's own record of all requests since the cache was emptied.
    entries
        Its live cache entries afterwards.
    earlier
        How many of the requests were made before the environments started.
    clock_offset
        What the provider's clock is ahead of this process's monotonic one, in seconds.
    busy_cores
        Cores that other programs used just before.
    """

    answers: Sequence[Invocation]
    requests: Sequence[Request]
    entries: Sequence[dict[str, Any]] = ()
    earlier: int = 0
    clock_offset: float = 0.0
    busy_cores: float = 0.0

    @property
    def init_ms(self) -> float:
        """Median of the init phases."""
        return statistics.median(answer.init_ms or 0.0 for answer in self.answers)

    @property
    def first_request(self) -> FirstRequest:
        """The agents' own first request: one environment's, or the mean over all of them.

        Raises
        ------
        LocalCloudError
            When none was made, with what the function answered.
        """
        calls = [call for call in self._calls() if call.by == "agent" and call.ended_ms is not None]
        if not calls:
            answer = str(self.answers[0].payload)[:300]
            raise LocalCloudError(f"the function made no model call that worked: {answer}")
        return _mean(calls if len(self.answers) > 1 else calls[:1])

    @property
    def warm_calls(self) -> Sequence[Request]:
        """What prefixwarm sent."""
        return [request for request in self.requests if _is_ours(request)]

    @property
    def cache_writes(self) -> int:
        """Requests of anyone whose cache write was billed."""
        return sum(call.cache_write_tokens > 0 for call in self._calls())

    def round(self) -> Round:
        """The same as plain data, timed from the first invocation."""
        starts = tuple(
            Start(
                began_ms=self._ms(answer.began + self.clock_offset),
                init_ms=answer.init_ms,
                answered_ms=self._ms(answer.ended + self.clock_offset),
            )
            for answer in self.answers
        )
        entries = tuple(
            CacheEntry(
                tokens=entry["tokens"],
                ttl_seconds=_TTL_SECONDS[entry["ttl"]],
                written_ms=self._ms(entry["available_at"]),
                expires_ms=self._ms(entry["expires_at"]),
                reads=entry["reads"],
            )
            for entry in self.entries
        )
        return Round(starts, tuple(self._calls()), entries, self.busy_cores)

    def _ms(self, moment: float) -> float:
        began = min(answer.began for answer in self.answers) + self.clock_offset
        return round((moment - began) * 1000, 1)

    def _calls(self) -> list[ProviderCall]:
        return [
            self._call(request, "keepwarm" if number < self.earlier else "init")
            for number, request in enumerate(self.requests)
        ]

    def _call(self, request: Request, our_part: str) -> ProviderCall:
        usage = request["usage"] or {}
        began = self._ms(request["time"])
        times = {
            name: None if request[f"{kind}_ms"] is None else round(began + request[f"{kind}_ms"], 1)
            for name, kind in (("first_token_ms", "ttft"), ("ended_ms", "latency"))
        }
        cost = request["cost_usd"]
        return ProviderCall(
            by=our_part if _is_ours(request) else "agent",
            began_ms=began,
            status=request["status"],
            input_tokens=usage.get("input_tokens") or 0,
            cache_read_tokens=usage.get("cache_read_input_tokens") or 0,
            cache_write_tokens=usage.get("cache_creation_input_tokens") or 0,
            output_tokens=usage.get("output_tokens") or 0,
            cost_usd=None if cost is None else float(cost),
            **times,
        )


def scenario(name: str, title: str, runs: Sequence[Run], without_layer_ms: float) -> Scenario:
    """Sum up several runs of the same: the one with the median wait, and median inits.

    Parameters
    ----------
    without_layer_ms
        Median init phase of the same function without the layer.
    """
    typical = sorted(runs, key=lambda run: run.first_request.ttft_ms)[len(runs) // 2]
    init_ms = statistics.median(run.init_ms for run in runs)
    own = [call for call in typical.round().calls if call.by != "agent"]
    return Scenario(
        name=name,
        title=title,
        environments=len(typical.answers),
        first_request=typical.first_request,
        warm_calls=len(own),
        warm_cost_usd=_sum(call.cost_usd for call in own),
        cache_writes=typical.cache_writes,
        init_ms=init_ms,
        added_init_ms=init_ms - without_layer_ms,
        rounds=tuple(run.round() for run in runs),
    )


def _is_ours(request: Request) -> bool:
    return str(request["headers"].get("user-agent", "")).startswith(_OWN_AGENT)


def _mean(calls: Sequence[ProviderCall]) -> FirstRequest:
    """Field by field; tokens are rounded."""
    costs = _sum(call.cost_usd for call in calls)
    return FirstRequest(
        ttft_ms=round(statistics.fmean(call.ttft_ms or 0.0 for call in calls), 1),
        cache_read_tokens=round(statistics.fmean(call.cache_read_tokens for call in calls)),
        cache_write_tokens=round(statistics.fmean(call.cache_write_tokens for call in calls)),
        input_tokens=round(statistics.fmean(call.input_tokens for call in calls)),
        cost_usd=None if costs is None else costs / len(calls),
    )


def _sum(costs: Iterable[float | None]) -> float | None:
    """Unknown where one of them is."""
    total = 0.0
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total
