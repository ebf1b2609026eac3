"""Finds the warmed prefix that a request belongs to, and the first tier that differs.

A request that does not begin with a prefix is the warmed agent's, and has drifted, if it contains
half of one of the prefix's tiers. Otherwise it is unrelated, such as a router's.
"""

from __future__ import annotations

import marshal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from prefixwarm.fields.field_table import table
from prefixwarm.fields.parameters import counted_anywhere
from prefixwarm.fields.visits import CONVERSE, REQUEST
from prefixwarm.prefix.body import is_converse
from prefixwarm.prefix.difference import TIER_ORDER
from prefixwarm.prefix.prompt import Prompt
from prefixwarm.provider.routes import SHAPING_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from prefixwarm.prefix.prefix_file import PrefixFile


_MODELS = ("model", "modelId")
# The fields that a match depends on, besides the messages.
_FIELDS = tuple(
    row.name
    for shape in (REQUEST, CONVERSE)
    for row in table().shapes[shape].rows.values()
    if row.tier is not None and row.name != "messages"
)
_PLAIN = (dict, list, tuple, str, int, float, bool)
_KEPT = 8


class Warmed:
    """A prefix file prepared for comparison with requests.

    Parameters
    ----------
    prefix : PrefixFile
        The warmed prefix.
    """

    def __init__(self, prefix: PrefixFile) -> None:
        self.prefix = prefix
        self.prompt = Prompt.of_file(prefix)
        last = self.prompt.blocks[-1].message
        self.messages = 0 if last is None else last + 1
        self.met = False
        self.size = sum(len(block.data) for block in self.prompt.blocks)

    def sent(
        self, body: Mapping[str, Any], headers: Mapping[str, str], *, all_headers: bool
    ) -> Prompt:
        """The prompt of a request on this prefix's route."""
        return Prompt(body, headers, self.prefix.route, all_headers=all_headers)

    def first_difference(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
        """The first tier that differs, or None if the request begins with this prefix.

        Only headers that are present are compared.
        """
        return self.prompt.missed_tier(self.sent(body, headers, all_headers=False))

    def is_like(self, body: Mapping[str, Any]) -> bool:
        """Whether a differing request still belongs to this prefix's agent."""
        return self.prompt.is_like(self.sent(body, {}, all_headers=False))


@dataclass(frozen=True)
class Match:
    """The warmed prefix nearest to a request.

    Attributes
    ----------
    warmed : Warmed
        The prefix.
    drift : str or None
        ``shape``, ``tools``, ``system`` or ``messages``: the first tier that differs.
    alike : bool
        Whether the request has this prefix, or half of one of its tiers.
    share : float
        The size of its tools and system relative to the prefix; 0 if `alike`.
    """

    warmed: Warmed
    drift: str | None
    alike: bool = True
    share: float = 0.0


class Matcher:
    """Finds the prefix of each request; caches the last matches.

    Parameters
    ----------
    prefixes : sequence of PrefixFile
        The warmed prefix.
    prepare : callable, optional
        Prepares each of them for comparisons.
    """

    def __init__(
        self, prefixes: Sequence[PrefixFile], prepare: Callable[[PrefixFile], Warmed] = Warmed
    ) -> None:
        self._warmed = [prepare(prefix) for prefix in prefixes]
        self._messages = max((warmed.messages for warmed in self._warmed), default=0)
        self._seen: list[tuple[bytes, Match | None]] = []

    @property
    def prefixes(self) -> list[PrefixFile]:
        """The warmed prefix."""
        return [warmed.prefix for warmed in self._warmed]

    def match(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Match | None:
        """Return the prefix nearest to a request.

        If no prefix of its model is warmed, a similar prefix that has had no match yet, or None.

        Raises
        ------
        ValueError
            The request holds something that is not JSON.
        """
        seen = marshal.dumps(self._snapshot(body, headers), 2)
        # Comparing bytes is cheaper than hashing them, because most differ in length.
        for before, match in self._seen:
            if before == seen:
                return match
        match = self._nearest(body, headers)
        self._seen = [(seen, match), *self._seen[: _KEPT - 1]]
        return match

    def _snapshot(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> list[Any]:
        """Everything a match depends on; comparing its bytes is far cheaper than a fingerprint."""
        field_values = [body.get(name) for name in _FIELDS]
        field_values = [value if isinstance(value, _PLAIN) else None for value in field_values]
        messages = body.get("messages") or ()
        header_values = [headers.get(name) for name in SHAPING_HEADERS]
        shape = CONVERSE if is_converse(body) else REQUEST
        counted = counted_anywhere({"messages": messages}, shape)
        return [*field_values, list(messages[: self._messages]), counted, header_values]

    def _nearest(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Match | None:
        """The prefix that matches, or the similar one that agrees longest."""
        model = [body.get(name) for name in _MODELS]
        plain = {k: v for k, v in body.items() if isinstance(v, _PLAIN)}
        matches = [
            Match(warmed, warmed.first_difference(plain, headers))
            for warmed in self._warmed
            if [warmed.prefix.request.get(name) for name in _MODELS] == model
        ]
        if not matches:
            return self._foreign(plain)
        agreeing = next((match for match in matches if match.drift is None), None)
        alike = [match for match in matches if agreeing is None and match.warmed.is_like(plain)]
        nearest = agreeing or max(alike or matches, key=_agreement)
        if agreeing is not None and not agreeing.warmed.met:
            agreeing.warmed.met = True
            self._seen = []  # match requests of other models again
        if nearest is agreeing or alike:
            return nearest
        static = Prompt({**plain, "messages": []}).blocks
        share = sum(len(block.data) for block in static) / nearest.warmed.size
        return replace(nearest, alike=False, share=share)

    def _foreign(self, body: Mapping[str, Any]) -> Match | None:
        """The prefix a request for another model belongs to, unless its own model sent it too."""
        alike = (warmed for warmed in self._warmed if not warmed.met and warmed.is_like(body))
        return next((Match(warmed, "shape") for warmed in alike), None)


def _agreement(match: Match) -> int:
    return TIER_ORDER.index(match.drift) if match.drift else len(TIER_ORDER)
