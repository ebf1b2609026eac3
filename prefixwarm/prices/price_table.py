"""The project's own dated table of prices and minimums that the maintained package lacks."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypedDict


class Rates(NamedTuple):
    """US dollars per million tokens, by category."""

    input: Decimal
    read: Decimal
    write_5m: Decimal
    write_1h: Decimal
    output: Decimal


class OtherRates(NamedTuple):
    """The same for a model other than Claude; None is unknown or not offered."""

    input: Decimal
    read: Decimal | None
    write_30m: Decimal | None
    write_12h: Decimal | None
    output: Decimal


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
    """The data file ``models.json``."""

    as_of: str
    source: str
    models: dict[str, Row]


class OtherRow(TypedDict):
    """One model's prices: for a usual prompt, and for one longer than ``above_prompt_tokens``."""

    usd_per_mtok: list[str]
    above: list[str]


class OtherTable(TypedDict):
    """The data file ``other_models.json``."""

    as_of: str
    source: str
    above_prompt_tokens: int
    models: dict[str, OtherRow]


@cache
def other_table() -> OtherTable:
    """Read the table of models other than Claude."""
    data: OtherTable = json.loads(Path(__file__).with_name("other_models.json").read_text("utf-8"))
    return data


def other_rates(model: str, prompt_tokens: int) -> OtherRates | None:
    """Look up the prices of a model other than Claude; None if the table lacks it."""
    row = other_table()["models"].get(model)
    if row is None:
        return None
    longer = prompt_tokens > other_table()["above_prompt_tokens"]
    return OtherRates(*map(Decimal, row["above"] if longer else row["usd_per_mtok"]))


@cache
def table() -> Table:
    """Read the table that ships with the package."""
    data: Table = json.loads(Path(__file__).with_name("models.json").read_text("utf-8"))
    return data


def rates(model: str, prompt_tokens: int) -> Rates | None:
    """Look up a model's prices in the table.

    Parameters
    ----------
    model : str
        Undated id of the Claude API.
    prompt_tokens : int
        Length of the whole prompt in tokens, which selects the tier.

    Returns
    -------
    Rates or None
        None if the table has no prices for the model.
    """
    row = table()["models"].get(model, {})
    figures = row.get("usd_per_mtok")
    above = row.get("above")
    if above is not None and prompt_tokens > above["prompt_tokens"]:
        figures = above["usd_per_mtok"]
    return Rates(*map(Decimal, figures)) if figures else None
