"""What a warm call did, read from the response's own usage fields."""

from __future__ import annotations

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

# No model takes a hundredth of this in one request.
MOST_TOKENS = 10**9
_COUNTS = (
    *("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
    *("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"),
)
_SPLIT = ("ephemeral_1h_input_tokens", "ephemeral_5m_input_tokens")


# What a token may cost, by category.
CATEGORIES = ("input", "output", "read", "write_5m", "write_1h", "write_30m", "write_12h")


class Usage(Record):
    """Tokens that one response billed, by price category.

    A write's category is the life that it was sold with: Claude sells 5 minutes and an hour,
    OpenAI 30 minutes and 12 hours.
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
        """Read a response's ``usage`` object; null and missing cache fields count as none.

        Writes that are not split by TTL are 5-minute writes, the provider's default tier.
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
        """Tokens written to the cache, of any life."""
        return self.write_5m + self.write_1h + self.write_30m + self.write_12h

    @property
    def prompt(self) -> int:
        """Tokens of the whole prompt: read, written and neither."""
        return self.input + self.read + self.written

    def cost_usd(self, usd_per_mtok: Mapping[str, float | None] | None) -> float | None:
        """US dollars at these prices; None when a price that is needed is unknown."""
        total = 0.0
        for category in CATEGORIES:
            tokens: int = getattr(self, category)
            price = (usd_per_mtok or {}).get(category)
            if tokens and price is None:
                return None
            total += tokens * (price or 0.0)
        return total / 1e6


class Outcome(Record):
    """The result of asking for one warm call.

    `kind` is ``written``, ``refreshed``, ``partial``, ``uncached`` (nothing was cached: never a
    success), ``skipped`` or ``failed``; `reason` says why, in words. Times are epoch seconds,
    `granted_ttl` and `seconds` are in seconds; `cost_usd` is None when unknown. `downgraded`: 3600
    seconds were asked for and not granted; `own_fault`: the failure is about the caller's key,
    network or settings, and says nothing about another caller's.
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
    own_fault: bool = False
    message_id: str = ""
    warm_until: float | None = None

    @property
    def prefix_tokens(self) -> int:
        """Tokens of the prefix, as the provider counted them for the bill; 0 where unknown."""
        return self.usage.read + self.usage.written if self.usage else 0

    @property
    def ok(self) -> bool:
        """Whether the prefix is warm now: by this call, or already."""
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
    """The TTL in seconds that a write was granted; for a read alone, the one asked for."""
    if usage.write_1h:
        return 3600
    return 300 if usage.write_5m else asked


def unusable_field(usage: Mapping[str, Any]) -> str:
    """The first field of a response's ``usage`` that holds no number of tokens; or empty.

    A field that is missing or null counts nothing. What is not read is not judged.
    """
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
    """Whether this can be a number of tokens of one request."""
    return type(value) is int and 0 <= value <= MOST_TOKENS


def _count(value: object) -> int:
    return value if type(value) is int and 0 < value <= MOST_TOKENS else 0
