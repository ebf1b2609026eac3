"""Refuses arguments of another kind or value than they should be, each in one line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm.errors import SettingsError, UsageError
from prefixwarm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def expect(name: str, value: object, kind: type, example: str) -> None:
    """Refuse a value of another kind, without showing it; None stands for an argument left out.

    Raises
    ------
    UsageError
        Naming the property and an example.
    """
    if value is not None and not isinstance(value, kind):
        raise UsageError(f"{name}: got a plain {type(value).__name__}; pass {example}")


def expect_several(name: str, values: Iterable[object] | None, example: str) -> None:
    """Refuse a single text or path where several may stand."""
    if isinstance(values, (str, Path)):
        raise UsageError(f"{name}: got one {type(values).__name__}; pass a list, as {example}")


def expect_count(name: str, value: int | None) -> None:
    """Refuse what is no whole number above 0; None stands for an argument left out."""
    if value is not None and (type(value) is not int or value < 1):
        raise UsageError(f"{name}={value!r}: write a whole number above 0, or leave it")


def check_settings(variables: Mapping[str, str], arguments: Mapping[str, str]) -> None:
    """Refuse values that the deployed code would refuse, naming the argument of each.

    Parameters
    ----------
    variables
        Environment variables that the deployed code will read.
    arguments
        By variable, the argument that its value came from.

    Raises
    ------
    SettingsError
        Naming the argument, its value and what to write.
    """
    try:
        Settings.from_environment(variables)
    except SettingsError as error:
        variable, _, problem = str(error).partition("=")
        raise SettingsError(f"{arguments[variable]}={problem}") from error
