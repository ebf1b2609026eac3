"""The status of one prefix in a schedule."""

from __future__ import annotations

from prefixwarm.wire.record import Record


class WarmStatus(Record):
    """One prefix as its schedule sees it. Times are epoch seconds.

    Attributes
    ----------
    name : str
        The prefix's name.
    warm : bool
        Whether its entry is known to be alive.
    outcome : str
        The outcome of the schedule's last warm call, see `WarmResult`; empty before the first.
    at : float or None
        When that call was made.
    warm_until : float or None
        When the entry expires; None if it was never seen.
    next_check : float or None
        When the schedule decides again; None for never.
    reason : str
        Why the schedule does what it does.
    cost_usd : float or None
        Cost of the schedule's calls for this prefix in US dollars; None if one is unknown.
    """

    name: str
    warm: bool = False
    outcome: str = ""
    at: float | None = None
    warm_until: float | None = None
    next_check: float | None = None
    reason: str = ""
    cost_usd: float | None = 0.0
