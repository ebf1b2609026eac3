"""Recognises unrelated requests: like no warmed prefix, but with a warmed prefix's model.

Routers and title generators send such requests, but so does an agent that was rewritten and not
captured again. An environment whose requests never begin with the prefix has drifted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefixwarm.observe.matcher import Match


_IGNORED_SHARE = 0.5
_LEAST = 0.01


class UnrelatedTraffic:
    """Ignores unrelated requests until their total size reaches half the prefix, at most fifty.

    After a similar request, all of them are ignored.
    """

    def __init__(self) -> None:
        self._sent: dict[str, float] = {}

    def is_unrelated(self, match: Match) -> bool:
        """Count a request; return whether it is unrelated to the warmed agent."""
        model = match.warmed.prefix.model
        if match.alike:
            self._sent[model] = float("-inf")
            return False
        self._sent[model] = self._sent.get(model, 0.0) + max(match.share, _LEAST)
        return self._sent[model] < _IGNORED_SHARE
