"""The warm state: the shared record of one prefix, and what may be done to it atomically."""

from __future__ import annotations

from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.errors import StateItemError

KEEP_SECONDS = 35 * 86400
LEDGER_SECONDS = 400 * 86400

# The keep-warm function among those who make warm calls; environments go by their function's name.
KEEPWARM = "keepwarm"

# Where a sign of traffic came from: the agent's own word, or its function's Invocations metric.
OBSERVED = "observed"
METRIC = "metric"

# Sums are kept to a billionth of a dollar.
_LEAST_USD = 2e-9


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
    `granted_ttl` is in seconds, `wanted_ttl` what the policy wants the next write to ask for, and
    `longest_ttl` 300 where the provider did not grant 3600, `agent_ttl` what a real request's own
    write asked for last; `idle` counts refreshes since the last
    sign of real traffic, which came by `traffic_by`; `max_tokens` is 1 where the provider refused
    0; `message_id` is the last warm call's; a back-off holds all callers, or only the one that
    `backoff_of` names; `rewrites` counts scheduled refreshes in a row that wrote instead of
    reading, and `tripped_until` says how long that stops them; `spent_usd` and `calls` are
    lifetime sums of warm calls by anyone (`unpriced` of those calls had an unknown price), and
    `kept_usd` is what the keep-warm function spent of that. `starts` counts observed session
    starts, `start_hits` those that read the entry, and `saves` those that read one which would
    have lapsed without us; `saved_usd` is at least what these saved. `settled` counts the
    settlements, and the `settled_...` sums are what these have brought into the ledgers.
    `init_allowance_usd` is what starts may still spend, as granted and reserved before.
    `matched_at` is when a real request last used the entry; `drift_at` when one last differed from
    it, first in `drift_tier`, at `drift_place`. `started_at` is when a function last started with
    the prefix for a waiting request; `deployed_at` when the keep-warm function last found it in
    its manifest, with its file at `object`.
    """

    key: str
    name: str = ""
    deployment: str = ""
    functions: tuple[str, ...] = ()
    warm_until: float | None = None
    last_touch: float | None = None
    granted_ttl: int | None = None
    wanted_ttl: int | None = None
    longest_ttl: int | None = None
    agent_ttl: int | None = None
    idle: int = 0
    traffic_at: float | None = None
    traffic_by: str = ""
    lease_owner: str = ""
    lease_token: int = 0
    lease_until: float | None = None
    backoff_until: float | None = None
    backoff_of: str = ""
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
    kept_usd: float = 0.0
    starts: int = 0
    start_hits: int = 0
    saves: int = 0
    saved_usd: float = 0.0
    settled: int = 0
    settled_saves: int = 0
    settled_saved_usd: float = 0.0
    settled_others_usd: float = 0.0
    init_allowance_usd: float = 0.0
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

    def held_back(self, now: float, by: str) -> bool:
        """Whether a back-off holds this caller."""
        return (self.backoff_until or 0.0) > now and self.backoff_of in ("", by)

    def ttl_to_ask(self, wanted: int, now: float) -> int:
        """The TTL that a call asks for where this one is wanted for writes.

        Never less than the living entry has: what a shorter marker does to it is documented
        nowhere. Never more than the provider grants.
        """
        living = (self.granted_ttl or 0) if self.warm_for(now) else 0
        return min(max(wanted, living), self.longest_ttl or 3600)


class DueStates(Record):
    """States whose next check is due, the longest waiting first, and items that hold none."""

    states: list[State]
    unreadable: list[StateItemError]


class LeaseWish(Record):
    """What a caller wants the lease for.

    The lease is refused while another lease or a back-off that holds `by` lasts, when the entry
    lives beyond `needed_until` already, and when the prefix's allowance does not hold
    `allowance_usd`, which is taken from it together with the lease; None takes nothing.
    """

    name: str
    owner: str
    now: float
    seconds: float
    needed_until: float
    by: str = ""
    deployment: str = ""
    function: str = ""
    allowance_usd: float | None = None


class Lease(Record):
    """The right to make the next warm call; `token` grows with each taking."""

    key: str
    owner: str
    token: int


class Result(Record):
    """What a warm call that worked changes; None is what stays; `by` made the call.

    `idle` is added, so that a touch during the call counts; 0 ends the silence. `allowance_usd` is
    what the lease took from the allowance: what the call did not cost is given back, and nothing
    where that is unknown.
    """

    outcome: str
    started: float
    ttl: int
    max_tokens: int
    due_at: float
    calls: int = 1
    cost_usd: float | None = None
    by: str = ""
    idle: int | None = None
    longest_ttl: int | None = None
    write_ms: float | None = None
    read_ms: float | None = None
    reason: str = ""
    message_id: str = ""
    allowance_usd: float | None = None

    @property
    def warm_until(self) -> float:
        """The end of the entry's life."""
        return self.started + self.ttl


class Failure(Record):
    """What a warm call that failed changes; the provider may have billed it all the same.

    `by` made the call, and the back-off holds everybody, or `own_fault` alone. After the lease's
    end only the money counts: whoever was frozen during its call knows nothing of the provider.
    `allowance_usd` is as in `Result`.
    """

    outcome: str
    reason: str
    at: float
    backoff_until: float
    calls: int = 1
    cost_usd: float | None = None
    by: str = ""
    own_fault: bool = False
    allowance_usd: float | None = None


class SessionStart(Record):
    """An observed real request after a silence; counted once, whoever else observes it too.

    Nothing is counted when other traffic was seen within `quiet` seconds before `at`. `hit`: it
    read the entry. `saved`: the entry would have lapsed without us, and `saved_usd` is at least
    what reading it saved, or None when a price is unknown. `asked_ttl`: what the request's own
    write asked for, None when it read. `recheck`: the state was listed, so the keep-warm function
    is to look at it at its next tick.
    """

    at: float
    quiet: float
    hit: bool
    saved: bool = False
    saved_usd: float | None = None
    asked_ttl: int | None = None
    recheck: bool = False


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
    wanted_ttl: int | None = None
    rewrites: int | None = None
    tripped_until: float | None = None


class Settlement(Record):
    """What a state's lifetime sums say that the ledgers do not: money of others than keep-warm."""

    others_usd: float
    saves: int
    saved_usd: float

    @classmethod
    def of(cls, state: State) -> Settlement | None:
        """What is to be settled; None when nothing is."""
        found = cls(
            others_usd=state.spent_usd - state.kept_usd - state.settled_others_usd,
            saves=state.saves - state.settled_saves,
            saved_usd=state.saved_usd - state.settled_saved_usd,
        )
        return found if found.saves or found.others_usd > _LEAST_USD else None


class Limits(Record):
    """US dollars that a day may cost: all prefixes of the deployment, and one; None is no limit."""

    total_usd: float | None = None
    own_usd: float | None = None


class Reservation(Record):
    """US dollars set aside in a day's ledgers before they are spent.

    `key` is the prefix's state and `total` the ledger of all; `at` is epoch seconds. A reservation
    that is neither spent nor released, because its holder was killed, counts as spent.
    """

    key: str
    total: str
    day: str
    at: float
    usd: float


class Ledger(Record):
    """One day of one prefix, or of all.

    `outcomes` and `spent_usd` are of the keep-warm function's calls, of which `unpriced` had an
    unknown price; `others_usd` is what the init phase and the command line spent, and
    `saved_usd` what `saves` observed session starts saved, as settled on that day.
    `committed_usd` is what was spent or is reserved, and what budgets are asked with.
    """

    key: str
    day: str
    outcomes: dict[str, int]
    spent_usd: float = 0.0
    unpriced: int = 0
    others_usd: float = 0.0
    saves: int = 0
    saved_usd: float = 0.0
    committed_usd: float = 0.0

    @property
    def net_usd(self) -> float | None:
        """Saved less spent by anyone; None while some of the spending is unknown."""
        return None if self.unpriced else self.saved_usd - self.spent_usd - self.others_usd
