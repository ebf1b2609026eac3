"""When the keep-warm function refreshes prefixes, and how much it may spend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import Duration, TimeZone

from prefixwarm.errors import UsageError
from prefixwarm.life import TTL_SECONDS
from prefixwarm_cdk import kinds
from prefixwarm_cdk.inputs import Kind, takes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prefixwarm.prefix.prefix_file import PrefixFile


def _interval(seconds: float) -> str:
    return kinds.policy_problem({"interval": seconds})


def _policy_document(value: dict[str, Any] | None) -> str:
    return "" if value is None else kinds.policy_problem(value)


def _rule(value: KeepWarm) -> str:
    return "never warms; use KeepWarm.off() alone" if value.policy is None else ""


def _time_zone(value: TimeZone) -> str:
    return kinds.policy_problem({"hours": "08:00-20:00", "timezone": value.timezone_name})


def _holiday(value: str) -> str:
    problem = kinds.policy_problem({"hours": "08:00-20:00", "holidays": [value]})
    return f"is wrong: {problem}" if problem else ""


_POLICY = {
    "policy": kinds.instance((dict, type(None)), '{"rule": "ski"}', problem=_policy_document)
}
_INTERVAL = {"interval": kinds.duration("Duration.minutes(50)", _interval)}
_WINDOWS = {
    "hours": kinds.policy("hours", '"08:00-20:00"'),
    "weekdays": kinds.policy("weekdays", '"mon-fri"'),
    "time_zone": kinds.instance(TimeZone, 'TimeZone.of("Europe/Oslo")', problem=_time_zone),
    "holidays": kinds.several(kinds.text('"2026-12-25"', _holiday), '["2026-12-25"]'),
    "warm_by": kinds.policy("before", '"08:55"'),
    "rule": Kind(lambda value: isinstance(value, KeepWarm), "KeepWarm.ski()", _rule),
}
_BUDGET = {
    "dollars": kinds.number(
        "US dollars, such as 1",
        "write US dollars above 0, and below 1,000,000; KeepWarm.off() leaves the keep-warm "
        "function out",
        lambda value: 0 < value < 1e6,
    )
}


class KeepWarm:
    """When prefixes are refreshed between the agent's own requests.

    Make one with `auto`, `ski`, `hazard`, `windows` or `off`.
    """

    @takes("KeepWarm", _POLICY)
    def __init__(self, policy: dict[str, Any] | None) -> None:
        self._policy = policy

    @classmethod
    @takes("KeepWarm.auto", _INTERVAL)
    def auto(cls, *, interval: Duration | None = None) -> KeepWarm:
        """`ski` where a prefix has enough session starts for it to pay; else no refreshes.

        Parameters
        ----------
        interval
            Time from a request to the refresh that follows it. Default: a little less than the
            cache entry lives.
        """
        return cls(_policy("auto", interval))

    @classmethod
    @takes("KeepWarm.ski", _INTERVAL)
    def ski(cls, *, interval: Duration | None = None) -> KeepWarm:
        """Refresh until refreshes without traffic have cost as much as the write they save.

        Spends at most the cost of the avoided miss on one silence. `interval` as in `auto`.
        """
        return cls(_policy("ski", interval))

    @classmethod
    @takes("KeepWarm.hazard", _INTERVAL)
    def hazard(cls, *, interval: Duration | None = None) -> KeepWarm:
        """Refresh while the observed chance of a request before the entry expires pays for it.

        `interval` as in `auto`.
        """
        return cls(_policy("hazard", interval))

    @classmethod
    def off(cls) -> KeepWarm:
        """No keep-warm function: warm prefixes only in the init phase."""
        return cls(None)

    @classmethod
    @takes("KeepWarm.windows", _WINDOWS)
    def windows(
        cls,
        hours: str,
        *,
        weekdays: str = "mon-fri",
        time_zone: TimeZone | None = None,
        holidays: Sequence[str] = (),
        warm_by: str | None = None,
        rule: KeepWarm | None = None,
    ) -> KeepWarm:
        """Refresh only within certain hours.

        Parameters
        ----------
        hours
            For example ``08:00-20:00``; an end before the start is on the next day.
        weekdays
            For example ``mon-fri`` or ``sat,sun``.
        time_zone
            Time zone of the hours, with daylight saving. Default: UTC.
        holidays
            ISO dates to leave out although their weekday counts.
        warm_by
            Be warm by this time on each of these days, such as ``08:55``, whatever the rule
            decides.
        rule
            The rule within the hours. Default: `auto`.
        """
        inside = (rule or cls.auto()).policy
        assert inside is not None
        limits = {
            "hours": hours,
            "weekdays": weekdays,
            "timezone": time_zone.timezone_name if time_zone else "UTC",
            "holidays": list(holidays),
            "before": warm_by,
        }
        return cls({**inside, **{name: value for name, value in limits.items() if value}})

    def check(self, files: Iterable[PrefixFile]) -> None:
        """Refuse an interval longer than a prefix's life, with which each refresh would be a
        write."""
        interval = (self._policy or {}).get("interval", 0)
        for file in files:
            life = TTL_SECONDS[file.ttl]
            if interval >= life:
                raise UsageError(
                    f"prefix {file.name}: lives for {life} s and would be refreshed every "
                    f"{interval:g} s; choose a shorter interval, or leave it out"
                )

    @property
    def policy(self) -> dict[str, Any] | None:
        """The policy in the manifest's form; None if off."""
        return self._policy


class Budget:
    """A cap on what warm calls may cost."""

    @takes("Budget", _BUDGET)
    def __init__(self, dollars: float) -> None:
        self.dollars = dollars

    @classmethod
    @takes("Budget.usd_per_day", _BUDGET)
    def usd_per_day(cls, dollars: float) -> Budget:
        """US dollars per UTC day for all prefixes of the warmer together."""
        return cls(float(dollars))


def _policy(rule: str, interval: Duration | None) -> dict[str, Any]:
    seconds = {"interval": interval.to_seconds(integral=False)} if interval else {}
    return {"rule": rule, **seconds}
