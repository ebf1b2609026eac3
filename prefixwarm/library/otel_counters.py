"""Counts requests with OpenTelemetry, if its API is installed.

Two counters: ``prefixwarm.cache.tokens`` and ``prefixwarm.cache.requests``. Their attributes have
low cardinality: ``gen_ai.request.model`` and ``gen_ai.token.type`` (OpenTelemetry's conventions
for generative AI), ``prefixwarm.prefix``, ``prefixwarm.version``, ``prefixwarm.warm`` and
``prefixwarm.result``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.library.token_sums import Group
    from prefixwarm.state.outcome import Usage


def counters(wanted: bool | None) -> Callable[[Group, Usage], None]:
    """Return a function that counts one request; it does nothing without OpenTelemetry.

    Raises
    ------
    UsageError
        OpenTelemetry is wanted but not installed.
    """
    if wanted is False:
        return _nothing
    try:
        return _Counters().count
    except ImportError as error:
        if wanted:
            raise UsageError(
                "opentelemetry: its API is not installed; pip install opentelemetry-api"
            ) from error
        return _nothing


def _nothing(_group: Group, _usage: Usage) -> None:
    pass


class _Counters:
    def __init__(self) -> None:
        from opentelemetry.metrics import get_meter

        meter = get_meter("prefixwarm")
        self._tokens = meter.create_counter(
            "prefixwarm.cache.tokens", "{token}", "Tokens billed, by what the cache did"
        )
        self._requests = meter.create_counter(
            "prefixwarm.cache.requests", "{request}", "Requests, by whether they read the cache"
        )

    def count(self, group: Group, usage: Usage) -> None:
        """Count what one request billed."""
        labels: dict[str, str | bool] = {
            "gen_ai.request.model": group.model,
            "prefixwarm.prefix": group.prefix,
            "prefixwarm.version": group.version,
            "prefixwarm.warm": group.warm,
        }
        kinds = {
            "cache_read": usage.read,
            "cache_write": usage.written,
            "input": usage.input,
            "output": usage.output,
        }
        for kind, tokens in kinds.items():
            self._tokens.add(tokens, {**labels, "gen_ai.token.type": kind})
        result = "hit" if usage.read else "miss"
        self._requests.add(1, {**labels, "prefixwarm.result": result})
