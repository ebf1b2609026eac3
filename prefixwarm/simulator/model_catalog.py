"""Looks up the properties of models."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from prefixwarm.fields import models
from prefixwarm.fields.model_names import parse
from prefixwarm.fields.token_estimate import rate_of
from prefixwarm.prices.minimums import minimum_tokens
from prefixwarm.prices.price_table import table

if TYPE_CHECKING:
    from collections.abc import Mapping


_DEFAULT_MINIMUM = 1024
# https://platform.claude.com/docs/en/about-claude/models/overview: maximum output tokens.
_SHORT_REPLIES = {"claude-opus-4-1": 32_000, "claude-opus-4": 32_000, "claude-3-5-haiku": 8_192}
# .../models/opus-5-5/whats-new-opus-5-5 and .../models/sonnet-5-5/whats-new-sonnet-5-5.
_NO_FORCED_TOOLS = ("claude-opus-5-5", "claude-sonnet-5-5")
# How each route spells a model id: https://platform.claude.com/docs/en/about-claude/models
_RUNTIME = re.compile(r"(?:arn:[^/]+/)?(?:[a-z-]+\.)?anthropic\.claude-.+")
_RUNTIME_ROUTES = ("bedrock", "bedrock-converse")
_APPLICATION_PROFILE = re.compile(r"arn:aws[a-z-]*:bedrock:[^/]+:application-inference-profile/.+")
_SPELLING = {
    "anthropic": re.compile(r"claude-.+"),
    "aws": re.compile(r"claude-.+"),
    "bedrock-mantle": re.compile(r"anthropic\.claude-.+"),
    "bedrock": _RUNTIME,
    "bedrock-converse": _RUNTIME,
}


@dataclass(frozen=True)
class Model:
    """One model on one route.

    Its properties come from the pages about models, thinking, effort, task budgets, structured
    outputs and mid-conversation system messages on https://platform.claude.com/docs (2026-08 to
    2026-11).

    Attributes
    ----------
    id : str
        As in the request: a dated id and its alias have different caches.
    name : str
        Undated id of the Claude API.
    geography : str or None
        The geography of a Bedrock inference profile.
    generation : tuple[int, int]
        Major and minor version.
    minimum : int
        Tokens a prefix needs to be cached.
    fast : bool
        Whether ``speed: fast`` is offered.
    is_unknown : bool
        Whether the id does not reveal the model; then anything that some model accepts is
        accepted.
    priced_as : str
        The id whose price applies; empty if that is `id`.
    """

    id: str
    name: str
    geography: str | None
    generation: tuple[int, int]
    minimum: int
    fast: bool
    is_unknown: bool = False
    priced_as: str = ""

    @property
    def token_bytes(self) -> tuple[int, int]:
        """Tokens per byte as a fraction."""
        return rate_of(self.generation)

    @property
    def always_thinks(self) -> bool:
        """Whether thinking cannot be turned off."""
        return models.always_thinks(self.name)

    @property
    def takes_budgets(self) -> bool:
        """Whether it accepts ``thinking.type`` of ``enabled``, with a token budget."""
        return self.generation < (4, 7)

    @property
    def takes_adaptive(self) -> bool:
        """Whether it takes ``thinking.type`` of ``adaptive``."""
        return models.takes_adaptive(self.generation)

    @property
    def efforts(self) -> tuple[str, ...]:
        """The values of ``output_config.effort`` that it takes."""
        if not self.takes_adaptive and self.name != "claude-opus-4-5":
            return ()
        more = ("max",) if self.takes_adaptive else ()
        deeper = ("xhigh",) if self.is_unknown or self.generation >= (4, 7) else ()
        return ("low", "medium", "high", *deeper, *more)

    @property
    def refuses_forced_tools(self) -> bool:
        """Whether ``tool_choice`` of ``any`` and ``tool`` is refused."""
        newer = self.generation >= (5, 1) and ("fable" in self.name or "mythos" in self.name)
        return newer or self.is_preview or self.name in _NO_FORCED_TOOLS

    @property
    def takes_sampling(self) -> bool:
        """Whether it takes ``temperature``, ``top_p`` and ``top_k`` that are not the default."""
        return self.generation < (4, 7) and not self.is_preview

    @property
    def takes_one_sampling(self) -> bool:
        """Whether ``temperature`` and ``top_p`` exclude each other."""
        return self.generation >= (4, 1) and not self.is_unknown

    @property
    def takes_prefill(self) -> bool:
        """Whether the conversation may end with the start of the reply."""
        return self.is_unknown or (self.generation < (4, 6) and not self.is_preview)

    @property
    def keeps_thinking(self) -> bool:
        """Whether thinking of earlier turns stays in the prompt after the next user message."""
        newest = self.is_unknown or self.is_preview or self.generation >= (4, 6)
        return newest or self.name == "claude-opus-4-5"

    @property
    def takes_system_messages(self) -> bool:
        """Whether messages may have the role ``system``."""
        return self.is_unknown or (self.generation >= (4, 8) and self.name != "claude-sonnet-5")

    @property
    def takes_task_budgets(self) -> bool:
        """Whether it takes ``output_config.task_budget``."""
        return self.is_unknown or (self.generation >= (4, 7) and self.name != "claude-sonnet-5")

    @property
    def takes_formats(self) -> bool:
        """Whether it takes structured outputs."""
        return self.generation >= (4, 5) or self.is_preview or self.name == "claude-opus-4-1"

    @property
    def is_preview(self) -> bool:
        """Whether it is Mythos Preview, which has no generation in its name."""
        return self.name == "claude-mythos-preview"

    @property
    def most_tokens(self) -> int:
        """The most output tokens of one reply."""
        if self.is_preview or self.generation >= (4, 6):
            return 128_000
        if self.name in _SHORT_REPLIES:
            return _SHORT_REPLIES[self.name]
        return 64_000


def find(
    model_id: str, route: str, overrides: Mapping[str, int], profiles: Mapping[str, str]
) -> Model | None:
    """Look a model up.

    Parameters
    ----------
    model_id : str
        As the request names it.
    route : str
        The route.
    overrides : mapping of str to int
        Minimums by undated id, in tokens.
    profiles : mapping of str to str
        Models by ARN of an application inference profile.

    Returns
    -------
    Model or None
        None if the provider does not have it.
    """
    settings = tuple(sorted(overrides.items()))
    if route in _RUNTIME_ROUTES and _APPLICATION_PROFILE.fullmatch(model_id):
        named = profiles.get(model_id, "")
        named = named if "anthropic." in named else f"anthropic.{named}"
        behind = _find(named, route, settings) or _UNKNOWN
        return replace(behind, id=model_id, geography=None, priced_as=behind.id)
    return _find(model_id, route, settings)


@lru_cache(maxsize=1024)
def _find(model_id: str, route: str, overrides: tuple[tuple[str, int], ...]) -> Model | None:
    name = parse(model_id) if _SPELLING[route].fullmatch(model_id) else None
    extra = dict(overrides)
    if name is None or name.model not in {**table()["models"], **extra}:
        return None
    minimum = minimum_tokens(model_id, route, overrides=extra) or _DEFAULT_MINIMUM
    fast = table()["models"].get(name.model, {}).get("fast", False)
    return Model(model_id, name.model, name.geography, name.generation, minimum, fast)


# Only its account knows which model an application inference profile uses.
_UNKNOWN = Model("", "", None, (4, 6), _DEFAULT_MINIMUM, fast=False, is_unknown=True)
