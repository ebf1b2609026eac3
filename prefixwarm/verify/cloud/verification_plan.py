"""What a run is to do, and what AWS and the model provider charge for it at most."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from prefixwarm.amounts import dollars
from prefixwarm.errors import UsageError
from prefixwarm.prices.aws_prices import aws_prices
from prefixwarm.prices.model_price import price

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTS, OBSERVATIONS, RUNTIMES, SNAPSTART, SHUTDOWN = PARTS = (
    "starts",
    "observations",
    "runtimes",
    "snapstart",
    "shutdown",
)
MOST_USD = 1.0
_HOURS_A_MONTH = 730
# Longer than any start of the example that was seen, and what it logs.
_START_SECONDS, _START_LOG_GB = 5.0, 1e-5
# A start may have to be forced again; before each pair the keep-warm function is asked.
_RETRIED = 1.5
# Lambda caches a version's snapshot for three hours at least.
_SNAPSHOT_SECONDS = 3 * 3600
# Of the example agent: its model, prefix, and the most calls and output of a question.
_MODEL, _PREFIX_TOKENS, _CALLS, _OUTPUT, _UNCACHED = "claude-sonnet-5-5", 8_000, 6, 1_024, 2_000
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class VerificationPlan:
    """The parts of a run and how much of each.

    Parameters
    ----------
    parts
        Of `PARTS`.
    starts
        Pairs of cold starts.
    questions
        Questions to the observed agent.
    runtimes
        Whose file systems are shown.
    python
        Version of the example's runtime.
    key_secret
        ARN of a secret with an API key, for real model calls; None makes none.
    base_url
        A provider to take instead of the stub.
    """

    parts: tuple[str, ...]
    starts: int
    questions: int
    runtimes: tuple[str, ...]
    python: str
    key_secret: str | None = None
    base_url: str | None = None

    @property
    def deploys(self) -> bool:
        """Whether any part needs the example."""
        return bool({STARTS, OBSERVATIONS, SNAPSTART} & set(self.parts))

    @property
    def has_stub(self) -> bool:
        """Whether a function answers in the provider's place."""
        return self.deploys and not self.key_secret and not self.base_url

    def charges(self) -> dict[str, float]:
        """US dollars by what they are for, at most."""
        usd = aws_prices().usd
        second = usd[f"lambda_gb_second_{local_architecture()}"]
        runs = dict(self._invocations())
        gb_seconds = sum(count * gb * _START_SECONDS for count, gb in runs.values())
        count = sum(count for count, _ in runs.values())
        charges = {
            "Lambda": gb_seconds * second + count * usd["lambda_request"],
            "logs": count * _START_LOG_GB * usd["log_ingested_gb"],
        }
        if SNAPSTART in self.parts:
            charges["SnapStart"] = (
                _SNAPSHOT_SECONDS * usd["snapstart_cached_gb_second"]
                + 3 * usd["snapstart_restored_gb"]
            )
        if self.deploys:
            month = aws_prices().deployment() + usd["secret_month"]
            charges["an hour of the deployment"] = month / _HOURS_A_MONTH
        if self.key_secret and self.deploys:
            charges["model calls"] = self._model_calls()
        return charges

    def check(self) -> float:
        """The sum of the charges.

        Raises
        ------
        UsageError
            When it is more than a verification may cost.
        """
        total = sum(self.charges().values())
        if total > MOST_USD:
            raise UsageError(
                f"this would cost up to {dollars(total)}: take fewer --starts or --questions"
            )
        return total

    def _invocations(self) -> Iterator[tuple[str, tuple[float, float]]]:
        """Count and GB of memory by part."""
        amounts = {
            STARTS: ((2 * _RETRIED + 1) * (self.starts + 1), 1.0),
            OBSERVATIONS: (2.0 * (self.questions + 2), 1.0),
            RUNTIMES: (2.0 * len(self.runtimes), 0.5),
            SNAPSTART: (4.0, 1.0),
            SHUTDOWN: (3.0, 0.5),
        }
        yield from ((part, amounts[part]) for part in self.parts)

    def _model_calls(self) -> float:
        """Every question takes the most calls; starts ask none."""
        prices = price(_MODEL)
        assert prices is not None
        assert prices.read is not None
        assert prices.write_1h is not None
        questions = self.questions if OBSERVATIONS in self.parts else 0
        call = _PREFIX_TOKENS * prices.read + _UNCACHED * prices.input + _OUTPUT * prices.output
        writes = 2 * _PREFIX_TOKENS * prices.write_1h
        asks = self.starts * _PREFIX_TOKENS * prices.read
        return float((questions * _CALLS * call + writes + asks) / _MILLION)


def local_architecture() -> str:
    """Lambda's name of this machine's architecture, which the example's code is bundled for."""
    return "arm64" if platform.machine().lower() in ("aarch64", "arm64") else "x86_64"
