"""What a schedule says of one prefix."""

from __future__ import annotations

from prefixwarm.wire.record import Record


class WarmStatus(Record):
    """One prefix as its schedule sees it. Times are epoch seconds.

    Attributes
    ----------
    name : str
        The prefix's name.
    warm : bool
        Whether its entry lives, as far as is known.
    outcome : str
        Of the schedule's last warm call, see `WarmResult`; empty before the first one.
    at : float or None
        When that call was made.
    warm_until : float or None
        When the entry lapses; None where it was never seen.
    next_check : float or None
        When the schedule decides again; None where it does not.
    reason : str
        Why it does what it does, in words.
    cost_usd : float or None
        US dollars of the schedule's calls for this prefix; None where one is unknown.
    """

    name: str
    warm: bool = False
    outcome: str = ""
    at: float | None = None
    warm_until: float | None = None
    next_check: float | None = None
    reason: str = ""
    cost_usd: float | None = 0.0
