"""What the provider refuses about a request as a whole, in its own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.lint.finding import Finding, finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def provider_refusal(
    body: Mapping[str, Any], headers: Mapping[str, str], route: str
) -> Iterator[Finding]:
    """Yield the simulator's refusal of a request, which no rule here knows by itself."""
    # A simulator is a server too: importing it takes as long as the rest of the command line.
    from prefixwarm.simulator.refusals import refusal

    reason = refusal(body, headers, route)
    if reason is not None:
        yield finding("refused-shape", "request", f"the provider refuses it: {reason}")
