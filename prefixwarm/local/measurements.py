"""What the demo measures, and how single runs become one line of its table."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.local.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefixwarm.local.emulator import Invocation


Request = dict[str, Any]


@dataclass(frozen=True)
class FirstRequest:
    """The first request of an environment, or the mean over many.

    Parameters
    ----------
    ttft_ms
        Milliseconds to the first token, as the agent measured them.
    cost_usd
        US dollars that the provider billed for it.
    """

    ttft_ms: float
    cache_read_tokens: int
    cache_write_tokens: int
    input_tokens: int
    cost_usd: float

    @classmethod
    def mean(cls, requests: Sequence[FirstRequest]) -> FirstRequest:
        """Field by field; tokens are rounded."""
        return cls(
            ttft_ms=statistics.fmean(request.ttft_ms for request in requests),
            cache_read_tokens=round(
                statistics.fmean(request.cache_read_tokens for request in requests)
            ),
            cache_write_tokens=round(
                statistics.fmean(request.cache_write_tokens for request in requests)
            ),
            input_tokens=round(statistics.fmean(request.input_tokens for request in requests)),
            cost_usd=statistics.fmean(request.cost_usd for request in requests),
        )


@dataclass(frozen=True)
class Run:
    """One start of one or many environments, and what the provider saw meanwhile.

    Parameters
    ----------
    answers
        The first invocation of each environment.
    requests
        The provider's own record of all requests.
    """

    answers: Sequence[Invocation]
    requests: Sequence[Request]

    @property
    def init_ms(self) -> float:
        """Median of the init phases."""
        return statistics.median(answer.init_ms or 0.0 for answer in self.answers)

    @property
    def first_request(self) -> FirstRequest:
        """The mean over the environments."""
        billed = {request["message_id"]: request for request in self.requests}
        return FirstRequest.mean([_first(answer, billed) for answer in self.answers])

    @property
    def warm_calls(self) -> Sequence[Request]:
        """What prefixwarm sent."""
        return [request for request in self.requests if request["warm"]]

    @property
    def cache_writes(self) -> int:
        """Requests of anyone whose cache write was billed."""
        return sum(_written(request) > 0 for request in self.requests)


@dataclass(frozen=True)
class Scenario:
    """One line of the demo's table; its fields are the keys of the JSON output."""

    name: str
    environments: int
    first_request: FirstRequest
    warm_calls: int
    warm_cost_usd: float
    cache_writes: int
    init_ms: float
    added_init_ms: float

    @classmethod
    def of(cls, name: str, runs: Sequence[Run], without_layer_ms: float) -> Scenario:
        """Sum up several runs of the same: the one with the median wait, and median inits.

        Parameters
        ----------
        without_layer_ms
            Median init phase of the same function without the layer.
        """
        typical = sorted(runs, key=lambda run: run.first_request.ttft_ms)[len(runs) // 2]
        init_ms = statistics.median(run.init_ms for run in runs)
        return cls(
            name=name,
            environments=len(typical.answers),
            first_request=typical.first_request,
            warm_calls=len(typical.warm_calls),
            warm_cost_usd=sum(float(request["cost_usd"]) for request in typical.warm_calls),
            cache_writes=typical.cache_writes,
            init_ms=init_ms,
            added_init_ms=init_ms - without_layer_ms,
        )


def _first(answer: Invocation, billed: Mapping[str, Request]) -> FirstRequest:
    payload = answer.payload
    if answer.status != 200 or "usage" not in payload:
        raise LocalCloudError(f"the agent failed: {str(payload)[:300]}")
    usage = payload["usage"]
    return FirstRequest(
        ttft_ms=payload["ttft_ms"],
        cache_read_tokens=usage["cache_read_input_tokens"],
        cache_write_tokens=usage["cache_creation_input_tokens"],
        input_tokens=usage["input_tokens"],
        cost_usd=float(billed[payload["message_id"]]["cost_usd"]),
    )


def _written(request: Request) -> int:
    return int((request["usage"] or {}).get("cache_creation_input_tokens") or 0)
