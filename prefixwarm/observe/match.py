"""Which warmed prefix a request belongs to, and the first tier in which it differs."""

from __future__ import annotations

import marshal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.compare.blocks import TIERS, blocks
from prefixwarm.compare.shape import FROM_HEADERS, shape
from prefixwarm.core.fingerprint import SHAPE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefixwarm.core.prefix_file import PrefixFile

__all__ = ["Match", "Matcher", "Warmed"]

_FIELDS = (*SHAPE, "tools", "system", "anthropic_beta")
_PLAIN = (dict, list, tuple, str, int, float, bool)
_ORDER = ("shape", *TIERS)


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
        self._shape = self._relevant(shape(prefix.request, prefix.headers))

    def first_difference(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
        """The first tier that differs, or None when the request begins with this prefix."""
        sent = self._relevant(shape(body, headers))
        unknown = [name for name in FROM_HEADERS if name not in headers]
        if {k: v for k, v in sent.items() if k not in unknown} != {
            k: v for k, v in self._shape.items() if k not in unknown
        }:
            return "shape"
        tiers = _tiers(body, (body.get("messages") or ())[: self.messages])
        for tier in TIERS[: TIERS.index(self._last) + 1]:
            ours, theirs = self._tiers[tier], tiers[tier]
            if (theirs[: len(ours)] if tier == self._last else theirs) != ours:
                return tier
        return None

    def _relevant(self, parts: dict[str, Any]) -> dict[str, Any]:
        """Without tool_choice, which only reaches messages, where none are warmed."""
        return parts if self.messages else {k: v for k, v in parts.items() if k != "tool_choice"}


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
        ``shape``, ``tools``, ``system`` or ``messages``: the first tier that differs.
    """

    warmed: Warmed
    drift: str | None


class Matcher:
    """Finds the prefix of each request; what did not change since the last one is not looked at.

    Parameters
    ----------
    prefixes : sequence of PrefixFile
        What is warmed.
    """

    def __init__(self, prefixes: Sequence[PrefixFile]) -> None:
        self._warmed = [Warmed(prefix) for prefix in prefixes]
        self._messages = max((each.messages for each in self._warmed), default=0)
        self._last: tuple[bytes, Match | None] = (b"", None)

    @property
    def prefixes(self) -> list[PrefixFile]:
        """What is warmed."""
        return [warmed.prefix for warmed in self._warmed]

    def match(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Match | None:
        """The prefix that a request belongs to; None where no prefix of its model is warmed.

        Raises
        ------
        ValueError
            When the request holds what is not JSON.
        """
        seen = marshal.dumps(self._snapshot(body, headers), 2)
        before, found = self._last
        if seen != before:
            found = self._nearest(body, headers)
            self._last = (seen, found)
        return found

    def _snapshot(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> list[Any]:
        """All that a verdict depends on; comparing its bytes is far cheaper than a fingerprint."""
        parts = [body.get(name) for name in _FIELDS]
        parts = [part if isinstance(part, _PLAIN) else None for part in parts]
        messages = list(body["messages"][: self._messages]) if self._messages else []
        return [*parts, messages, [headers.get(name) for name in FROM_HEADERS]]

    def _nearest(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Match | None:
        model = body.get("model")
        plain = {k: v for k, v in body.items() if isinstance(v, _PLAIN)}
        found = [
            Match(warmed, warmed.first_difference(plain, headers))
            for warmed in self._warmed
            if warmed.prefix.model == model
        ]
        # The one that agrees, else the one that agrees longest.
        return max(found, key=lambda m: _ORDER.index(m.drift) if m.drift else 9, default=None)
