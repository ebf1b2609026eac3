"""All measurements of one run on the local cloud, as plain data.

The table, the JSON document and the page are made from it alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prefixwarm.simulator import Latency


@dataclass(frozen=True)
class ProviderCall:
    """One request that the simulated provider received.

    Times are milliseconds from the beginning of its `Round`; earlier ones are negative.

    Parameters
    ----------
    by
        Who sent it: ``keepwarm`` (the keep-warm function), ``init`` (the layer in an init phase)
        or ``agent``.
    first_token_ms, ended_ms
        When the provider sent the first and the last token; None if the request failed.
    cost_usd
        US dollars that the provider billed; None if the price is unknown.
    """

    by: str
    began_ms: float
    first_token_ms: float | None
    ended_ms: float | None
    status: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    cost_usd: float | None

    @property
    def ttft_ms(self) -> float | None:
        """Milliseconds from the request to its first token."""
        return None if self.first_token_ms is None else self.first_token_ms - self.began_ms


@dataclass(frozen=True)
class CacheEntry:
    """One entry of the provider's cache at the end of the round.

    Parameters
    ----------
    written_ms, expires_ms
        When it could first be read, and when it expires if not read again; milliseconds from the
        beginning of the round.
    reads
        Number of requests that read it.
    """

    tokens: int
    ttl_seconds: int
    written_ms: float
    expires_ms: float
    reads: int


@dataclass(frozen=True)
class Start:
    """One environment's start and first invocation, in milliseconds from the round's beginning.

    Parameters
    ----------
    began_ms
        When it was invoked and its init phase began.
    init_ms
        Duration of the init phase; None if the emulator does not report it.
    answered_ms
        When the function answered.
    """

    began_ms: float
    init_ms: float | None
    answered_ms: float


@dataclass(frozen=True)
class PrefixState:
    """The warm state of one prefix at the end of a round.

    Parameters
    ----------
    version
        Changes with the prefix's text, model or tools.
    seconds_left
        Remaining life of the entry; 0 if it is cold.
    next_check_seconds
        Seconds until the keep-warm function checks it again; None if it does not.
    calls
        Warm calls by anyone.
    spent_usd
        Their cost in US dollars; None if a price is unknown.
    reason
        Reason of the last call or decision.
    """

    name: str
    model: str
    version: str
    seconds_left: float
    next_check_seconds: float | None
    tokens: int
    calls: int
    spent_usd: float | None
    reason: str


@dataclass(frozen=True)
class Round:
    """One run of a scenario: environments that start together, and what the provider saw.

    Its beginning is the first invocation.

    Parameters
    ----------
    busy_cores
        Cores that other programs used at the beginning.
    prefixes
        The warm states afterwards.
    log
        Prefixwarm's log lines: of the keep-warm function before, then of the environments.
    """

    starts: tuple[Start, ...]
    calls: tuple[ProviderCall, ...]
    entries: tuple[CacheEntry, ...]
    busy_cores: float
    prefixes: tuple[PrefixState, ...]
    log: tuple[str, ...]


@dataclass(frozen=True)
class FirstRequest:
    """The first request of an environment, or the mean of many.

    Parameters
    ----------
    ttft_ms
        Milliseconds from the request to its first token, by the provider's clock.
    cost_usd
        US dollars that the provider billed for it; None if the price is unknown.
    """

    ttft_ms: float
    cache_read_tokens: int
    cache_write_tokens: int
    input_tokens: int
    cost_usd: float | None


@dataclass(frozen=True)
class Scenario:
    """One line of the table, and its rounds.

    Parameters
    ----------
    title
        A short description.
    environments
        Number of environments in each round.
    first_request, warm_calls, warm_cost_usd, cache_writes
        From the round with the median wait.
    warm_cost_usd
        US dollars for prefixwarm's own requests; None if the price is unknown.
    init_ms
        Median duration of all init phases.
    added_init_ms
        `init_ms` minus that of the same function without the layer.
    rounds
        All of them, in order.
    """

    name: str
    title: str
    environments: int
    first_request: FirstRequest
    warm_calls: int
    warm_cost_usd: float | None
    cache_writes: int
    init_ms: float
    added_init_ms: float
    rounds: tuple[Round, ...]

    @property
    def init_range_ms(self) -> tuple[float, float]:
        """The shortest and the longest init phase."""
        times = [s.init_ms for r in self.rounds for s in r.starts if s.init_ms is not None]
        return (min(times), max(times)) if times else (0.0, 0.0)


@dataclass(frozen=True)
class Machine:
    """The machine of the run.

    Parameters
    ----------
    cores
        Processor cores.
    busy
        Whether other programs used enough of them to slow down init phases.
    busy_cores
        Median of the cores that they used when rounds began.
    """

    cores: int
    busy: bool
    busy_cores: float


@dataclass(frozen=True)
class MeasuredRun:
    """One run on the local cloud.

    Parameters
    ----------
    app
        Name of the app that was deployed.
    versions
        Version of each part by name.
    """

    app: str
    scenarios: tuple[Scenario, ...]
    latency: Latency
    machine: Machine
    versions: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        """The documented JSON object."""
        return asdict(self)


def total_usd(costs: Iterable[float | None]) -> float | None:
    """The sum in US dollars; None if any cost is unknown."""
    total = 0.0
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total
