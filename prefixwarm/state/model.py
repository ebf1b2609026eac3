"""Values for the atomic operations on a warm state."""

from __future__ import annotations

from prefixwarm.wire.record import Record

TYPE_CHECKING = False

KEEP_SECONDS = 35 * 86400

# The keep-warm function's name as a caller; environments use their function's name.
KEEPWARM = "keepwarm"

# The source of a traffic signal: the agent itself, or its function's Invocations metric.
OBSERVED = "observed"
METRIC = "metric"

# Sums are stored to a billionth of a dollar.
LEAST_USD = 2e-9

# The parts of a state's key: state, route, region, scope and name.
_SHARED_FIELDS = 5


def entry_key(route: str, region: str, scope: str, name: str, model: str, fingerprint: str) -> str:
    """Return the key of the state of one provider cache entry.

    Keys are readable rather than hashed, so that an IAM policy can name one before the region is
    known and a person can find it in the table's console. The name comes before the parts that
    change with each version, so that a role can be limited to its own prefixes in all versions.

    Parameters
    ----------
    fingerprint
        ``sha256:`` and hex digits, over the whole prefix.
    """
    digits = fingerprint.partition(":")[2][:32]
    return "/".join((name_key(route, region, scope, name), model, digits))


def name_key(route: str, region: str, scope: str, name: str) -> str:
    """The common start of the keys of all versions of a prefix, up to a slash."""
    return "/".join(("state", route, region or "-", scope, name))


def shared_key(key: str) -> str:
    """Return the key of the item that all versions of a prefix share, from one version's key.

    Model and digest change with the version; the parts before them do not.
    """
    return "/".join((*key.split("/")[:_SHARED_FIELDS], "-"))


class LeaseRequest(Record):
    """A request for the lease.

    The lease is refused while another lease, or a back-off that applies to `by`, lasts; if the
    entry already lives beyond `needed_until`; and if the allowance shared by all versions of the
    prefix has less than `allowance_usd`. That amount is taken together with the lease; None takes
    nothing. `week_usd` resets the allowance to that amount until `week_ends`, unless it was set
    meanwhile. `unsent`: the holder extends the lease once it has sent its request, and until then
    others may take it over; `silent` is a lease that the caller has watched long enough to do so.
    `started_at` is when the function started for a waiting request, None if it did not.
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
    """The right to make the next warm call; `token` grows each time it is taken."""

    key: str
    owner: str
    token: int


class Result(Record):
    """The changes of a successful warm call; None: no change. `by` made the call.

    `idle_refreshes` is added, so a request during the call counts; 0 ends the silence.
    `allowance_usd` is what the lease took from the allowance; the unspent part is returned, or
    nothing if the cost is unknown.
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
        """When the entry expires."""
        return self.started + self.ttl


class Failure(Record):
    """The changes of a failed warm call, which the provider may still have billed.

    `by` made the call. The back-off applies to all callers, or only to `own_fault`. After the lease
    has ended only the money counts: a caller that was frozen during its call says nothing about the
    provider. `allowance_usd` is as in `Result`.
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
    """An observed real request after a silence, counted once however many observe it.

    Not counted if other traffic was seen within `quiet` seconds before `at`. `hit`: it read the
    entry. `init_read`: it read what a start had sent. `saved`: without prefixwarm the entry would
    have expired; `saved_usd` is the least that reading it saved, or None if a price is unknown.
    `lost`: it wrote although the agent's own entry would have lived; a warm call's was shorter.
    `asked_ttl`: the TTL of the agent's own writes, or None if unknown. `recheck`: the state was
    listed as due, so the keep-warm function must check it at its next tick.
    """

    at: float
    quiet: float
    hit: bool
    init_read: bool = False
    saved: bool = False
    saved_usd: float | None = None
    lost: bool = False
    asked_ttl: int | None = None
    recheck: bool = False


class Drift(Record):
    """An observed real request that differs from the warmed prefix.

    `tier`: the first tier that differs; `place`: where in it, such as ``system[0].text:12``.
    """

    at: float
    tier: str
    place: str
