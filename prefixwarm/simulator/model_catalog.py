"""Looks up what differs from model to model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from prefixwarm.prices.minimums import minimum_tokens
from prefixwarm.prices.names import parse
from prefixwarm.prices.price_table import table

if TYPE_CHECKING:
    from collections.abc import Mapping


_NEW_TOKENIZER = (4, 7)
_DEFAULT_MINIMUM = 1024
_FAMILIES = ("opus", "sonnet", "haiku", "fable", "mythos")
# How each route spells a model id: https://platform.claude.com/docs/en/about-claude/models
_RUNTIME = re.compile(r"(?:arn:[^/]+/)?(?:[a-z-]+\.)?anthropic\.claude-.+")
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

    Attributes
    ----------
    id : str
        As the request names it: a dated id and its alias are different caches.
    name : str
        Undated id of the Claude API.
    geography : str or None
        Of a Bedrock inference profile.
    generation : tuple[int, int]
        Major and minor version.
    minimum : int
        Tokens a prefix needs to be cached.
    fast : bool
        Whether ``speed: fast`` is offered.
    """

    id: str
    name: str
    geography: str | None
    generation: tuple[int, int]
    minimum: int
    fast: bool

    @property
    def family(self) -> str:
        """``opus``, ``sonnet``, ``haiku``, ``fable`` or ``mythos``."""
        return next((family for family in _FAMILIES if family in self.name), "")

    @property
    def token_bytes(self) -> tuple[int, int]:
        """Tokens per byte as a fraction: newer tokenizers give about 30 % more."""
        return (13, 40) if self.generation >= _NEW_TOKENIZER else (10, 40)

    @property
    def always_thinks(self) -> bool:
        """Whether thinking cannot be turned off."""
        return self.family in ("fable", "mythos") or self.name == "claude-opus-5-5"

    @property
    def default_effort(self) -> str:
        """What an omitted ``output_config.effort`` means."""
        return "medium" if self.name in ("claude-opus-5-5", "claude-haiku-5-5") else "high"

    @property
    def refuses_forced_tools(self) -> bool:
        """Whether ``tool_choice`` of ``any`` and ``tool`` is refused."""
        newer = self.family in ("fable", "mythos") and self.generation >= (5, 1)
        return newer or self.name == "claude-opus-5-5"


@lru_cache(maxsize=1024)
def _find(model_id: str, route: str, overrides: tuple[tuple[str, int], ...]) -> Model | None:
    name = parse(model_id) if _SPELLING[route].fullmatch(model_id) else None
    extra = dict(overrides)
    if name is None or name.model not in {**table()["models"], **extra}:
        return None
    minimum = minimum_tokens(model_id, route, overrides=extra) or _DEFAULT_MINIMUM
    fast = table()["models"].get(name.model, {}).get("fast", False)
    return Model(model_id, name.model, name.geography, name.generation, minimum, fast)


def find(model_id: str, route: str, overrides: Mapping[str, int]) -> Model | None:
    """Look a model up; None where the provider would not know it."""
    return _find(model_id, route, tuple(sorted(overrides.items())))
