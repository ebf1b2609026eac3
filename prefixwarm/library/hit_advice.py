"""Says why a hit rate is low, and what to do: by the sums of each prefix and model."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.library.provider_caching import ProviderCaching, provider_caching
from prefixwarm.library.token_sums import Sums

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prefixwarm.library.token_sums import Group

# Fewer requests say nothing, and neither does a cause of less than this share of the misses.
_LEAST_REQUESTS = 5
_SHARE = 0.25

_TEXTS = {
    "unmeasured": (
        "{} requests did not say what they billed: stream with "
        'stream_options={{"include_usage": True}}, and read streams to their end'
    ),
    "warm-unread": (
        "warm calls wrote {:,} tokens and no request read them: what is warmed is not what is "
        "sent; compare them with `prefixwarm diff`"
    ),
    "minimum": (
        "the longest prompt has {:,} tokens and the model caches from {:,}: share more, or take a "
        "model with a lower minimum"
    ),
    "no-breakpoint": (
        "nothing was written or read: no request has a breakpoint; set cache_control on the last "
        "block that all requests share"
    ),
    "tail": (
        "requests read, but only {:.0%} of their tokens: move what is shared before the "
        "breakpoint, or set one at the end of the conversation"
    ),
    "together": (
        "{} of {} misses came within 5 seconds of another request: an entry can be read once the "
        "first reply begins; send one alone (or a warm call), then the others"
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
        Of which requests; empty where they name none.
    text : str
        What was seen, and what to do.
    tokens : int
        Tokens of these requests that were not read from the cache.
    """

    cause: str
    prefix: str
    model: str
    text: str
    tokens: int


def advise(rows: Iterable[tuple[Group, Sums]], below: float) -> list[Advice]:
    """Advice for each prefix and model whose hit rate is below a threshold."""
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
        yield _said("unmeasured", sums.unmeasured)
    low = sums.prompt and sums.read / sums.prompt < below
    if not low or sums.requests < _LEAST_REQUESTS:
        return
    if warm.written and not sums.read_after_warm:
        yield _said("warm-unread", warm.written)
    yield from _of_requests(sums, provider)
    if not provider.warm_call_pays:
        yield _said("provider", provider.provider or "this provider", provider.advice)


def _said(cause: str, *facts: object) -> tuple[str, str]:
    return cause, _TEXTS[cause].format(*facts)


def _of_requests(sums: Sums, provider: ProviderCaching) -> Iterator[tuple[str, str]]:
    """The causes that the requests themselves show; one that explains all stands alone."""
    minimum = provider.minimum
    if minimum is not None and sums.longest < minimum:
        yield _said("minimum", sums.longest, minimum)
    elif provider.provider == "Claude" and not sums.read + sums.written:
        yield _said("no-breakpoint")
    elif sums.misses:
        yield from _of_misses(sums, provider)
    elif sums.hits:
        yield _said("tail", sums.read / sums.prompt)


def _of_misses(sums: Sums, provider: ProviderCaching) -> Iterator[tuple[str, str]]:
    """By how long before a miss the last request came."""
    later = sums.misses_half_day + sums.misses_later
    causes = (
        ("together", sums.misses_together, ()),
        ("order", sums.misses_soon, ()),
        ("ttl", sums.misses_hour, (_ttl(sums, provider),)),
        ("volume", later, (_volume(provider),)),
    )
    for cause, misses, more in causes:
        if misses >= _SHARE * sums.misses:
            yield _said(cause, misses, sums.misses, *more)


def _ttl(sums: Sums, provider: ProviderCaching) -> str:
    if provider.provider != "Claude":
        return provider.advice
    if sums.write_1h > sums.write_5m:
        return "though an hour is asked for, so something before the breakpoint varies"
    return 'an hour\'s entry (cache_control ttl "1h") would have lived'


def _volume(provider: ProviderCaching) -> str:
    if provider.provider == "Claude":
        return "`prefixwarm plan` says whether keeping it warm between them pays"
    return provider.advice
