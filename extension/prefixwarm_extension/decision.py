"""Whether to warm at this start, and how long the function may be held for it.

On demand, a request is already waiting. A warm call that nobody waits for only adds a second
write to that request's own, so a call is sent only if the function is held until its reply, and
only where that wait is worth what the request then saves.
"""

from __future__ import annotations

from prefixwarm.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.core.settings import Settings
    from prefixwarm.core.state import State
    from prefixwarm.core.warm_call import WarmCall

__all__ = ["MANAGED", "RESTORED", "Start", "start_of", "worth_holding"]

ON_DEMAND = "on-demand"
PROVISIONED = "provisioned-concurrency"
SNAP_START = "snap-start"
MANAGED = "lambda-managed-instances"
# Our own word: what the runtime's after-restore hook starts; a request is waiting again.
RESTORED = "restored"

PATIENT_SECONDS = 55.0
_KINDS = (ON_DEMAND, PROVISIONED, SNAP_START, MANAGED, RESTORED)


class Start(Record):
    """How this environment starts: seconds that it may be held, or why nothing is done."""

    kind: str
    hold: float
    refusal: str = ""

    @property
    def awaited(self) -> bool:
        """Whether a request waits for this start."""
        return self.kind in (ON_DEMAND, RESTORED)


def start_of(settings: Settings, kind: str | None, most: float) -> Start:
    """What the initialization type and the settings make of this start.

    Parameters
    ----------
    kind
        ``AWS_LAMBDA_INITIALIZATION_TYPE``, or ``restored``; one that is not known is treated as
        on demand, the strictest.
    most
        Seconds that whoever started us waits at most.
    """
    known = kind if kind in _KINDS else ON_DEMAND
    refusal = _refusal(settings, known)
    if refusal:
        return Start(kind=known, hold=0.0, refusal=refusal)
    if known in (PROVISIONED, MANAGED):
        return Start(kind=known, hold=min(PATIENT_SECONDS, most))
    hold = min(settings.init_hold_ms / 1000, most)
    return Start(
        kind=known, hold=hold, refusal="" if hold else "first request will write: the hold is 0"
    )


def _refusal(settings: Settings, kind: str) -> str:
    if settings.disabled:
        return "disabled by PREFIXWARM_DISABLED"
    if settings.init == "off":
        return "off by PREFIXWARM_INIT"
    if kind == SNAP_START:
        return "snap-start: init runs when publishing; warm after restore"
    if settings.init == "auto" and settings.table is None:
        return "PREFIXWARM_TABLE is not set; PREFIXWARM_INIT=auto needs it"
    return ""


def worth_holding(
    settings: Settings, start: Start, state: State, call: WarmCall, held: float
) -> str:
    """Why holding for a cold entry does not pay at this start; empty when it does.

    The wait is what the call takes beyond the function's own init; what it saves is the first
    request's write instead of a read. Both are seconds of the same user. Where a second is worth
    dollars, the read that the request then pays in addition must be worth it too.

    Parameters
    ----------
    held
        Seconds since the launcher's child began.
    """
    if not start.awaited or state.write_ms is None:
        return ""
    write = state.write_ms / 1000
    if write > start.hold - held:
        return f"first request will write: a write takes {write:.1f} s, longer than the hold"
    if settings.init_hint_ms is None:
        return ""
    wait = max(0.0, write - max(0.0, settings.init_hint_ms / 1000 - held))
    saved = max(0.0, write - (state.read_ms or 0.0) / 1000)
    if wait >= saved:
        return f"first request will write: waiting {wait:.1f} s would save it {saved:.1f} s"
    return _too_dear(settings, call, saved - wait)


def _too_dear(settings: Settings, call: WarmCall, gain: float) -> str:
    price = call.usd_per_mtok.get("read")
    if not settings.latency_value or price is None or call.tokens is None:
        return ""
    worth, read = settings.latency_value * gain, price * call.tokens / 1e6
    if worth >= read:
        return ""
    return (
        f"first request will write: {gain:.1f} s are worth ${worth:.6f}, a read costs ${read:.6f}"
    )
