"""Compares every policy on the same traffic, in dollars."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from prefixwarm.life import TTL_1H, TTL_5M
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
    TTL_ALONE: Policy("never", ttl=TTL_1H),
    BLIND: Policy("always", ttl=TTL_5M, interval=240),
    "always": Policy("always"),
    "ski": Policy("ski"),
    "hazard": Policy("hazard"),
    "auto": Policy("auto"),
}
_CHOICES = (NOTHING, TTL_ALONE, "ski", "hazard", "auto")
# Policies without a keep-warm function, and so without AWS's charge.
_WITHOUT_AWS = (NOTHING, TTL_ALONE)

# Curve: session rates per day, spread evenly on a logarithmic scale.
_RATES = tuple(10 ** (exponent / 4) for exponent in range(-2, 9))
_CURVES = (NOTHING, TTL_ALONE, "ski")
_BLIND_PER_DAY = 24 * 60 / 4
_WORTH_USD = 0.01
# Two ticks: enough for the write, too short for a refresh.
_DEPLOYED_SECONDS = 120.0


@dataclass(frozen=True)
class Row:
    """One policy's result; costs per day include the real requests' own reads and writes.

    Attributes
    ----------
    policy : str
        A key of `POLICIES`, or ``optimum`` for the bound with all requests known beforehand.
    units_per_day : float
        Cost in units of one uncached read, waiting included; policies are compared by it.
    usd_per_day : float or None
        US dollars to pay, without waiting; None if the price is unknown.
    waiting_usd_per_day : float
        Cost of waiting for misses in US dollars.
    hit_rate : float or None
        Share of session starts that hit; None without session starts.
    pings_per_day, misses_per_day : float
        Warm calls, and requests that found the entry cold.
    deployment_usd : float or None
        US dollars of the write when a changed prompt is deployed; in no other figure.
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
    """What keeping one prefix warm costs and saves.

    Attributes
    ----------
    traffic, costs
        The plan's input.
    rows : tuple of Row
        One per policy, the bound last.
    starts_per_day : float
        Session starts: requests more than 300 s after the previous one.
    hours : Hours or None
        Active hours of the random traffic behind the curve; None for the whole day.
    aws_usd_per_month : float
        AWS's charge for the keep-warm function and its resources, US dollars in 30 days. The
        verdict and the break-even include it if the model's price is known.
    """

    traffic: Traffic
    costs: PrefixCosts
    rows: tuple[Row, ...]
    starts_per_day: float
    hours: Hours | None = None
    aws_usd_per_month: float = 0.0

    @property
    def curve(self) -> tuple[Point, ...]:
        """Cost by rate of random traffic in the same hours; takes a second of CPU."""
        return _curve(self.costs.multipliers, self.costs.latency, self.hours)

    @cached_property
    def break_even_per_day(self) -> float | None:
        """Requests per day above which the ski rule is cheaper than doing nothing.

        None if it never is, within the curve.
        """
        return _break_even(self.curve, _units(self.aws_usd_per_month, self.costs))

    def row(self, policy: str) -> Row:
        """Return a policy's row."""
        return next(row for row in self.rows if row.policy == policy)

    @property
    def best(self) -> Row:
        """The cheapest policy to choose, AWS's charge included."""
        return min((self.row(policy) for policy in _CHOICES), key=self._units_per_day)

    def aws_usd(self, row: Row) -> float:
        """AWS's charge for a policy, US dollars in 30 days."""
        return 0.0 if row.policy in _WITHOUT_AWS else self.aws_usd_per_month

    def _units_per_day(self, row: Row) -> float:
        return row.units_per_day + _units(self.aws_usd(row), self.costs)

    @property
    def rule(self) -> str:
        """The rule to deploy; ``never`` if keeping warm is not recommended."""
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
    """Replay every policy on the traffic.

    Parameters
    ----------
    traffic : Traffic
        The real requests.
    costs : PrefixCosts
        The prefix's prices.
    hours : Hours, optional
        Active hours of the random traffic behind the curve; by default the whole day.
    aws_usd_per_month : float
        AWS's charge for keeping the prefix warm, US dollars in 30 days.
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
    """Convert dollars per month to units per day; 0 if a unit's price is unknown."""
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
    """What the policy pays for a new, unused version, in units."""
    if name not in POLICIES:
        return 0.0
    unused = replay([], _DEPLOYED_SECONDS, POLICIES[name], deployments=[0.0], **costs.prices)
    return unused.deployment


@lru_cache(maxsize=8)
def _curve(multipliers: Multipliers, latency: float, hours: Hours | None) -> tuple[Point, ...]:
    """The curve for all prefixes with these prices."""
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
    # Such a policy's calls do not depend on the traffic, so nothing is replayed.
    units[BLIND] = (_BLIND_PER_DAY + per_day) * multipliers.read
    return Point(per_day, units)


def _active_hours(hours: Hours | None) -> float:
    """Average active hours per day of the week."""
    if hours is None:
        return 24.0
    length = (hours.end - hours.start) % 1440 or 1440
    return length / 60 * len(hours.calendar.weekdays) / 7


def _break_even(curve: tuple[Point, ...], aws_units_per_day: float) -> float | None:
    """Interpolate the rate at which the ski rule becomes cheaper than doing nothing."""
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
