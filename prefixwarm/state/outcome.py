"""Reads from a response's usage fields what a warm call did."""

from __future__ import annotations

from prefixwarm.life import TTL_1H, TTL_5M
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


WRITTEN = "written"
REFRESHED = "refreshed"
PARTIAL = "partial"
UNCACHED = "uncached"
SKIPPED = "skipped"
FAILED = "failed"

# Several times what any model accepts in one request.
MOST_TOKENS = 10**7
_COUNTS = (
    *("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
    *("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"),
)
_SPLIT = ("ephemeral_1h_input_tokens", "ephemeral_5m_input_tokens")


# The categories of token prices.
CATEGORIES = ("input", "output", "read", "write_5m", "write_1h", "write_30m", "write_12h")


class Usage(Record):
    """Tokens that one response billed, by price category.

    A write's category is its TTL: Claude offers 5 minutes and an hour, OpenAI 30 minutes and
    12 hours.
    """

    input: int = 0
    output: int = 0
    read: int = 0
    write_5m: int = 0
    write_1h: int = 0
    write_30m: int = 0
    write_12h: int = 0

    @classmethod
    def from_response(cls, usage: Mapping[str, Any]) -> Usage:
        """Read a response's ``usage`` object; null and missing cache fields count as 0.

        Writes that are not split by TTL count as 5-minute writes, the provider's default.
        """
        if "inputTokens" in usage:
            return cls._from_converse(usage)
        created = _count(usage.get("cache_creation_input_tokens"))
        split = usage.get("cache_creation")
        split = split if isinstance(split, dict) else {}
        one_hour = _count(split.get("ephemeral_1h_input_tokens"))
        five_minutes = _count(split.get("ephemeral_5m_input_tokens"))
        return cls(
            input=_count(usage.get("input_tokens")),
            output=_count(usage.get("output_tokens")),
            read=_count(usage.get("cache_read_input_tokens")),
            write_5m=max(five_minutes, created - one_hour),
            write_1h=one_hour,
        )

    @classmethod
    def _from_converse(cls, usage: Mapping[str, Any]) -> Usage:
        details = usage.get("cacheDetails")
        split = details if isinstance(details, list) else ()
        hours = [entry for entry in split if isinstance(entry, dict) and entry.get("ttl") == "1h"]
        one_hour = sum(_count(entry.get("inputTokens")) for entry in hours)
        return cls(
            input=_count(usage["inputTokens"]),
            output=_count(usage.get("outputTokens")),
            read=_count(usage.get("cacheReadInputTokens")),
            write_5m=max(0, _count(usage.get("cacheWriteInputTokens")) - one_hour),
            write_1h=one_hour,
        )

    @property
    def written(self) -> int:
        """Tokens written to the cache, with any TTL."""
        return self.write_5m + self.write_1h + self.write_30m + self.write_12h

    @property
    def prompt(self) -> int:
        """Tokens of the whole prompt: read, written and uncached."""
        return self.input + self.read + self.written

    def cost_usd(self, usd_per_mtok: Mapping[str, float | None] | None) -> float | None:
        """US dollars at these prices; None if a needed price is unknown."""
        total = 0.0
        for category in CATEGORIES:
            tokens: int = getattr(self, category)
            price = (usd_per_mtok or {}).get(category)
            if tokens and price is None:
                return None
            total += tokens * (price or 0.0)
        return total / 1e6


class Outcome(Record):
    """The result of one requested warm call.

    `kind` is ``written``, ``refreshed``, ``partial``, ``uncached`` (nothing was cached: never a
    success), ``skipped`` or ``failed``; `reason` says why. Times are epoch seconds, `granted_ttl`
    and `seconds` are in seconds; `cost_usd` is None if unknown. `downgraded`: 3600 seconds were
    requested and not granted. `own_fault`: the failure comes from the caller's key, network or
    settings and does not affect other callers. `backoff_seconds`: how long nothing is sent for the
    prefix after a failure.
    """

    name: str
    kind: str
    reason: str = ""
    usage: Usage | None = None
    granted_ttl: int | None = None
    downgraded: bool = False
    max_tokens: int = 0
    cost_usd: float | None = None
    started_at: float = 0.0
    seconds: float = 0.0
    calls: int = 0
    retry_after: float | None = None
    backoff_seconds: float = 0.0
    own_fault: bool = False
    message_id: str = ""
    warm_until: float | None = None

    @property
    def prefix_tokens(self) -> int:
        """Tokens of the prefix as billed; 0 if unknown."""
        return self.usage.read + self.usage.written if self.usage else 0

    @property
    def ok(self) -> bool:
        """Whether the prefix is warm now, by this call or already."""
        return self.kind in (WRITTEN, REFRESHED, PARTIAL) or (
            self.kind == SKIPPED and self.warm_until is not None
        )


def kind_of(usage: Usage) -> str:
    """Classify a warm call by what it read and wrote."""
    if usage.written and usage.read:
        return PARTIAL
    if usage.written:
        return WRITTEN
    return REFRESHED if usage.read else UNCACHED


def granted_ttl(usage: Usage, asked: int) -> int:
    """The TTL in seconds granted to a write; for a plain read, the requested TTL."""
    if usage.write_1h:
        return TTL_1H
    return TTL_5M if usage.write_5m else asked


def unusable_field(usage: Mapping[str, Any]) -> str:
    """Return the first field of a response's ``usage`` that is not a token count, or "".

    Missing and null fields count as 0, but for the input tokens: without them, nothing is known.
    Fields that are never read are not checked.
    """
    if usage.get("input_tokens") is None and usage.get("inputTokens") is None:
        return "input_tokens"
    fields: list[tuple[str, object]] = [(name, usage.get(name)) for name in _COUNTS]
    created = usage.get("cache_creation")
    if isinstance(created, dict):
        fields += [(f"cache_creation.{name}", created.get(name)) for name in _SPLIT]
    elif created is not None:
        return "cache_creation"
    details = usage.get("cacheDetails")
    for number, element in enumerate(details if isinstance(details, list) else ()):
        count = element.get("inputTokens") if isinstance(element, dict) else element
        fields.append((f"cacheDetails[{number}].inputTokens", count))
    wrong = (name for name, value in fields if not (value is None or is_count(value)))
    return next(wrong, "")


def is_count(value: object) -> bool:
    """Whether a value can be the token count of one request."""
    return type(value) is int and 0 <= value <= MOST_TOKENS


def _count(value: object) -> int:
    return value if type(value) is int and 0 < value <= MOST_TOKENS else 0
