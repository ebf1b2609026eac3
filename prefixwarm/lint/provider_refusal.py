"""Checks whether the provider would refuse a request as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.lint.finding import Finding, finding
from prefixwarm.provider.routes import INVOKE_MODEL_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def provider_refusal(
    body: Mapping[str, Any], headers: Mapping[str, str], route: str
) -> Iterator[Finding]:
    """Yield the simulator's refusal of a request, which no other rule detects."""
    # Imported here: the simulator takes as long to import as the rest of the command line.
    from prefixwarm.simulator.refusals import refusal

    sent = {"anthropic_version": INVOKE_MODEL_VERSION, **body} if route == "bedrock" else body
    reason = refusal(sent, headers, route=route)
    if reason is not None:
        yield finding("refused-shape", "request", f"the provider refuses it: {reason}")
