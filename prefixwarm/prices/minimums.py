"""The shortest prefix that a model caches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.fields.model_names import parse
from prefixwarm.prices.price_table import table

if TYPE_CHECKING:
    from collections.abc import Mapping


def minimum_tokens(
    model: str, route: str = "anthropic", *, overrides: Mapping[str, int] | None = None
) -> int | None:
    """Tokens a prefix needs before it is cached at all.

    Below it a request is processed normally and nothing is cached, without an error.

    Parameters
    ----------
    model : str
        Any spelling of a model id.
    route : str
        Those of Bedrock, whose names begin with ``bedrock``, have a table of their own.
    overrides : mapping of str to int, optional
        Minimums by undated model id that replace the shipped ones.

    Returns
    -------
    int or None
        None where it is not known.

    Notes
    -----
    https://platform.claude.com/docs/en/build-with-claude/prompt-caching and AWS's samples. For
    Sonnet 4.6 on Bedrock the table holds what was measured (cached at 2,067 tokens, not at
    2,038), not the 1,024 that is written.
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
