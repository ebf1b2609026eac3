"""Cold starts without and with the layer, in pairs: what the layer adds to the init phase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import DeploymentError
from prefixwarm.verify.cloud.report_line import percentile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    """

    plain: Sequence[float]
    layer: Sequence[float]
    skipped: int = 0

    @property
    def added(self) -> list[float]:
        """What the layer added, pair by pair."""
        return [with_it - without for without, with_it in zip(self.plain, self.layer, strict=True)]

    def document(self) -> dict[str, Any]:
        """Percentiles in milliseconds, for people and machines."""
        rows = {"without": list(self.plain), "with": list(self.layer), "added": self.added}
        return {
            "pairs": len(self.plain),
            "skipped_pairs": self.skipped,
            "init_ms": {name: _percentiles(values) for name, values in rows.items()},
        }


def measure(
    calls: LambdaCalls,
    plain: str,
    layer: str,
    count: int,
    progress: Callable[[str], None],
) -> StartPairs:
    """Start both functions so many times each, the one first and then the other.

    The first pair does not count: it finds no copy of the code near where it runs.

    Raises
    ------
    DeploymentError
        When no pair was cold.
    """
    without: list[float] = []
    with_layer: list[float] = []
    for number in range(count + 1):
        order = (plain, layer) if number % 2 else (layer, plain)
        answers = {function: calls.cold_start(function, _NO_QUESTION) for function in order}
        pair = [answer.report.init_ms for answer in (answers[plain], answers[layer]) if answer]
        if number and len(pair) == 2 and None not in pair:
            without.append(pair[0] or 0.0)
            with_layer.append(pair[1] or 0.0)
        progress(f"cold starts: pair {number} of {count}")
    if not without:
        raise DeploymentError("Lambda started no environment anew: no REPORT line has an init")
    return StartPairs(without, with_layer, count - len(without))


def _percentiles(values: list[float]) -> dict[str, float]:
    return {name: round(percentile(values, share), 1) for name, share in _SHARES.items()}
