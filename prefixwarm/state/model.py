"""What may be done to a warm state atomically, as values."""

from __future__ import annotations

from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.errors import StateItemError
    from prefixwarm.state.warm_state import State

KEEP_SECONDS = 35 * 86400
LEDGER_SECONDS = 400 * 86400

# The keep-warm function among those who make warm calls; environments go by their function's name.
KEEPWARM = "keepwarm"

# Where a sign of traffic came from: the agent's own word, or its function's Invocations metric.
OBSERVED = "observed"
METRIC = "metric"

# Sums are kept to a billionth of a dollar.
LEAST_USD = 2e-9

# Of a state's key: state, route, region, scope and name.
_SHARED_FIELDS = 5


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


def shared_key(key: str) -> str:
    """The key of the item that all versions of a prefix share, by the key of one of them.

    Model and digest change with the version; what stands before them does not.
    """
    return "/".join((*key.split("/")[:_SHARED_FIELDS], "-"))


class DueStates(Record):
    """States whose next check is due, the longest waiting first, and items that hold none."""

    states: list[State]
    unreadable: list[StateItemError]


class LeaseRequest(Record):
    """What a caller wants the lease for.

    The lease is refused while another lease or a back-off that holds `by` lasts, when the entry
    lives beyond `needed_until` already, and when the allowance that all versions of the prefix
    share does not hold `allowance_usd`, which is taken from it together with the lease; None takes
    nothing. With `week_usd` it is that much anew, until `week_ends`, unless it was set meanwhile.

    `unsent`: the holder extends the lease when it has sent its request, and others may take it over
    before; `silent` is a lease that the caller has watched for so long. `started_at`: when the
    function started for a waiting request, None where this is no such start.
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
    week_usd: float | None = None
    week_ends: float = 0.0
    unsent: bool = False
    silent: Lease | None = None
    started_at: float | None = None


class Lease(Record):
    """The right to make the next warm call; `token` grows with each taking."""

    key: str
    owner: str
    token: int


class Result(Record):
    """What a warm call that worked changes; None is what stays; `by` made the call.

    `idle_refreshes` is added, so that a request during the call counts; 0 ends the silence.
    `allowance_usd` is what the lease took from the allowance: what the call did not cost is given
    back, and nothing where that is unknown.
    """

    outcome: str
    started: float
    ttl: int
    max_tokens: int
    due_at: float
    calls: int = 1
    cost_usd: float | None = None
    by: str = ""
    idle_refreshes: int | None = None
    longest_ttl: int | None = None
    tokens: int | None = None
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
    read the entry. `init_read`: a start had sent what it read. `saved`: the entry would have lapsed
    without us, and `saved_usd` is at least what reading it saved, or None when a price is unknown.
    `asked_ttl`: what the agent's own writes ask for; None: unknown. `recheck`: the state was
    listed, so the keep-warm function is to look at it at its next tick.
    """

    at: float
    quiet: float
    hit: bool
    init_read: bool = False
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
    idle_refreshes: int | None = None
    learned: str | None = None
    wanted_ttl: int | None = None
    rewrites: int | None = None
    tripped_until: float | None = None


class Account(Record):
    """What the keep-warm function notes for all versions of a prefix; None is what stays.

    `observed`: the agent's requests are observed. `granted_usd` is added to what starts may spend,
    which then holds until `granted_until`. It is a difference, so that what starts take meanwhile
    counts.
    """

    at: float
    learned: str | None = None
    observed: bool = False
    granted_usd: float | None = None
    granted_until: float = 0.0


class HandOver(Record):
    """A version of a prefix takes the place of another, and goes on with its account.

    `learned` is what the new one begins with, `left` what the old one keeps. `old` is empty for the
    first version. `init_spent_usd` is added to what starts have taken.
    """

    at: float
    old: str
    new: str
    learned: str
    left: str
    init_spent_usd: float = 0.0


class RoutePause(Record):
    """Until when nothing is sent on a route, for all of its prefixes, and why."""

    until: float
    reason: str


class Settlement(Record):
    """What a state's lifetime sums say that the ledgers do not: money of others than keep-warm."""

    others_usd: float
    saves: int
    saved_usd: float

    @classmethod
    def of(cls, state: State) -> Settlement | None:
        """What is to be settled; None when nothing is."""
        settlement = cls(
            others_usd=state.money.spent_usd
            - state.money.keepwarm_usd
            - state.money.settled_others_usd,
            saves=state.money.saves - state.money.settled_saves,
            saved_usd=state.money.saved_usd - state.money.settled_saved_usd,
        )
        return settlement if settlement.saves or settlement.others_usd > LEAST_USD else None


class Limits(Record):
    """US dollars that a day may cost: all prefixes of the deployment, and one; None is no limit.

    `own_tokens` is the same in tokens, of the one alone.
    """

    total_usd: float | None = None
    own_usd: float | None = None
    own_tokens: int | None = None


class Reservation(Record):
    """US dollars set aside in a day's ledgers before they are spent.

    `key` is the prefix's state and `total` the ledger of all, which may be the same; `at` is epoch
    seconds; `tokens` are counted in the ledger of `key` alone. A reservation that was never spent,
    because its holder was killed, counts as spent.
    """

    key: str
    total: str
    day: str
    at: float
    usd: float
    tokens: int = 0


class Ledger(Record):
    """One day of one prefix, or of all.

    `outcomes` and `spent_usd` are of the keep-warm function's calls, of which `unpriced` had an
    unknown price; `others_usd` is what the init phase and the command line spent, and
    `saved_usd` what `saves` observed session starts saved, as settled on that day.
    `committed_usd` is what was spent or is reserved, and what budgets are asked with;
    `committed_tokens` is the same of a budget in tokens.
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
    committed_tokens: int = 0

    @property
    def net_usd(self) -> float | None:
        """Saved less spent by anyone; None while some of the spending is unknown."""
        return None if self.unpriced else self.saved_usd - self.spent_usd - self.others_usd
