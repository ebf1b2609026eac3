"""Options of commands that plan: where a prefix's requests come from, and when they come."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from prefixwarm.errors import UsageError
from prefixwarm.plan.arrivals import poisson, read
from prefixwarm.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.plan.arrivals import Traffic
    from prefixwarm.policy import Hours

R = TypeVar("R")


@dataclass(frozen=True)
class TrafficOptions:
    """The user's choice of requests.

    Attributes
    ----------
    arrivals : Path, optional
        File with the times of real requests.
    rate : float, optional
        Random requests an hour, in the active hours.
    hours, weekdays : str
        When random requests come.
    tz : str
        IANA name of the time zone of hours and times.
    """

    arrivals: Path | None
    rate: float | None
    hours: str
    weekdays: str
    tz: str

    def active(self) -> Hours | None:
        """The hours in which requests come.

        Raises
        ------
        SettingsError
            If the options do not name hours, days or a zone.
        """
        settings = {"hours": self.hours, "weekdays": self.weekdays, "timezone": self.tz}
        return Policy.of(settings).hours

    def traffic(self) -> Traffic | None:
        """The requests in the file, or random ones; None if neither is given.

        Raises
        ------
        UsageError
            If both are given, the file has no readable requests, or the rate is impossible.
        """
        if self.arrivals is not None and self.rate is not None:
            raise UsageError("--rate and --arrivals: give only one")
        if self.arrivals is not None:
            return read(self.arrivals, self.tz)
        return None if self.rate is None else poisson(self.rate, self.active())


def traffic_options(command: Callable[..., R]) -> Callable[..., R]:
    """Give a command `--arrivals`, `--rate`, `--hours`, `--weekdays` and `--tz`."""

    @click.option(
        "--arrivals",
        type=click.Path(path_type=Path),
        help="Request times: CSV, JSON, or output of `aws logs`; - is standard input.",
    )
    @click.option("--rate", type=float, help="Random traffic: requests per active hour.")
    @click.option("--hours", default="00-24", show_default=True, help="Active hours of --rate.")
    @click.option("--weekdays", default="mon-sun", show_default=True, help="Active days of --rate.")
    @click.option("--tz", default="UTC", show_default=True, help="Time zone of hours and times.")
    @functools.wraps(command)
    def wrapped(*args: Any, **options: Any) -> R:
        own = {field.name: options.pop(field.name) for field in fields(TrafficOptions)}
        return command(*args, **options, requests=TrafficOptions(**own))

    return wrapped
