"""Dated facts for `check`: which parameters models refuse, and when models end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

from prefixwarm.fields.model_names import parse
from prefixwarm.fields.models import NEWEST_VERSION, SAMPLING, always_thinks, takes_adaptive
from prefixwarm.prefix.body import as_messages, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


# The deprecation table of the anthropic SDK 2.11; Bedrock has its own dates.
_ENDS = {
    "claude-mythos-preview": date(2026, 6, 30),
    "claude-sonnet-4-5": date(2026, 11, 30),
}
# https://platform.claude.com/docs/en/about-claude/pricing, November 2026.
_RETIRED = ("claude-opus-4-1", "claude-opus-4", "claude-3-5-haiku")


@dataclass(frozen=True)
class EndOfLife:
    """A model's end of life: the day, if published, and whether it has passed."""

    day: date | None
    over: bool


def end_of_life(model: str, route: str, today: date | None = None) -> EndOfLife | None:
    """A model's end of life, if announced."""
    name = parse(model)
    if name is None or route.startswith("bedrock"):
        return None
    if name.model in _RETIRED:
        return EndOfLife(None, over=True)
    ends = _ENDS.get(name.model)
    now = today or datetime.now(timezone.utc).date()
    return EndOfLife(ends, over=ends <= now) if ends else None


def refusals(request: Mapping[str, Any], headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield parameters that the provider answers with 400: the place, and what to do.

    Notes
    -----
    https://platform.claude.com/docs/en/api/versioning and
    https://platform.claude.com/docs/en/build-with-claude/thinking.
    """
    body, request = request, as_messages(request)
    version = headers.get("anthropic-version") or request.get("anthropic_version")
    for name in SAMPLING:
        if request.get(name) is not None and version == NEWEST_VERSION:
            yield name, f"the version {version} refuses it: remove it"
    model = parse(str(request.get("model", "")))
    thinking = request.get("thinking")
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if model is None or kind is None:
        return
    if kind == "adaptive" and not takes_adaptive(model.generation):
        yield place_of("thinking", body), f"{model.model} does not support adaptive thinking"
    if kind == "disabled" and always_thinks(model.model):
        yield place_of("thinking", body), f"{model.model} always thinks: remove it"
