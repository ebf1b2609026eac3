"""Requests that are like nothing that is warmed, of a model that has a warmed prefix.

Routers and title generators send such requests, and so does an agent that was rewritten without
capturing it again. What tells them apart is whether anything else is sent: an environment whose
requests never begin with the prefix has drifted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefixwarm.observe.matcher import Match


_IGNORED_SHARE = 0.5
_LEAST = 0.01


class UnrelatedTraffic:
    """Forgives them until together they are half as long as the prefix; fifty at most.

    After a request that was alike, all of them are forgiven.
    """

    def __init__(self) -> None:
        self._sent: dict[str, float] = {}

    def is_unrelated(self, match: Match) -> bool:
        """Look at one request; whether it is something else's than the warmed agent's."""
        model = match.warmed.prefix.model
        if match.alike:
            self._sent[model] = float("-inf")
            return False
        self._sent[model] = self._sent.get(model, 0.0) + max(match.share, _LEAST)
        return self._sent[model] < _IGNORED_SHARE
