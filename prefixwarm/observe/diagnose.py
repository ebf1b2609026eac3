"""Requests the provider's cache diagnostics once, to check that requests match the warm call.

The first real request of an environment names the message id of the warm call, and the provider
answers in which part the two requests differ. The last message always differs, because it is a
placeholder in the warm call. Any earlier difference is drift.

Source: https://platform.claude.com/docs/en/build-with-claude/cache-diagnostics
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from prefixwarm.prefix.prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.state.warm_state import State


_TIERS = {"model_changed": "shape", "tools_changed": "tools", "system_changed": "system"}
_ROUTE = "anthropic"


class Diagnosis:
    """Gives the warm call's message id to one request of each prefix."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ids: dict[str, str] = {}
        self._asked: set[str] = set()
        self._stopped = False

    def stop(self) -> None:
        """Stop requesting diagnostics: the provider refuses the field."""
        self._stopped = True

    def learn(self, prefix: PrefixFile, state: State) -> None:
        """Note the last warm call."""
        if state.last_call.message_id:
            self._ids[prefix.name] = state.last_call.message_id

    def message_id(self, prefix: PrefixFile, body: Mapping[str, Any]) -> str:
        """The id to name in this request, once; "" if there is none.

        A request that asks for diagnostics itself is left unchanged.
        """
        with self._lock:
            message_id = self._ids.get(prefix.name, "")
            asked = prefix.name in self._asked or body.get("diagnostics") is not None
            if self._stopped or asked or not message_id or prefix.route != _ROUTE:
                return ""
            self._asked.add(prefix.name)
            return message_id


def verdict(diagnostics: Mapping[str, Any] | None) -> str:
    """Return the verdict in a response's ``diagnostics``.

    ``identical`` (no difference), ``pending``, or the provider's reason, such as
    ``messages_changed``, ``system_changed`` or ``previous_message_not_found``.
    """
    if diagnostics is None:
        return "identical"
    reason = diagnostics.get("cache_miss_reason")
    return str(reason.get("type", "unknown")) if reason else "pending"


def drifted_tier(reason: str, prefix: PrefixFile, body: Mapping[str, Any]) -> str | None:
    """The tier that drifted, by a verdict; None if it is the expected one or inconclusive.

    A tier in which the request continues after the prefix always differs.
    """
    tier = _TIERS.get(reason)
    if tier in ("tools", "system") and _count(body, tier) != _count(prefix.request, tier):
        return None
    return tier


def _count(body: Mapping[str, Any], tier: str) -> int:
    return len(Prompt({**body, "messages": []}).tier(tier))
