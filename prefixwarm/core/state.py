"""The warm state: the shared record of one prefix, and what may be done to it atomically."""

from __future__ import annotations

from prefixwarm.core.record import Record

__all__ = [
    "Check",
    "Drift",
    "Failure",
    "Lease",
    "LeaseWish",
    "Ledger",
    "Registration",
    "Result",
    "SessionStart",
    "State",
    "entry_key",
    "name_key",
]

KEEP_SECONDS = 35 * 86400
LEDGER_SECONDS = 400 * 86400


def entry_key(route: str, region: str, scope: str, name: str, model: str, fingerprint: str) -> str:
    """The key of one provider cache entry's state.

    Readable rather than hashed, so that a policy can name it before the region is known and a
    person can find it in the table's console. The name stands before what a new version of the
    prefix changes, so that a role can be held to its own prefixes, earlier versions included.

    Parameters
    ----------
    fingerprint
        ``sha256:`` and hex digits of the whole prefix.
    """
    digits = fingerprint.partition(":")[2][:32]
    return "/".join((name_key(route, region, scope, name), model, digits))


def name_key(route: str, region: str, scope: str, name: str) -> str:
    """What the keys of all states of a prefix begin with, up to a slash."""
    return "/".join(("state", route, region or "-", scope, name))


class State(Record):
    """What is known of one prefix. Times are epoch seconds; None is unknown.

    `warm_until` counts from the start of the last call that wrote or read the entry;
    `granted_ttl` is in seconds; `idle` counts refreshes since the last sign of real traffic;
    `max_tokens` is 1 where the provider refused 0; `message_id` is the last warm call's;
    `rewrites` counts scheduled refreshes in a row that wrote instead of reading, and
    `tripped_until` says how long that stops them; `spent_usd` and `calls` are lifetime sums of
    warm calls by anyone (`unpriced` of those calls had an unknown price). `starts` counts
    observed session starts, `start_hits` those that read the entry, and `saves` those that read
    one which would have lapsed without us; `saved_usd` is at least what these saved. `matched_at`
    is when a real request last used the entry; `drift_at` when one last differed from it, first
    in `drift_tier`, at `drift_place`. `started_at` is when a function last started with the prefix
    for a waiting request; `deployed_at` when the keep-warm function last found it in its manifest,
    with its file at `object`.
    """

    key: str
    name: str = ""
    deployment: str = ""
    functions: tuple[str, ...] = ()
    warm_until: float | None = None
    last_touch: float | None = None
    granted_ttl: int | None = None
    idle: int = 0
    traffic_at: float | None = None
    lease_owner: str = ""
    lease_token: int = 0
    lease_until: float | None = None
    backoff_until: float | None = None
    failures: int = 0
    rewrites: int = 0
    tripped_until: float | None = None
    max_tokens: int = 0
    outcome: str = ""
    outcome_at: float | None = None
    reason: str = ""
    message_id: str = ""
    write_ms: float | None = None
    read_ms: float | None = None
    calls: int = 0
    unpriced: int = 0
    spent_usd: float = 0.0
    starts: int = 0
    start_hits: int = 0
    saves: int = 0
    saved_usd: float = 0.0
    matched_at: float | None = None
    drift_at: float | None = None
    drift_tier: str = ""
    drift_place: str = ""
    started_at: float | None = None
    deployed_at: float | None = None
    object: str = ""
    due_at: float | None = None
    learned: str = ""

    def warm_for(self, now: float) -> float:
        """Seconds that the entry still lives; 0 when it does not."""
        return max(0.0, (self.warm_until or 0.0) - now)

    def leased(self, now: float) -> bool:
        """Whether somebody is warming it now."""
        return (self.lease_until or 0.0) > now


class LeaseWish(Record):
    """What a caller wants the lease for.

    The lease is refused while another lease or a back-off lasts, and when the entry lives beyond
    `needed_until` already.
    """

    name: str
    owner: str
    now: float
    seconds: float
    needed_until: float
    deployment: str = ""
    function: str = ""


class Lease(Record):
    """The right to make the next warm call; `token` grows with each taking."""

    key: str
    owner: str
    token: int


class Result(Record):
    """What a warm call that worked changes; `idle` is None where it stays."""

    outcome: str
    started: float
    ttl: int
    max_tokens: int
    due_at: float
    calls: int = 1
    cost_usd: float | None = None
    idle: int | None = None
    write_ms: float | None = None
    read_ms: float | None = None
    reason: str = ""
    message_id: str = ""

    @property
    def warm_until(self) -> float:
        """The end of the entry's life."""
        return self.started + self.ttl


class Failure(Record):
    """What a warm call that failed changes; the provider may have billed it all the same."""

    outcome: str
    reason: str
    at: float
    backoff_until: float
    calls: int = 1
    cost_usd: float | None = None


class SessionStart(Record):
    """An observed real request after a silence; counted once, whoever else observes it too.

    Nothing is counted when other traffic was seen within `quiet` seconds before `at`. `hit`: it
    read the entry. `saved`: the entry would have lapsed without us, and `saved_usd` is at least
    what reading it saved, or None when a price is unknown.
    """

    at: float
    quiet: float
    hit: bool
    saved: bool = False
    saved_usd: float | None = None


class Drift(Record):
    """An observed real request that is not what is warmed.

    `tier`: the first one that differs; `place`: where in it, such as ``system[0].text:12``.
    """

    at: float
    tier: str
    place: str


class Registration(Record):
    """A prefix of the manifest at the time `at`; `due_at` counts where none is known yet."""

    name: str
    at: float
    due_at: float
    object: str = ""


class Check(Record):
    """A decision of the keep-warm function, kept for `explain`."""

    at: float
    due_at: float
    reason: str
    idle: int | None = None
    learned: str | None = None
    rewrites: int | None = None
    tripped_until: float | None = None


class Ledger(Record):
    """One prefix's keep-warm calls of one day, by outcome.

    `spent_usd` sums the calls whose price is known. `lifetime_usd` is the state's `spent_usd` as
    it stood after the day's last call: how much it grew from one ledger to the next, less
    `spent_usd`, is what others (the init phase, the command line) spent in between.
    """

    key: str
    day: str
    outcomes: dict[str, int]
    spent_usd: float = 0.0
    unpriced: int = 0
    lifetime_usd: float | None = None
