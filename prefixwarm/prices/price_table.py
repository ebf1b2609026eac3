"""The project's own dated tables of prices and minimums that the maintained package lacks."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypedDict


class Rates(NamedTuple):
    """US dollars per million tokens, by category; None is unknown or not offered."""

    input: Decimal
    output: Decimal
    read: Decimal | None = None
    write_5m: Decimal | None = None
    write_1h: Decimal | None = None
    write_30m: Decimal | None = None
    write_12h: Decimal | None = None


class Above(TypedDict):
    """The prices of all tokens of a request with a prompt longer than ``prompt_tokens``."""

    prompt_tokens: int
    usd_per_mtok: list[str]


class Row(TypedDict, total=False):
    """One model's prices and limits; an absent key is unknown."""

    usd_per_mtok: list[str]
    above: Above
    fast: bool
    minimum: int
    minimum_bedrock: int


class Table(TypedDict):
    """A data file; ``columns`` are the categories of the prices."""

    as_of: str
    source: str
    columns: list[str]
    models: dict[str, Row]


@cache
def table() -> Table:
    """Read the table of Claude's models, by undated id of the Claude API."""
    return _read("models.json")


@cache
def other_table() -> Table:
    """Read the table of other providers' models."""
    return _read("other_models.json")


def _read(name: str) -> Table:
    data: Table = json.loads(Path(__file__).with_name(name).read_text("utf-8"))
    return data


def rates(models: Table, model: str, prompt_tokens: int) -> Rates | None:
    """Look up a model's prices in a table.

    Parameters
    ----------
    models : dict
        `table` or `other_table`.
    model : str
        The model's id in that table.
    prompt_tokens : int
        Length of the whole prompt in tokens, which selects the tier.

    Returns
    -------
    Rates or None
        None if the table has no prices for the model.
    """
    row = models["models"].get(model, {})
    figures = row.get("usd_per_mtok")
    above = row.get("above")
    if above is not None and prompt_tokens > above["prompt_tokens"]:
        figures = above["usd_per_mtok"]
    if figures is None:
        return None
    return Rates(**dict(zip(models["columns"], map(Decimal, figures), strict=True)))
