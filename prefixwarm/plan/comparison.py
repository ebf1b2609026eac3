"""Every policy on the same traffic, in dollars, and what follows from it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from prefixwarm.plan.arrivals import MOST_PER_HOUR, poisson
from prefixwarm.policy import Policy, optimum, replay

if TYPE_CHECKING:
    from prefixwarm.plan.arrivals import Traffic
    from prefixwarm.plan.costs import PrefixCosts
    from prefixwarm.policy import Multipliers, Replay
    from prefixwarm.policy.calendar import Hours


MONTH = 30
NOTHING = "do nothing"
TTL_ALONE = "1 h TTL alone"
BLIND = "4-minute pings"
BOUND = "optimum"
POLICIES = {
    NOTHING: Policy("never"),
    TTL_ALONE: Policy("never", ttl=3600),
    BLIND: Policy("always", ttl=300, interval=240),
    "always": Policy("always"),
    "ski": Policy("ski"),
    "hazard": Policy("hazard"),
    "auto": Policy("auto"),
}
_CHOICES = (NOTHING, TTL_ALONE, "ski", "hazard", "auto")
# What needs no keep-warm function, and so nothing of AWS.
_WITHOUT_AWS = (NOTHING, TTL_ALONE)

# Curve: session rates per day, spread evenly on a logarithmic scale.
_RATES = tuple(10 ** (exponent / 4) for exponent in range(-2, 9))
_CURVES = (NOTHING, TTL_ALONE, "ski")
_BLIND_PER_DAY = 24 * 60 / 4
_WORTH_USD = 0.01
# Two ticks: long enough for the write, too short for a refresh.
_DEPLOYED_SECONDS = 120.0


@dataclass(frozen=True)
class Row:
    """One policy on the traffic; costs per day include the real requests' own reads or writes.

    Attributes
    ----------
    policy : str
        A key of `POLICIES`, or ``optimum`` for the clairvoyant bound.
    units_per_day : float
        In units of one uncached read, waiting included: what policies are compared by.
    usd_per_day : float or None
        US dollars to pay, so without the waiting; None while the price is unknown.
    waiting_usd_per_day : float
        US dollars that the waiting for misses is worth.
    hit_rate : float or None
        Share of session starts that hit; None without any.
    pings_per_day, misses_per_day : float
        Warm calls, and requests that found the entry cold.
    deployment_usd : float or None
        US dollars of the write at the deployment of a changed prompt, which is in no other figure.
    """

    policy: str
    units_per_day: float
    usd_per_day: float | None
    waiting_usd_per_day: float
    hit_rate: float | None
    pings_per_day: float
    misses_per_day: float
    deployment_usd: float | None = None

    @property
    def usd_per_month(self) -> float | None:
        """US dollars to pay in 30 days."""
        return None if self.usd_per_day is None else self.usd_per_day * MONTH

    @property
    def worth_per_month(self) -> float | None:
        """US dollars in 30 days, waiting included."""
        if self.usd_per_month is None:
            return None
        return self.usd_per_month + self.waiting_usd_per_day * MONTH


@dataclass(frozen=True)
class Point:
    """Costs at one rate of random traffic, units a day by policy."""

    per_day: float
    units: dict[str, float]


@dataclass(frozen=True)
class Plan:
    """What keeping one prefix warm costs and brings.

    Attributes
    ----------
    traffic, costs
        What it was made for.
    rows : tuple of Row
        By policy, the bound last.
    starts_per_day : float
        Session starts: requests more than 300 s after the previous one.
    hours : Hours or None
        Active hours of the random traffic behind the curve; None for the whole day.
    aws_usd_per_month : float
        What AWS charges for the keep-warm function and what belongs to it, US dollars in 30 days.
        It is part of the verdict and of the break-even, where the model's price is known.
    """

    traffic: Traffic
    costs: PrefixCosts
    rows: tuple[Row, ...]
    starts_per_day: float
    hours: Hours | None = None
    aws_usd_per_month: float = 0.0

    @property
    def curve(self) -> tuple[Point, ...]:
        """Cost against the rate of random traffic in the same hours; takes a second of CPU."""
        return _curve(self.costs.multipliers, self.costs.latency, self.hours)

    @cached_property
    def break_even_per_day(self) -> float | None:
        """Requests a day from which the ski rule is cheaper than doing nothing.

        None where it never is, within the curve.
        """
        return _break_even(self.curve, _units(self.aws_usd_per_month, self.costs))

    def row(self, policy: str) -> Row:
        """The row of a policy."""
        return next(row for row in self.rows if row.policy == policy)

    @property
    def best(self) -> Row:
        """The cheapest of what can be chosen, AWS's charge included."""
        return min((self.row(policy) for policy in _CHOICES), key=self._units_per_day)

    def aws_usd(self, row: Row) -> float:
        """What AWS charges for a policy, US dollars in 30 days."""
        return 0.0 if row.policy in _WITHOUT_AWS else self.aws_usd_per_month

    def _units_per_day(self, row: Row) -> float:
        return row.units_per_day + _units(self.aws_usd(row), self.costs)

    @property
    def rule(self) -> str:
        """The rule to keep it warm with; ``never`` where that is not recommended."""
        return self.best.policy if self.worthwhile else "never"

    @property
    def worthwhile(self) -> bool:
        """Whether keeping warm saves at least a cent a month."""
        saved = self.row(NOTHING).units_per_day - self._units_per_day(self.best)
        usd = self.costs.usd(saved * MONTH)
        warms = self.best.policy not in _WITHOUT_AWS
        return warms and not self.costs.too_short and (usd is None or usd >= _WORTH_USD)


def compare(
    traffic: Traffic,
    costs: PrefixCosts,
    hours: Hours | None = None,
    aws_usd_per_month: float = 0.0,
) -> Plan:
    """Replay every policy.

    Parameters
    ----------
    traffic : Traffic
        The real requests.
    costs : PrefixCosts
        The prefix's prices.
    hours : Hours, optional
        Active hours of the random traffic behind the curve; the whole day by default.
    aws_usd_per_month : float
        AWS's own charge for keeping it warm, US dollars in 30 days.
    """
    prices = costs.prices
    spent = {
        name: replay(traffic.arrivals, traffic.end, policy, **prices)
        for name, policy in POLICIES.items()
    }
    spent[BOUND] = optimum(traffic.arrivals, traffic.end, **prices)
    return Plan(
        traffic,
        costs,
        tuple(_row(name, account, traffic, costs) for name, account in spent.items()),
        spent[NOTHING].starts / traffic.days,
        hours,
        aws_usd_per_month,
    )


def _units(usd_per_month: float, costs: PrefixCosts) -> float:
    """Dollars a month in units a day; none where the price of a unit is unknown."""
    unit = costs.usd(1.0)
    return usd_per_month / MONTH / unit if unit else 0.0


def _row(name: str, account: Replay, traffic: Traffic, costs: PrefixCosts) -> Row:
    waiting = account.misses * costs.latency
    paid = (account.total - waiting + traffic.folded * costs.multipliers.read) / traffic.days
    return Row(
        name,
        paid + waiting / traffic.days,
        costs.usd(paid),
        costs.latency_usd * account.misses / traffic.days,
        account.hit_rate,
        account.pings / traffic.days,
        account.misses / traffic.days,
        costs.usd(_at_deployment(name, costs)),
    )


def _at_deployment(name: str, costs: PrefixCosts) -> float:
    """What the policy pays for a new version that no request has used yet, in units."""
    if name not in POLICIES:
        return 0.0
    unused = replay([], _DEPLOYED_SECONDS, POLICIES[name], deployments=[0.0], **costs.prices)
    return unused.deployment


@lru_cache(maxsize=8)
def _curve(multipliers: Multipliers, latency: float, hours: Hours | None) -> tuple[Point, ...]:
    """The curve of all prefixes with these prices."""
    most = MOST_PER_HOUR * _active_hours(hours)
    return tuple(_point(rate, multipliers, latency, hours) for rate in _RATES if rate <= most)


def _point(per_day: float, multipliers: Multipliers, latency: float, hours: Hours | None) -> Point:
    active = _active_hours(hours)
    days = int(min(400, max(28, 400 / per_day)))
    made = poisson(per_day / active, hours, days=days)
    prices = {**asdict(multipliers), "latency": latency}
    units = {
        name: replay(made.arrivals, made.end, POLICIES[name], **prices).total / days
        for name in _CURVES
    }
    # Round the clock, whatever the traffic: no need to replay a hundred thousand of them.
    units[BLIND] = (_BLIND_PER_DAY + per_day) * multipliers.read
    return Point(per_day, units)


def _active_hours(hours: Hours | None) -> float:
    """Active hours of an average day of the week."""
    if hours is None:
        return 24.0
    length = (hours.end - hours.start) % 1440 or 1440
    return length / 60 * len(hours.calendar.weekdays) / 7


def _break_even(curve: tuple[Point, ...], aws_units_per_day: float) -> float | None:
    """Where the ski rule becomes cheaper than doing nothing, between two points of the curve."""
    before: tuple[float, float] | None = None
    for point in curve:
        gain = point.units[NOTHING] - point.units["ski"] - aws_units_per_day
        if gain > 0:
            if before is None:
                return point.per_day
            rate, loss = before
            share = -loss / (gain - loss)
            return math.exp(math.log(rate) * (1 - share) + math.log(point.per_day) * share)
        before = point.per_day, gain
    return None
