"""When the keep-warm function refreshes prefixes, and how much it may spend."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from aws_cdk import Duration

from prefixwarm.errors import UsageError
from prefixwarm.life import TTL_SECONDS
from prefixwarm.policy import Policy
from prefixwarm.safe_text import quoted
from prefixwarm_cdk.inputs import expect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aws_cdk import TimeZone

    from prefixwarm.prefix.prefix_file import PrefixFile


class KeepWarm:
    """When prefixes are refreshed between the agent's own requests."""

    def __init__(self, policy: dict[str, Any] | None) -> None:
        if policy is not None:
            Policy.of(policy)
        self._policy = policy

    @classmethod
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
    def ski(cls, *, interval: Duration | None = None) -> KeepWarm:
        """Refresh until idle refreshes have cost as much as the write they save, then stop.

        Spends on one silence at most what the miss that it avoids would cost. `interval` as in
        `auto`.
        """
        return cls(_policy("ski", interval))

    @classmethod
    def hazard(cls, *, interval: Duration | None = None) -> KeepWarm:
        """Refresh while the chance of a request before the entry ends, as observed, pays it.

        `interval` as in `auto`.
        """
        return cls(_policy("hazard", interval))

    @classmethod
    def off(cls) -> KeepWarm:
        """No keep-warm function: prefixes are warmed in the init phase only."""
        return cls(None)

    @classmethod
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
        """Refresh within some hours only.

        Parameters
        ----------
        hours
            Such as ``08:00-20:00``; an end before the start is on the next day.
        weekdays
            Such as ``mon-fri`` or ``sat,sun``.
        time_zone
            Zone of the hours, with its daylight saving. Default: UTC.
        holidays
            ISO dates that do not count although their weekday does.
        warm_by
            Be warm by this time of each of these days, such as ``08:55``, whatever the rule says.
        rule
            What decides within the hours. Default: `auto`.
        """
        inside = (rule or cls.auto()).policy
        if inside is None:
            raise UsageError("KeepWarm.windows(rule=KeepWarm.off()) never warms: use .off()")
        limits = {
            "hours": hours,
            "weekdays": weekdays,
            "timezone": time_zone.timezone_name if time_zone else "UTC",
            "holidays": list(holidays),
            "before": warm_by,
        }
        return cls({**inside, **{name: value for name, value in limits.items() if value}})

    def check(self, files: Iterable[PrefixFile]) -> None:
        """Refuse an interval in which a prefix would be gone: each refresh would be a write."""
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
        """The policy as the manifest holds it; None when off."""
        return self._policy


class Budget:
    """A cap on what warm calls may cost."""

    def __init__(self, dollars: float) -> None:
        if not (math.isfinite(dollars) and dollars > 0):
            raise UsageError(
                f"Budget.usd_per_day({dollars:g}): write US dollars above 0; "
                "KeepWarm.off() leaves the keep-warm function out"
            )
        self.dollars = dollars

    @classmethod
    def usd_per_day(cls, dollars: float) -> Budget:
        """US dollars a UTC day for all prefixes of the warmer together."""
        try:
            return cls(float(dollars))
        except (TypeError, ValueError, OverflowError) as error:
            raise UsageError(f"Budget.usd_per_day: {quoted(str(dollars))} is no number") from error


def _policy(rule: str, interval: Duration | None) -> dict[str, Any]:
    expect("interval", interval, Duration, "Duration.minutes(50)")
    seconds = {"interval": interval.to_seconds()} if interval else {}
    return {"rule": rule, **seconds}
