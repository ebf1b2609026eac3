"""Whether to warm at this start, and how long the function may be held for it.

On demand, a request is already waiting. A warm call that nobody waits for only adds a second
write to that request's own, so a call is sent only if `next` is held until its reply.
"""

from __future__ import annotations

from prefixwarm.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.core.settings import Settings
    from prefixwarm.core.state import State

__all__ = ["Start", "start_of", "worth_holding"]

PATIENT_SECONDS = 55.0
_KINDS = ("on-demand", "provisioned-concurrency", "snap-start", "lambda-managed-instances")


class Start(Record):
    """How this environment starts: seconds that it may be held, or why nothing is done."""

    kind: str
    hold: float
    refusal: str = ""

    @property
    def on_demand(self) -> bool:
        """Whether a request waits for this start."""
        return self.kind == "on-demand"


def start_of(settings: Settings, kind: str | None) -> Start:
    """What `AWS_LAMBDA_INITIALIZATION_TYPE` and the settings make of this start.

    An initialization type that is not known is treated as on demand, the strictest.
    """
    known = kind if kind in _KINDS else _KINDS[0]
    if settings.disabled:
        return Start(kind=known, hold=0.0, refusal="disabled by PREFIXWARM_DISABLED")
    if settings.init == "off":
        return Start(kind=known, hold=0.0, refusal="off by PREFIXWARM_INIT")
    if known == "snap-start":
        return Start(kind=known, hold=0.0, refusal="snap-start: init runs when publishing")
    if known != "on-demand":
        return Start(kind=known, hold=PATIENT_SECONDS)
    if settings.init == "auto" and settings.table is None:
        return Start(kind=known, hold=0.0, refusal="PREFIXWARM_TABLE is not set; auto needs it")
    hold = settings.init_hold_ms / 1000
    return Start(kind=known, hold=hold, refusal="" if hold else "first request will write")


def worth_holding(settings: Settings, start: Start, state: State, held: float) -> str:
    """Why holding for a cold entry does not pay at this start; empty when it does.

    Parameters
    ----------
    held
        Seconds since the launcher's child began.
    """
    if not start.on_demand or state.write_ms is None:
        return ""
    write = state.write_ms / 1000
    if write > start.hold - held:
        return f"first request will write: a write takes {write:.1f} s, longer than the hold"
    if settings.init_hint_ms is None or settings.latency_value == 0:
        return ""
    wait = write - (settings.init_hint_ms / 1000 - held)
    saved = write - (state.read_ms or 0.0) / 1000
    if wait > saved:
        return f"first request will write: waiting {wait:.1f} s would save it {saved:.1f} s"
    return ""
