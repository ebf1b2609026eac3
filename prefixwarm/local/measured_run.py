"""Everything that one run on the local cloud measured, as one plain value.

The table, the JSON document and the page are made from it, and from nothing else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class ProviderCall:
    """One request that the simulated provider received.

    Times are milliseconds from the beginning of its `Round`; before it they are negative.

    Parameters
    ----------
    by
        Who sent it: ``keepwarm`` (the keep-warm function), ``init`` (the layer in an init phase)
        or ``agent``.
    first_token_ms, ended_ms
        When the provider sent the first token and the last; None where the request failed.
    cost_usd
        US dollars that the provider billed; None where the price is unknown.
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
    """One entry of the provider's cache when the round was over.

    Parameters
    ----------
    written_ms, expires_ms
        When it could first be read, and when it expires if nobody reads it again; milliseconds
        from the beginning of the round.
    reads
        Requests that have read it.
    """

    tokens: int
    ttl_seconds: int
    written_ms: float
    expires_ms: float
    reads: int


@dataclass(frozen=True)
class Start:
    """One environment's start and its first invocation, milliseconds from the round's beginning.

    Parameters
    ----------
    began_ms
        When it was invoked; the init phase begins then.
    init_ms
        How long the init phase took; None where the emulator does not say.
    answered_ms
        When the function answered.
    """

    began_ms: float
    init_ms: float | None
    answered_ms: float


@dataclass(frozen=True)
class PrefixState:
    """The warm state of one prefix when a round was over.

    Parameters
    ----------
    version
        What changes with the prefix's text, its model or its tools.
    seconds_left
        How long the entry still lives; 0 where it is cold.
    next_check_seconds
        When the keep-warm function looks at it again, seconds from then; None where it does not.
    calls
        Warm calls by anyone.
    spent_usd
        US dollars that they cost; None where a price is unknown.
    reason
        Why the last call or decision was as it was, in prefixwarm's own words.
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
        Processor cores that other programs used when it began.
    prefixes
        The warm states afterwards.
    log
        The lines that prefixwarm has logged, in the keep-warm function before and then in the
        environments.
    """

    starts: tuple[Start, ...]
    calls: tuple[ProviderCall, ...]
    entries: tuple[CacheEntry, ...]
    busy_cores: float
    prefixes: tuple[PrefixState, ...]
    log: tuple[str, ...]


@dataclass(frozen=True)
class FirstRequest:
    """The first request of an environment, or the mean over many.

    Parameters
    ----------
    ttft_ms
        Milliseconds from the request to its first token, by the provider's clock.
    cost_usd
        US dollars that the provider billed for it; None where the price is unknown.
    """

    ttft_ms: float
    cache_read_tokens: int
    cache_write_tokens: int
    input_tokens: int
    cost_usd: float | None


@dataclass(frozen=True)
class Scenario:
    """One line of the table, and the rounds that it sums up.

    Parameters
    ----------
    title
        What happens in it, in some words.
    environments
        How many start in each round.
    first_request, warm_calls, warm_cost_usd, cache_writes
        Of the round with the median wait.
    warm_cost_usd
        US dollars of prefixwarm's own requests; None where the price is unknown.
    init_ms
        Median of all init phases.
    added_init_ms
        `init_ms` beyond the same function's without the layer.
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
class ProviderLatency:
    """How the simulated provider takes its time: see `prefixwarm.simulator.Latency`."""

    base: float
    prefill_rate: float
    read_rate: float
    output_rate: float


@dataclass(frozen=True)
class Machine:
    """What the run was measured on.

    Parameters
    ----------
    cores
        Processor cores.
    busy
        Whether other programs used so much of them that init phases were slowed down.
    busy_cores
        How many cores they used when rounds began: the median.
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
        Version by the name of each part.
    """

    app: str
    scenarios: tuple[Scenario, ...]
    latency: ProviderLatency
    machine: Machine
    versions: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        """The documented JSON object."""
        return asdict(self)
