"""The minimum length of a prefix that a model caches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.fields.model_names import parse
from prefixwarm.prices.price_table import table

if TYPE_CHECKING:
    from collections.abc import Mapping


def minimum_tokens(
    model: str, route: str = "anthropic", *, overrides: Mapping[str, int] | None = None
) -> int | None:
    """Return how many tokens a prefix needs to be cached at all.

    A shorter prefix is processed normally but not cached, without an error.

    Parameters
    ----------
    model : str
        Any spelling of a model id.
    route : str
        Routes whose names begin with ``bedrock`` have a separate table.
    overrides : mapping of str to int, optional
        Minimums by undated model id that replace the shipped ones.

    Returns
    -------
    int or None
        None if unknown.

    Notes
    -----
    https://platform.claude.com/docs/en/build-with-claude/prompt-caching and AWS's samples. For
    Sonnet 4.6 on Bedrock the table has the measured value (cached at 2,067 tokens, not at
    2,038), not the documented 1,024.
    """
    name = parse(model)
    if name is None:
        return None
    if overrides and name.model in overrides:
        return overrides[name.model]
    row = table()["models"].get(name.model, {})
    if route.startswith("bedrock") and "minimum_bedrock" in row:
        return row["minimum_bedrock"]
    return row.get("minimum")
