"""One process's report of a prefix's requests, which can be stored and sent later.

The agent's process makes and sends a report; if the environment ends first, the layer sends it
at shutdown. So it carries the times of the requests, not of the sending.
"""

from __future__ import annotations

from prefixwarm.life import TTL_1H, TTL_5M
from prefixwarm.state.model import Drift, SessionStart
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.state.warm_state import State


# Each process keeps unsent reports in its own file here; the layer sends what is left.
FOLDER = "/tmp/.prefixwarm-observed"  # noqa: S108 - private to the execution environment

_SESSION_SECONDS = float(TTL_5M)
# What a file may hold, by field; all others are times. So that no sum leaves what a state can hold,
# the limits are far below the state's own.
_TEXTS = ("id", "key", "drift_tier", "drift_place", "function")
_FLAGS = ("first_hit", "first_wrote")
_TTLS = ("file_ttl", "first_ttl", "matched_ttl", "asked_ttl")
_MAY_BE_MISSING = (*_TTLS[1:], "first_saving_usd", "matched_at", "drift_at")
_COUNTS = ("requests", "hits", "read", "written", "uncached", "missed_unpriced")
_DOLLARS = ("first_saving_usd", "missed_usd")
_MOST_COUNT, _MOST_USD, _LATEST = 10**9, 1e6, 1e11


class TrafficReport(Record):
    """One or more requests of a prefix, in sending order.

    Times are epoch seconds, TTLs seconds, and token counts are sums over the requests. `id`
    identifies the report, so it counts once however often it is sent. `file_ttl` is the prefix
    file's TTL. `first_hit`: the first request matched the prefix and read it; `first_wrote`: it
    wrote it, with `first_ttl` if known; `first_saving_usd` is what its read saved compared with the
    cheaper write. `matched_at` is the last request that used the entry, and `matched_ttl` the TTL
    such a request wrote, if one did. `drift_at`, `drift_tier` and `drift_place` describe the last
    request that differed from the prefix. `hits` counts requests that read the entry; `missed_usd`
    is what the others paid beyond the price of a read, except `missed_unpriced` of them.
    `asked_ttl` is the TTL of the requests' breakpoints; `function` is the Lambda function that sent
    them, empty elsewhere.
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

    @classmethod
    def of(cls, document: object) -> TrafficReport:
        """The report whose fields another process has written into a file.

        Raises
        ------
        ValueError
            When it is none: what it says would end up in the state.
        """
        if not isinstance(document, dict):
            raise ValueError("a report is an object")
        try:
            report = cls(**document)
        except TypeError as error:
            raise ValueError(str(error)) from error
        for name, value in vars(report).items():
            if not _fits(name, value):
                raise ValueError(f"{name} is no value of a report")
        return report

    def then(self, later: TrafficReport) -> TrafficReport:
        """Merge a later report of the same prefix into this one, under this one's id."""
        drifted = later if later.drift_at is not None else self
        summed = (*_COUNTS, "missed_usd")
        return self.replace(
            last_at=max(self.last_at, later.last_at),
            matched_at=self.matched_at if later.matched_at is None else later.matched_at,
            matched_ttl=later.matched_ttl or self.matched_ttl,
            drift_at=drifted.drift_at,
            drift_tier=drifted.drift_tier,
            drift_place=drifted.drift_place,
            asked_ttl=later.asked_ttl or self.asked_ttl,
            **{name: getattr(self, name) + getattr(later, name) for name in summed},
        )

    @property
    def drift(self) -> Drift | None:
        """The last request that differed from the prefix."""
        if self.drift_at is None:
            return None
        return Drift(at=self.drift_at, tier=self.drift_tier, place=self.drift_place)

    def ttl(self, state: State) -> int:
        """The entry's TTL: as a request wrote it, or else as granted before."""
        return self.matched_ttl or state.life.granted_ttl or self.file_ttl

    def session_start(self, state: State) -> SessionStart | None:
        """Return the first request after a silence as a session start; None without a silence.

        It saved money only if it read an entry that a warm call kept alive: there was no traffic
        for as long as the entry lives, and as one lives that the agent asks for. The saving is
        priced against the cheaper write, because the agent's breakpoint may ask for either TTL.
        """
        quiet = self.first_at - (state.traffic.at or 0.0)
        if quiet <= _SESSION_SECONDS:
            return None
        ttl = self.first_ttl or state.life.granted_ttl or self.file_ttl
        asked = ttl if self.first_wrote and not self.first_hit else self.asked_ttl
        alone, ours = max(ttl, asked or 0), state.money.calls > 0
        saved = self.first_hit and ours and quiet > alone
        return SessionStart(
            at=self.first_at,
            quiet=float(alone) if saved else _SESSION_SECONDS,
            hit=self.first_hit,
            init_read=self.first_hit and _sent_by_start(state),
            saved=saved,
            saved_usd=self.first_saving_usd if saved else None,
            lost=ours and self._wrote_too_soon(state, quiet),
            # The bill is more reliable than the breakpoints.
            asked_ttl=asked,
            recheck=state.last_decision.due_at is not None,
        )

    def _wrote_too_soon(self, state: State, quiet: float) -> bool:
        """Whether the first request wrote an hour that its last one would have left alive."""
        wrote = self.first_wrote and not self.first_hit and self.drift_at is None
        short = state.life.granted_ttl == TTL_5M
        return wrote and short and self.first_ttl == TTL_1H and quiet < TTL_1H


def _fits(name: str, value: object) -> bool:
    """Whether a report's field may hold this."""
    if name in _TEXTS:
        return isinstance(value, str) and value.isprintable()
    if name in _FLAGS:
        return isinstance(value, bool)
    if value is None:
        return name in _MAY_BE_MISSING
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if name in _TTLS:
        return value in (TTL_5M, TTL_1H)
    if name in _COUNTS:
        return isinstance(value, int) and 0 <= value <= _MOST_COUNT
    return abs(value) <= (_MOST_USD if name in _DOLLARS else _LATEST)


def _sent_by_start(state: State) -> bool:
    """Whether a start has sent the prefix since the last request."""
    taken = state.traffic.init_at
    if taken is None or taken <= (state.traffic.at or 0.0):
        return False
    return taken <= (state.life.last_touch or 0.0)
