"""Checks the kinds of values that a request body may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.simulator.api_errors import invalid

if TYPE_CHECKING:
    from collections.abc import Collection


_MARKER_KEYS = ("type", "ttl")


def required(value: dict[str, Any], key: str, path: str) -> Any:
    """Return a required field."""
    if key not in value:
        raise invalid(f"{path}{key}: Field required")
    return value[key]


def fields(value: dict[str, Any], keys: Collection[str], path: str) -> None:
    """Refuse fields that are not in `keys`."""
    for key in value:
        if key not in keys:
            raise invalid(f"{path}{key}: Extra inputs are not permitted")


def obj(value: Any, path: str) -> dict[str, Any]:
    """Return a value that must be an object."""
    if not isinstance(value, dict):
        raise invalid(f"{path}: Input should be an object")
    return value


def objects(value: Any, path: str) -> list[dict[str, Any]]:
    """Return a value that must be a list of objects."""
    if not isinstance(value, list):
        raise invalid(f"{path}: Input should be a valid list")
    for index, item in enumerate(value):
        obj(item, f"{path}.{index}")
    return value


def text(value: Any, path: str) -> str:
    """Return a value that must be a string."""
    if not isinstance(value, str):
        raise invalid(f"{path}: Input should be a valid string")
    return value


def text_or_null(value: Any, path: str) -> None:
    """Refuse anything but a string and null."""
    if value is not None:
        text(value, path)


def content_text(value: Any, path: str) -> None:
    """Refuse anything but a text to read."""
    if not text(value, path):
        raise invalid(f"{path}: text content blocks must be non-empty")
    if value.isspace():
        raise invalid(f"{path}: text content blocks must contain non-whitespace text")


def texts(value: Any, path: str) -> list[str]:
    """Return a value that must be a list of strings."""
    if not isinstance(value, list):
        raise invalid(f"{path}: Input should be a valid list")
    return [text(item, f"{path}.{index}") for index, item in enumerate(value)]


def stop_sequences(value: Any, path: str) -> None:
    """Refuse anything but a list of strings that are not blank."""
    for index, stop in enumerate(texts(value, path)):
        if not stop.strip():
            raise invalid(f"{path}.{index}: each must contain non-whitespace")


def boolean(value: Any, path: str) -> None:
    """Refuse anything but true and false."""
    if not isinstance(value, bool):
        raise invalid(f"{path}: Input should be a valid boolean")


def integer(value: Any, path: str, least: int = 0) -> None:
    """Refuse anything but an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(f"{path}: Input should be a valid integer")
    if value < least:
        raise invalid(f"{path}: Input should be greater than or equal to {least}")


def fraction(value: Any, path: str) -> None:
    """Refuse anything but a number from 0 to 1."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1:
        raise invalid(f"{path}: Input should be a number from 0 to 1")


def choice(value: Any, accepted: Collection[str], path: str) -> str:
    """Return a value that must be one of a few strings."""
    if not isinstance(value, str) or value not in accepted:
        options = ", ".join(f"'{option}'" for option in accepted)
        raise invalid(f"{path}: Input should be one of {options}")
    return value


def marker(holder: dict[str, Any], path: str) -> None:
    """Check an object's ``cache_control``."""
    value = holder.get("cache_control")
    if value is None:
        return
    path = f"{path}cache_control"
    obj(value, path)
    fields(value, _MARKER_KEYS, f"{path}.")
    choice(required(value, "type", f"{path}."), ("ephemeral",), f"{path}.type")
    if "ttl" in value:
        choice(value["ttl"], ("5m", "1h"), f"{path}.ttl")
