"""Which warmed prefix a request belongs to, and the first tier in which it differs.

A request that is no prefix is compared with what it could be meant to be: where half of a tier is
there, it is the warmed agent's, and has drifted; else it is something else's, such as a router's.
"""

from __future__ import annotations

import marshal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from prefixwarm.prefix.blocks import TIERS, blocks
from prefixwarm.prefix.cache_parameters import (
    FIELDS,
    FROM_HEADERS,
    TIER_OF,
    cache_parameters,
    contents,
)
from prefixwarm.prefix.similarity import Similarity
from prefixwarm.provider.routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefixwarm.prefix.prefix_file import PrefixFile


_MODELS = ("model", "modelId")
_FIELDS = (
    *(*FIELDS, "tools", "system", "anthropic_beta"),
    # Converse has them here.
    *("modelId", "toolConfig", "additionalModelRequestFields", "outputConfig", "performanceConfig"),
)
_PLAIN = (dict, list, tuple, str, int, float, bool)
_ORDER = ("shape", *TIERS)
_KEPT = 8


class Warmed:
    """A prefix file, ready to be compared with requests.

    Parameters
    ----------
    prefix : PrefixFile
        What is warmed.
    """

    def __init__(self, prefix: PrefixFile) -> None:
        self.prefix = prefix
        messages = prefix.request["messages"][:-1]
        self.messages = len(messages)
        self._tiers = _tiers(prefix.request, messages)
        self._last = max((t for t in TIERS if self._tiers[t]), key=TIERS.index)
        self._parameters = self._relevant(cache_parameters(prefix.request, prefix.headers))
        self._likeness: Similarity | None = None
        self.met = False
        self.size = sum(len(block) for tier in self._tiers.values() for block in tier)

    def first_difference(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
        """The first tier that differs, or None when the request begins with this prefix.

        Of the headers only those that are there are compared.
        """
        sent = self._relevant(cache_parameters(body, headers))
        unknown = [name for name in FROM_HEADERS if name not in headers]
        if {k: v for k, v in sent.items() if k not in unknown} != {
            k: v for k, v in self._parameters.items() if k not in unknown
        }:
            return "shape"
        tiers = _tiers(body, (body.get("messages") or ())[: self.messages])
        for tier in TIERS[: TIERS.index(self._last) + 1]:
            ours, theirs = self._tiers[tier], tiers[tier]
            if (theirs[: len(ours)] if tier == self._last else theirs) != ours:
                return tier
        return None

    def differs_in(self, headers: Mapping[str, str]) -> bool:
        """Whether the headers that a request was sent with are others than the warm call's."""
        allowed = ROUTES[self.prefix.route].allowed_headers
        sent = cache_parameters({}, {name: headers[name] for name in allowed if name in headers})
        return any(sent.get(name) != self._parameters.get(name) for name in allowed)

    def is_like(self, body: Mapping[str, Any]) -> bool:
        """Whether a request that differs is still meant to be this prefix."""
        if self._likeness is None:
            warmed = self.prefix.request
            self._likeness = Similarity(warmed, warmed["messages"][: self.messages])
        messages = (body.get("messages") or ())[: self.messages]
        return self._likeness.is_part_of(Similarity(body, messages))

    def _relevant(self, parts: dict[str, Any]) -> dict[str, Any]:
        """Without what only reaches tiers behind the prefix's last one."""
        reached = TIERS[: TIERS.index(self._last) + 1]
        return {name: part for name, part in parts.items() if TIER_OF.get(name, "tools") in reached}


def _tiers(body: Mapping[str, Any], messages: Sequence[Any]) -> dict[str, list[bytes]]:
    found = blocks(body, messages)
    return {tier: [block.data for block in found if block.tier == tier] for tier in TIERS}


@dataclass(frozen=True)
class Match:
    """The warmed prefix that a request is nearest to.

    Attributes
    ----------
    warmed : Warmed
        The prefix.
    drift : str or None
        ``cache_parameters``, ``tools``, ``system`` or ``messages``: the first tier that differs.
    alike : bool
        Whether it is this prefix, or half of one of its tiers is there.
    share : float
        How long its tools and system are, in lengths of the prefix; 0 where it is alike.
    """

    warmed: Warmed
    drift: str | None
    alike: bool = True
    share: float = 0.0


class Matcher:
    """Finds the prefix of each request; what was seen a moment ago is not looked at again.

    Parameters
    ----------
    prefixes : sequence of PrefixFile
        What is warmed.
    """

    def __init__(self, prefixes: Sequence[PrefixFile]) -> None:
        self._warmed = [Warmed(prefix) for prefix in prefixes]
        self._messages = max((each.messages for each in self._warmed), default=0)
        self._seen: list[tuple[bytes, Match | None]] = []

    @property
    def prefixes(self) -> list[PrefixFile]:
        """What is warmed."""
        return [warmed.prefix for warmed in self._warmed]

    def match(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Match | None:
        """The prefix that a request is nearest to.

        Where none of its model is warmed, it is one that is alike and was not met yet, or None.

        Raises
        ------
        ValueError
            When the request holds what is not JSON.
        """
        seen = marshal.dumps(self._snapshot(body, headers), 2)
        # Comparing bytes is cheaper than hashing them: most differ in their length.
        for before, found in self._seen:
            if before == seen:
                return found
        found = self._nearest(body, headers)
        self._seen = [(seen, found), *self._seen[: _KEPT - 1]]
        return found

    def _snapshot(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> list[Any]:
        """All that a verdict depends on; comparing its bytes is far cheaper than a fingerprint."""
        parts = [body.get(name) for name in _FIELDS]
        parts = [part if isinstance(part, _PLAIN) else None for part in parts]
        messages = body.get("messages") or ()
        known = [headers.get(name) for name in FROM_HEADERS]
        return [*parts, list(messages[: self._messages]), contents(messages), known]

    def _nearest(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Match | None:
        """The one that agrees, else of those that are alike the one that agrees longest."""
        model = [body.get(name) for name in _MODELS]
        plain = {k: v for k, v in body.items() if isinstance(v, _PLAIN)}
        found = [
            Match(warmed, warmed.first_difference(plain, headers))
            for warmed in self._warmed
            if [warmed.prefix.request.get(name) for name in _MODELS] == model
        ]
        if not found:
            return self._foreign(plain)
        agreeing = next((match for match in found if match.drift is None), None)
        alike = [match for match in found if agreeing is None and match.warmed.is_like(plain)]
        nearest = agreeing or max(alike or found, key=_agreement)
        if agreeing is not None and not agreeing.warmed.met:
            agreeing.warmed.met = True
            self._seen = []  # what was meant for another model is judged anew
        if nearest is agreeing or alike:
            return nearest
        share = sum(len(block.data) for block in blocks(plain, ())) / nearest.warmed.size
        return replace(nearest, alike=False, share=share)

    def _foreign(self, body: Mapping[str, Any]) -> Match | None:
        """The prefix that is meant for another model; none that its own model has sent, too."""
        alike = (each for each in self._warmed if not each.met and each.is_like(body))
        return next((Match(warmed, "shape") for warmed in alike), None)


def _agreement(match: Match) -> int:
    return _ORDER.index(match.drift) if match.drift else len(_ORDER)
