"""The schema of the warm state: every attribute of a prefix's item, in small groups.

Each attribute is described only here: its name in the item and in `--json` documents, its type,
and its meaning. The item codec, the documents and the table in `docs/state.md` are made from it.
Items stay flat: `state.lease.until` is the attribute `lease_until`.
"""

from __future__ import annotations

from prefixwarm.life import TTL_1H, TTL_5M
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


# The year 5138; an hour; the largest integers a float holds exactly; dollars.
_LATEST = 1e11
_LONGEST_MS = 3_600_000.0
_MOST = 2**53
_MOST_USD = 1e9


class Kind(Record):
    """What an attribute may hold.

    `attribute_type` is DynamoDB's, `what` its description; `read` converts an item's value and
    raises ValueError if it is invalid.
    """

    attribute_type: str
    what: str
    read: Callable[[object], Any]


class Field(Record):
    """One attribute of an item; `empty` is its value if absent."""

    attribute: str
    kind: Kind
    internal: bool
    group: str = ""
    name: str = ""
    empty: object = None


def only(value: object, attribute_type: str) -> object:
    """The value of an item's attribute if it has this type, or None."""
    return value.get(attribute_type) if isinstance(value, dict) and len(value) == 1 else None


def _number(value: object) -> float:
    text = only(value, "N")
    try:
        return float(text) if isinstance(text, str) else float("nan")
    except ValueError:
        return float("nan")


def _within(least: float, most: float) -> Callable[[object], float]:
    def read(value: object) -> float:
        number = _number(value)
        if not least <= number <= most:
            raise ValueError
        return number

    return read


def _whole(value: object) -> int:
    number = _number(value)
    if not (0 <= number <= _MOST and number == int(number)):
        raise ValueError
    return int(number)


def _ttl(value: object) -> int:
    number = _number(value)
    if number not in (TTL_5M, TTL_1H):
        raise ValueError
    return int(number)


def _text(value: object) -> str:
    text = only(value, "S")
    if not isinstance(text, str):
        raise ValueError
    return text


def _texts(value: object) -> tuple[str, ...]:
    texts = only(value, "SS")
    if not (isinstance(texts, list | tuple) and all(isinstance(text, str) for text in texts)):
        raise ValueError
    return tuple(sorted(texts))


TIME = Kind(attribute_type="N", what="a time in epoch seconds", read=_within(-_LATEST, _LATEST))
MILLISECONDS = Kind(attribute_type="N", what="milliseconds of a call", read=_within(0, _LONGEST_MS))
TTL = Kind(attribute_type="N", what=f"{TTL_5M} or {TTL_1H} seconds", read=_ttl)
COUNT = Kind(attribute_type="N", what="a count", read=_whole)
USD = Kind(attribute_type="N", what="US dollars", read=_within(-_MOST_USD, _MOST_USD))
TEXT = Kind(attribute_type="S", what="a text", read=_text)
TEXTS = Kind(attribute_type="SS", what="a set of texts", read=_texts)


def field(attribute: str, kind: Kind, *, internal: bool = False) -> Any:
    """Describe an attribute; `internal` ones appear in no document.

    The string below it gives its meaning and is not compiled.
    """
    return Field(attribute=attribute, kind=kind, internal=internal)


class Group(Record):
    """Base class of a group of related attributes."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        described = []
        for name in cls._fields:
            # Annotations are strings here: `float | None`, `int`, `str`, `tuple[str, ...]`.
            empty = _EMPTY[cls.__annotations__[name]]
            described.append(cls.__dict__[name].replace(name=name, empty=empty))
            setattr(cls, name, empty)
        _described[cls] = tuple(described)


def fields_of(group: type[Group]) -> tuple[Field, ...]:
    """The fields of a group, in the class's order."""
    return _described[group]


_described: dict[type[Group], tuple[Field, ...]] = {}
_EMPTY: dict[str, object] = {
    "float | None": None,
    "int | None": None,
    "float": 0.0,
    "int": 0,
    "str": "",
    "tuple[str, ...]": (),
}


class Life(Group):
    """The provider's cache entry, and what a call to it needs."""

    warm_until: float | None = field("warm_until", TIME)
    """when the entry expires, counted from the start of the last call that used it"""
    last_touch: float | None = field("last_touch", TIME)
    """the start of the last call that used it"""
    granted_ttl: int | None = field("granted_ttl", TTL)
    """the granted TTL"""
    longest_ttl: int | None = field("longest_ttl", TTL)
    """300 if the provider did not grant an hour"""
    tokens: int = field("tokens", COUNT)
    """its size, as billed for the last warm call; 0: unknown so far"""
    max_tokens: int = field("max_tokens", COUNT)
    """1 if the provider refused 0"""
    write_ms: float | None = field("write_ms", MILLISECONDS)
    """duration of the last write"""
    read_ms: float | None = field("read_ms", MILLISECONDS)
    """duration of the last read"""


class HeldLease(Group):
    """Who is warming the prefix now."""

    owner: str = field("lease_owner", TEXT, internal=True)
    """who holds the lease"""
    token: int = field("lease_token", COUNT, internal=True)
    """grows each time the lease is taken"""
    until: float | None = field("lease_until", TIME, internal=True)
    """when the lease ends"""
    unsent: str = field("lease_unsent", TEXT, internal=True)
    """its holder until the request is sent; until then the lease lasts one second"""


class Backoff(Group):
    """What delays warm calls."""

    until: float | None = field("backoff_until", TIME)
    """nothing is sent before this time"""
    of: str = field("backoff_of", TEXT)
    """the only caller held back; empty if all callers are"""
    failures: int = field("failures", COUNT)
    """consecutive failed calls"""
    rewrites: int = field("rewrites", COUNT)
    """consecutive scheduled refreshes that wrote instead of reading"""
    tripped_until: float | None = field("tripped_until", TIME)
    """until when these stop refreshes"""


class Traffic(Group):
    """Real requests."""

    at: float | None = field("traffic_at", TIME)
    """the last sign of real traffic"""
    by: str = field("traffic_by", TEXT)
    """its source: `observed` by the agent itself, or the `metric`"""
    agent_ttl: int | None = field("agent_ttl", TTL)
    """the TTL that real requests last asked for; of all versions: those of earlier ones"""
    idle_refreshes: int = field("idle", COUNT)
    """refreshes since then"""
    started_at: float | None = field("started_at", TIME)
    """when a function last started with the prefix for a waiting request"""
    matched_at: float | None = field("matched_at", TIME)
    """when a request last used the entry"""
    used_by: tuple[str, ...] = field("used_by", TEXTS)
    """functions that reported using the entry"""
    drift_at: float | None = field("drift_at", TIME)
    """when a request last differed from it"""
    drift_tier: str = field("drift_tier", TEXT)
    """the first tier that differed"""
    drift_place: str = field("drift_place", TEXT)
    """the place in that tier"""
    starts: int = field("starts", COUNT)
    """observed session starts"""
    start_hits: int = field("start_hits", COUNT)
    """those that read the entry"""
    init_at: float | None = field("init_at", TIME)
    """when a start or an ask last took dollars for a warm call"""
    init_reads: int = field("init_reads", COUNT)
    """session starts that read what a start had sent"""


class Observed(Group):
    """What observed requests did to the cache, over the prefix's life."""

    requests: int = field("requests", COUNT)
    """observed requests"""
    hits: int = field("request_hits", COUNT)
    """those that read the entry"""
    read: int = field("tokens_read", COUNT)
    """tokens they read from the cache"""
    written: int = field("tokens_written", COUNT)
    """tokens they wrote to it"""
    uncached: int = field("tokens_uncached", COUNT)
    """tokens they sent uncached"""
    missed_usd: float = field("missed_usd", USD)
    """what the requests that missed paid beyond the price of a read"""
    missed_unpriced: int = field("missed_unpriced", COUNT)
    """misses whose price is unknown"""
    last_report: str = field("last_report", TEXT, internal=True)
    """the id of the last report"""


class Money(Group):
    """Dollars over the prefix's life, and how much of it the ledgers hold."""

    calls: int = field("calls", COUNT)
    """warm calls by anyone"""
    unpriced: int = field("unpriced", COUNT)
    """warm calls of unknown price"""
    spent_usd: float = field("spent_usd", USD)
    """what the priced calls cost"""
    keepwarm_usd: float = field("kept_usd", USD)
    """the keep-warm function's share of that"""
    saves: int = field("saves", COUNT)
    """session starts that read an entry which would otherwise have expired"""
    losses: int = field("losses", COUNT)
    """session starts that wrote although an entry of the TTL they ask for would have lived"""
    saved_usd: float = field("saved_usd", USD)
    """the least that these saved"""
    init_allowance_usd: float = field("init_allowance_usd", USD)
    """of all versions: what starts may still spend until `init_until`"""
    init_write_usd: float = field("init_write_usd", USD)
    """of all versions: what a start last took of that"""
    init_until: float | None = field("init_until", TIME)
    """of all versions: until when that holds; after it a start begins a new week"""
    init_spent_usd: float = field("init_spent_usd", USD)
    """what starts have taken; of all versions: since the current one was deployed"""
    settled: int = field("settled", COUNT, internal=True)
    """number of settlements"""
    settled_saves: int = field("settled_saves", COUNT, internal=True)
    """`saves` already in the ledgers"""
    settled_saved_usd: float = field("settled_saved_usd", USD, internal=True)
    """`saved_usd` already in the ledgers"""
    settled_others_usd: float = field("settled_others_usd", USD, internal=True)
    """other callers' dollars already in the ledgers"""


class LastCall(Group):
    """The last warm call."""

    outcome: str = field("outcome", TEXT)
    """what it did"""
    at: float | None = field("outcome_at", TIME)
    """when it was sent"""
    message_id: str = field("message_id", TEXT)
    """the provider's message id"""


class LastDecision(Group):
    """The keep-warm function's last decision."""

    due_at: float | None = field("due_at", TIME)
    """when the next check is due"""
    reason: str = field("reason", TEXT)
    """the reason for the last call or decision"""
    wanted_ttl: int | None = field("wanted_ttl", TTL)
    """the TTL that the next write asks for"""
    learned: str = field("learned", TEXT)
    """the policy's counters in Base64: of all versions, or of a replaced one"""


class Deployment(Group):
    """The deployment of the prefix, and the functions that send it."""

    name: str = field("deployment", TEXT)
    """the deployment's name"""
    functions: tuple[str, ...] = field("functions", TEXTS)
    """functions that send the prefix"""
    at: float | None = field("deployed_at", TIME)
    """when the keep-warm function last read it in its manifest"""
    object: str = field("object", TEXT)
    """its prefix file's key in the bucket"""
    current: str = field("current", TEXT, internal=True)
    """of all versions: the key of the deployed one"""
