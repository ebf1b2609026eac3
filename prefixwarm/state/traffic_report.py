"""What one process saw of a prefix's requests: a value that can wait, and be handed to another.

A report is made in the agent's process and sent from there, or, when the environment ends first,
by the layer at its shutdown; so it carries the times of the requests, not of the sending.
"""

from __future__ import annotations

from prefixwarm.life import TTL_5M
from prefixwarm.state.model import Drift, SessionStart
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.state.warm_state import State


# What a process keeps in a file of its own while it is not sent; the layer sends what is left.
FOLDER = "/tmp/.prefixwarm-observed"  # noqa: S108 - private to the execution environment

_SESSION_SECONDS = float(TTL_5M)


class TrafficReport(Record):
    """One or more requests of a prefix, in the order in which they were sent.

    Times are epoch seconds, TTLs seconds, and tokens are sums over the requests. `id` is the
    report's own, so that it counts once however often it is sent. `file_ttl` is what the prefix
    file asks for. `first_hit`: the first request is what is warmed and read it; `first_wrote`: it
    wrote, under `first_ttl` where that is known; `first_saving_usd` is what its read saved against
    the cheaper write. `matched_at` is the last request that used the entry, and `matched_ttl` what
    such a request wrote, where one did. `drift_at`, `drift_tier` and `drift_place` tell of the
    last request that is not what is warmed. `hits` are requests that read the entry; `missed_usd`
    is what the others paid beyond the price of a read, but for `missed_unpriced` of them.
    `asked_ttl` is what breakpoints asked for;
    `function` is the Lambda function that sent them, empty elsewhere.
    """

    id: str
    key: str
    file_ttl: int
    first_at: float
    last_at: float
    first_hit: bool = False
    first_wrote: bool = False
    first_ttl: int | None = None
    first_saving_usd: float | None = None
    matched_at: float | None = None
    matched_ttl: int | None = None
    drift_at: float | None = None
    drift_tier: str = ""
    drift_place: str = ""
    requests: int = 1
    hits: int = 0
    read: int = 0
    written: int = 0
    uncached: int = 0
    missed_usd: float = 0.0
    asked_ttl: int | None = None
    function: str = ""
    missed_unpriced: int = 0

    def then(self, later: TrafficReport) -> TrafficReport:
        """This report and a later one of the same prefix, as one report under this one's id."""
        drifted = later if later.drift_at is not None else self
        return self.replace(
            last_at=max(self.last_at, later.last_at),
            matched_at=self.matched_at if later.matched_at is None else later.matched_at,
            matched_ttl=later.matched_ttl or self.matched_ttl,
            drift_at=drifted.drift_at,
            drift_tier=drifted.drift_tier,
            drift_place=drifted.drift_place,
            requests=self.requests + later.requests,
            hits=self.hits + later.hits,
            read=self.read + later.read,
            written=self.written + later.written,
            uncached=self.uncached + later.uncached,
            missed_usd=self.missed_usd + later.missed_usd,
            asked_ttl=later.asked_ttl or self.asked_ttl,
            missed_unpriced=self.missed_unpriced + later.missed_unpriced,
        )

    @property
    def drift(self) -> Drift | None:
        """The last request that is not what is warmed."""
        if self.drift_at is None:
            return None
        return Drift(at=self.drift_at, tier=self.drift_tier, place=self.drift_place)

    def ttl(self, state: State) -> int:
        """The entry's TTL: what a request wrote, else what was granted before."""
        return self.matched_ttl or state.life.granted_ttl or self.file_ttl

    def session_start(self, state: State) -> SessionStart | None:
        """What the first request after a silence is worth; None where there was no silence.

        It saved money only when it read an entry that a warm call kept alive: no traffic of any
        kind was seen for as long as the entry lives by itself. The saving is priced as the cheaper
        write, since the agent's own marker may ask for either TTL.
        """
        quiet = self.first_at - (state.traffic.at or 0.0)
        if quiet <= _SESSION_SECONDS:
            return None
        ttl = self.first_ttl or state.life.granted_ttl or self.file_ttl
        saved = self.first_hit and state.money.calls > 0 and quiet > ttl
        return SessionStart(
            at=self.first_at,
            quiet=float(ttl) if saved else _SESSION_SECONDS,
            hit=self.first_hit,
            init_read=self.first_hit and _sent_by_start(state),
            saved=saved,
            saved_usd=self.first_saving_usd if saved else None,
            # What was billed says more than the breakpoints.
            asked_ttl=ttl if self.first_wrote and not self.first_hit else self.asked_ttl,
            recheck=state.last_decision.due_at is not None,
        )


def _sent_by_start(state: State) -> bool:
    """Whether a start has sent the prefix since the last request."""
    taken = state.traffic.init_at
    if taken is None or taken <= (state.traffic.at or 0.0):
        return False
    return taken <= (state.life.last_touch or 0.0)
