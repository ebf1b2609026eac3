"""What may be done to a warm state atomically, as values."""

from __future__ import annotations

from prefixwarm.wire.record import Record

TYPE_CHECKING = False

KEEP_SECONDS = 35 * 86400

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
