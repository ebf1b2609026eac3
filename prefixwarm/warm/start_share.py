"""Computes what a start may still spend on a prefix and what one warm call takes of it."""

from __future__ import annotations

from time import gmtime, strftime

from prefixwarm.life import write_price
from prefixwarm.state.model import OBSERVED
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.state.warm_state import State


WEEK = 7 * 86_400
_LEAST_USD = 1e-9
_UNOBSERVED = (
    "nothing may be spent on such a start while nobody observes the agent (docs/init-phase.md)"
)


class StartShare(Record):
    """The dollars that a start's call takes, or why it may not spend.

    Attributes
    ----------
    usd : float
        The cost of a write; the week's whole share if that is unknown, so that starts make one
        such call a week, which may cost more or less than the share.
    week_usd : float or None
        The share of a week that begins with this call; None if one was granted or has begun.
    week_ends : float
        Epoch seconds.
    refusal : str
        Why nothing may be spent; empty if the call may be made.
    """

    usd: float
    week_usd: float | None
    week_ends: float
    refusal: str = ""


def start_share(
    shared: State, call: WarmCall, ttl: int, usd_per_week: float, now: float
) -> StartShare:
    """Return what a start takes for a write with this TTL (seconds).

    If the agent's requests are observed, the keep-warm function grants a share. Without a grant,
    starts have a weekly sum; the first start of the week opens it.

    Parameters
    ----------
    shared
        The state shared by all versions of the prefix: see `shared_key`.
    usd_per_week
        US dollars that starts may spend on a prefix per week without a grant. With 0, nothing is
        spent unless the agent is observed, whatever is left of a week.
    """
    ends = shared.money.init_until or 0.0
    opens = ends <= now
    left = usd_per_week if opens else shared.money.init_allowance_usd
    cost = call.usd(write_price(ttl))
    usd = usd_per_week if cost is None else cost
    share = StartShare(
        usd=usd,
        week_usd=usd_per_week if opens else None,
        week_ends=(now // WEEK + 1) * WEEK if opens else ends,
    )
    if not usd_per_week and not _observed(shared):
        return share.replace(refusal=_UNOBSERVED)
    if left >= usd and left > _LEAST_USD:
        return share
    return share.replace(refusal=_used_up(shared, cost, left, share.week_ends))


def used_up(shared: State, now: float) -> str:
    """Why starts may send nothing more now, judged by the last one's cost; empty if they may."""
    money = shared.money
    ends, taken = money.init_until or 0.0, money.init_write_usd
    if ends <= now or money.init_allowance_usd >= taken > 0.0:
        return ""
    # What a call of unknown price has taken is not what it cost.
    cost = None if money.unpriced and money.unpriced == money.calls else taken
    return _used_up(shared, cost, money.init_allowance_usd, ends)


def _observed(shared: State) -> bool:
    return bool(shared.traffic.starts) or shared.traffic.by == OBSERVED


def _used_up(shared: State, cost: float | None, left: float, ends: float) -> str:
    # Not at the top: a start that may send has nothing to say.
    from prefixwarm.amounts import dollars

    price = "is of unknown price" if cost is None else f"costs {dollars(cost)}"
    if _observed(shared):
        remedy = "requests that read what a start wrote give it back"
    else:
        date = strftime("%Y-%m-%d", gmtime(ends))
        remedy = f"more from {date}, or with prefixwarm.observe in the agent (docs/init-phase.md)"
    left_usd = dollars(max(0.0, left))
    return f"what starts may spend is used up: a write {price}, {left_usd} left; {remedy}"
