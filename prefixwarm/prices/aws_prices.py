"""AWS's dated list prices of one region, and the monthly cost of a default deployment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class AwsPrices:
    """AWS's list prices, without the free tier.

    Attributes
    ----------
    as_of, region, source : str
        ISO date, AWS region, and the source of the prices.
    usd : dict
        US dollars per unit, by item.
    units : dict
        The unit of each item, such as ``GB``.
    deployments : dict
        US dollars per month of a deployment with default settings, by its number of prefixes, as
        computed by `benchmarks/aws_bill.py`.
    """

    as_of: str
    region: str
    source: str
    usd: dict[str, float]
    units: dict[str, str]
    deployments: dict[int, float]

    def deployment(self, prefixes: int = 1) -> float:
        """US dollars per month of a deployment of this size, interpolated linearly."""
        sizes = sorted(self.deployments)
        if prefixes <= sizes[0]:
            return self.deployments[sizes[0]]
        for low, high in pairwise(sizes):
            if prefixes <= high:
                share = (prefixes - low) / (high - low)
                return self.deployments[low] + share * (
                    self.deployments[high] - self.deployments[low]
                )
        return self.deployments[sizes[-1]] * prefixes / sizes[-1]


@cache
def aws_prices() -> AwsPrices:
    """The table that ships with the package."""
    data: dict[str, Any] = json.loads(Path(__file__).with_name("aws.json").read_text("utf-8"))
    return AwsPrices(
        as_of=data["as_of"],
        region=data["region"],
        source=data["source"],
        usd={name: row["usd"] / row["per"] for name, row in data["usd"].items()},
        units={name: row["unit"] for name, row in data["usd"].items()},
        deployments={int(n): usd for n, usd in data["deployment_usd_per_month"].items()},
    )
