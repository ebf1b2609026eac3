"""Cold starts without and with the layer, in pairs: what the layer adds to the init phase."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import DeploymentError
from prefixwarm.verify.cloud.log_lines import init_outcomes
from prefixwarm.verify.cloud.report_line import percentile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from prefixwarm.verify.cloud.lambda_calls import LambdaCalls

_SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
# The example refuses it before it calls a model: the init phase is all that is wanted.
_NO_QUESTION: dict[str, Any] = {}


@dataclass(frozen=True)
class StartPairs:
    """Init phases in milliseconds, pair by pair.

    Parameters
    ----------
    plain, layer
        Of the function without and with the layer, taken in turns.
    skipped
        Pairs in which Lambda answered from an environment that it had.
    outcomes
        What the layer logged of its starts, and how often; also of those that do not count.
    """

    plain: Sequence[float]
    layer: Sequence[float]
    skipped: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)

    @property
    def added(self) -> list[float]:
        """What the layer added, pair by pair."""
        return [with_it - without for without, with_it in zip(self.plain, self.layer, strict=True)]

    def document(self) -> dict[str, Any]:
        """Percentiles in milliseconds, for people and machines."""
        rows = {"without": self.plain, "with": self.layer, "added": self.added}
        return {
            "pairs": len(self.plain),
            "skipped_pairs": self.skipped,
            "outcomes": dict(self.outcomes),
            "init_ms": {name: _percentiles(values) for name, values in rows.items()},
        }


def measure(
    calls: LambdaCalls, plain: str, layer: str, count: int, prepare: Callable[[str], None]
) -> StartPairs:
    """Start both functions so many times each, the one first and then the other.

    The first pair does not count: it finds no copy of the code near where it runs.

    Parameters
    ----------
    plain, layer
        Names of the functions without and with the layer.
    prepare
        Is called before each pair with what comes next.

    Raises
    ------
    DeploymentError
        When no pair was cold.
    """
    pairs: list[tuple[float, float]] = []
    for number in range(count + 1):
        prepare(f"cold starts: pair {number} of {count}")
        order = (plain, layer) if number % 2 else (layer, plain)
        init_ms = {function: calls.cold_start(function, _NO_QUESTION) for function in order}
        without, with_layer = init_ms[plain], init_ms[layer]
        if number and without is not None and with_layer is not None:
            pairs.append((without, with_layer))
    if not pairs:
        raise DeploymentError("Lambda started no environment anew: no REPORT line has an init")
    outcomes = Counter(calls.logged(layer, init_outcomes, enough=len(pairs)))
    plain_ms, layer_ms = zip(*pairs, strict=True)
    return StartPairs(plain_ms, layer_ms, count - len(pairs), outcomes)


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    return {name: round(percentile(values, share), 1) for name, share in _SHARES.items()}
