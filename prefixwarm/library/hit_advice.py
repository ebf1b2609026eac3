"""Explains why a hit rate is low and what to do, per prefix and model."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.library.provider_caching import ProviderCaching, provider_caching
from prefixwarm.library.token_sums import Sums

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prefixwarm.library.token_sums import Group

# Minimum number of requests, and the minimum share of misses for a cause to be reported.
_LEAST_REQUESTS = 5
_SHARE = 0.25

_TEXTS = {
    "unmeasured": (
        "{} requests had no usage: stream with "
        'stream_options={{"include_usage": True}}, and read streams to their end'
    ),
    "warm-unread": (
        "warm calls wrote {:,} tokens and no request read them: the requests differ from "
        "what is warmed; compare them with `prefixwarm diff`"
    ),
    "minimum": (
        "the longest prompt has {:,} tokens and the model caches from {:,}: share more, or use a "
        "model with a lower minimum"
    ),
    "no-breakpoint": (
        "nothing was read or written: no request has a breakpoint; set cache_control on the last "
        "block that all requests share"
    ),
    "tail": (
        "requests read only {:.0%} of their tokens: move what is shared before the "
        "breakpoint, or set one at the end of the conversation"
    ),
    "together": (
        "{} of {} misses came within 5 seconds of another request: an entry becomes readable when "
        "the first reply begins; send one request (or a warm call) first, then the others"
    ),
    "order": (
        "{} of {} misses came within 5 minutes of another request, while its entry lived: "
        "something before the breakpoint varies (a date, an id, the order of tools); find it with "
        "`prefixwarm diff`, and put it last"
    ),
    "ttl": "{} of {} misses came 5 to 60 minutes after the last request: {}",
    "volume": "{} of {} misses came over an hour after the last request: {}",
    "provider": "{}: {}",
}


@dataclass(frozen=True)
class Advice:
    """One cause of a low hit rate, with what to do.

    Attributes
    ----------
    cause : str
        ``minimum``, ``no-breakpoint``, ``order``, ``together``, ``ttl``, ``volume``, ``tail``,
        ``warm-unread``, ``unmeasured`` or ``provider``.
    prefix, model : str
        Of the requests; empty if unset.
    text : str
        The observation, and what to do.
    tokens : int
        Tokens of these requests not read from the cache.
    """

    cause: str
    prefix: str
    model: str
    text: str
    tokens: int


def advise(rows: Iterable[tuple[Group, Sums]], below: float) -> list[Advice]:
    """Advise on each prefix and model whose hit rate is below a threshold."""
    real: dict[tuple[str, str], Sums] = defaultdict(Sums)
    warm: dict[tuple[str, str], Sums] = defaultdict(Sums)
    for group, sums in rows:
        (warm if group.warm else real)[group.prefix, group.model].add(sums)
    advice = [
        Advice(cause, *key, text, sums.prompt - sums.read)
        for key, sums in real.items()
        for cause, text in _causes(sums, warm[key], provider_caching(key[1]), below)
    ]
    return sorted(advice, key=lambda one: -one.tokens)


def _causes(
    sums: Sums, warm: Sums, provider: ProviderCaching, below: float
) -> Iterator[tuple[str, str]]:
    if sums.unmeasured:
        yield _cause_and_text("unmeasured", sums.unmeasured)
    low = sums.prompt and sums.read / sums.prompt < below
    if not low or sums.requests < _LEAST_REQUESTS:
        return
    if warm.written and not sums.read_after_warm:
        yield _cause_and_text("warm-unread", warm.written)
    yield from _of_requests(sums, provider)
    if not provider.warm_call_pays:
        yield _cause_and_text("provider", provider.provider or "this provider", provider.advice)


def _cause_and_text(cause: str, *facts: object) -> tuple[str, str]:
    return cause, _TEXTS[cause].format(*facts)


def _of_requests(sums: Sums, provider: ProviderCaching) -> Iterator[tuple[str, str]]:
    """Causes visible in the requests themselves; one that explains everything is given alone."""
    minimum = provider.minimum
    if minimum is not None and sums.longest < minimum:
        yield _cause_and_text("minimum", sums.longest, minimum)
    elif provider.provider == "Claude" and not sums.read + sums.written:
        yield _cause_and_text("no-breakpoint")
    elif sums.misses:
        yield from _of_misses(sums, provider)
    elif sums.hits:
        yield _cause_and_text("tail", sums.read / sums.prompt)


def _of_misses(sums: Sums, provider: ProviderCaching) -> Iterator[tuple[str, str]]:
    """Causes by the time between a miss and the request before it."""
    later = sums.misses_half_day + sums.misses_later
    causes = (
        ("together", sums.misses_together, ()),
        ("order", sums.misses_soon, ()),
        ("ttl", sums.misses_hour, (_ttl(sums, provider),)),
        ("volume", later, (_volume(provider),)),
    )
    for cause, misses, more in causes:
        if misses >= _SHARE * sums.misses:
            yield _cause_and_text(cause, misses, sums.misses, *more)


def _ttl(sums: Sums, provider: ProviderCaching) -> str:
    if provider.provider != "Claude":
        return provider.advice
    if sums.write_1h > sums.write_5m:
        return "despite a requested TTL of an hour, so something before the breakpoint varies"
    return 'an entry with a TTL of an hour (cache_control ttl "1h") would have been alive'


def _volume(provider: ProviderCaching) -> str:
    if provider.provider == "Claude":
        return "`prefixwarm plan` shows whether keeping it warm in between pays"
    return provider.advice
