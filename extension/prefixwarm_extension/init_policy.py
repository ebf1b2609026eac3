"""Decides whether to warm at this start, and how long to hold the function for it.

With an on-demand start, a request is already waiting. If nobody waits for the warm call, the
request writes the prefix a second time. So a call is sent only if somebody waits for its reply:
the function, which is held, or the gate of `prefixwarm.observe`, which holds the agent's first
model call. And only if the request then saves more than the wait costs.
"""

from __future__ import annotations

from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.settings import Settings
    from prefixwarm.state.warm_state import State


ON_DEMAND = "on-demand"
PROVISIONED = "provisioned-concurrency"
SNAP_START = "snap-start"
MANAGED = "lambda-managed-instances"
# Our own kind: started by the runtime's after-restore hook, while a request waits.
RESTORED = "restored"

PATIENT_SECONDS = 55.0
# Time to get the lease if the hold is 0; the gate then waits for the call.
LEASE_SECONDS = 0.5
# A write takes longer than a shorter gate.
USEFUL_GATE_SECONDS = 0.5
_KINDS = (ON_DEMAND, PROVISIONED, SNAP_START, MANAGED, RESTORED)


class Start(Record):
    """How this environment starts: how many seconds to hold it, or why nothing is done.

    `gate`: seconds that the agent's first model call waits for a warm call in flight.
    """

    kind: str
    hold: float
    refusal: str = ""
    gate: float = 0.0

    @property
    def awaited(self) -> bool:
        """Whether a request waits for this start."""
        return self.kind in (ON_DEMAND, RESTORED)


class Decision(Record):
    """Whether to send, and why; `gated`: the function continues once the call is sent."""

    send: bool
    why: str
    gated: bool = False


def start_of(settings: Settings, kind: str | None, most: float) -> Start:
    """Return how to handle this start, from the initialization type and the settings.

    Parameters
    ----------
    kind
        ``AWS_LAMBDA_INITIALIZATION_TYPE``, or ``restored``; an unknown type counts as on demand,
        the strictest.
    most
        The most seconds that the launcher waits.
    """
    kind = kind if kind in _KINDS else ON_DEMAND
    refusal = _refusal(settings, kind)
    if refusal:
        return Start(kind=kind, hold=0.0, refusal=refusal)
    if kind in (PROVISIONED, MANAGED):
        return Start(kind=kind, hold=min(PATIENT_SECONDS, most))
    gate = _gate(settings)
    hold = min(settings.init_hold_ms / 1000 or (LEASE_SECONDS if gate else 0.0), most)
    return Start(kind=kind, hold=hold, gate=gate, refusal="" if hold else _no_hold(settings))


def _gate(settings: Settings) -> float:
    """The gate's wait in seconds; `always` has none, because it does not lease beforehand."""
    seconds = settings.gate_ms / 1000
    return seconds if settings.init == "auto" and seconds >= USEFUL_GATE_SECONDS else 0.0


def _no_hold(settings: Settings) -> str:
    short = f", and a gate of {settings.gate_ms} ms too short" if settings.gate_ms else ""
    return f"first request will write: the hold is 0{short}"


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


def decide(settings: Settings, start: Start, state: State, call: WarmCall, held: float) -> Decision:
    """Decide whether warming a cold entry pays at this start, and who waits for the reply.

    The wait is the part of the call beyond the function's own init. It saves the first request a
    write instead of a read. Both are seconds of the same user. If a second has a value in dollars,
    the saved time must also be worth the additional read.

    Parameters
    ----------
    held
        Seconds since the launcher's child started.
    """
    if not start.awaited:
        return Decision(send=True, why="held until the reply: nobody waits for this start")
    if state.life.write_ms is None:
        return _waiting(start, "how long a write takes is not known yet", gated=start.gate > 0)
    write = state.life.write_ms / 1000
    if write > start.hold - held + start.gate:
        limit = "the hold and the gate" if start.gate else "the hold"
        return _not(f"a write takes {write:.1f} s, longer than {limit}")
    waiting = _waiting(start, f"a write takes {write:.1f} s", gated=write <= start.gate)
    if settings.init_hint_ms is None:
        return waiting
    wait = max(0.0, write - max(0.0, settings.init_hint_ms / 1000 - held))
    saved = max(0.0, write - (state.life.read_ms or 0.0) / 1000)
    if wait >= saved:
        return _not(f"waiting {wait:.1f} s would save it {saved:.1f} s")
    too_dear = _too_dear(settings, call, saved - wait)
    if too_dear:
        return _not(too_dear)
    return waiting.replace(
        why=f"{waiting.why}, {wait:.1f} s of it waited for to save {saved:.1f} s"
    )


def _not(why: str) -> Decision:
    return Decision(send=False, why=f"first request will write: {why}")


def _waiting(start: Start, why: str, *, gated: bool) -> Decision:
    who = f"the gate waits up to {start.gate:.1f} s" if gated else "held until the reply"
    return Decision(send=True, why=f"{who}: {why}", gated=gated)


def _too_dear(settings: Settings, call: WarmCall, gain: float) -> str:
    worth, read = settings.latency_value * gain, call.usd("read")
    if not settings.latency_value or read is None or worth >= read:
        return ""
    # Not at the top: a start that sends has nothing to say.
    from prefixwarm.amounts import dollars

    return f"{gain:.1f} s are worth {dollars(worth)}, a read costs {dollars(read)}"
