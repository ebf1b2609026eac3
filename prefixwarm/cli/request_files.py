"""Reads a command's input: a prefix file or a real request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.capture.file_prices import prices_of
from prefixwarm.errors import UsageError
from prefixwarm.prefix.body import as_messages, is_converse, place_of, without_placeholder
from prefixwarm.prefix.nesting import MAX_DEPTH, too_deep
from prefixwarm.prefix.prefix_file import loads
from prefixwarm.prefix.prompt import Prompt
from prefixwarm.provider.routes import CONVERSE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from prefixwarm.prefix.prefix_file import PrefixFile


# https://platform.claude.com/docs/en/api/errors: request_too_large.
_MAX_BYTES = 32_000_000


@dataclass(frozen=True)
class Input:
    """A request's body and headers, and the prefix file it comes from.

    Attributes
    ----------
    body : dict
        The request; from a prefix file, without the placeholder.
    headers : dict of str to str or None
        None if unknown.
    prefix : PrefixFile or None
        None for a real request.
    """

    body: dict[str, Any]
    headers: dict[str, str] | None
    prefix: PrefixFile | None = None

    @property
    def prompt(self) -> Prompt:
        """The prompt to compare."""
        return Prompt(self.body, self.headers, self.prefix.route if self.prefix else None)

    @property
    def usd_per_mtok(self) -> Mapping[str, float | None]:
        """The model's prices; empty when unknown."""
        if self.prefix is not None:
            return self.prefix.usd_per_mtok
        route = CONVERSE if is_converse(self.body) else "anthropic"
        has_model = "model" in as_messages(self.body)
        prices = prices_of(self.body, route, 0) if has_model else None
        return prices["usd_per_mtok"] if prices else {}


def read_request(path: Path) -> Input:
    """Read a real request: its JSON body, or an object with ``body`` and ``headers``.

    Raises
    ------
    UsageError
        If it is not a request.
    """
    return _request(_json(path), path)


def write_request(path: Path, body: Mapping[str, Any]) -> None:
    """Replace the body in a file that `read_request` can read.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    document = _json(path)
    inside = isinstance(document.get("body"), dict)
    text = json.dumps({**document, "body": body} if inside else body, ensure_ascii=False, indent=2)
    try:
        path.write_text(f"{text}\n", "utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be written: {error}") from error


def read_input(path: Path) -> Input:
    """Read a prefix file or a real request.

    Raises
    ------
    UsageError
        If it is neither.
    """
    document = _json(path)
    if not (isinstance(document, dict) and "format" in document):
        return _request(document, path)
    prefix = loads(json.dumps(document), str(path))
    return Input(without_placeholder(prefix.request), dict(prefix.headers), prefix)


def _request(document: Any, path: Path) -> Input:
    headers = None
    if isinstance(document, dict) and isinstance(document.get("body"), dict):
        headers, document = document.get("headers"), document["body"]
    if not isinstance(document, dict) or not isinstance(document.get("messages"), list):
        raise UsageError(f"{path}: messages: is missing; give the JSON body of a real request")
    for place, value in _content(document):
        if not _is_content(value):
            raise UsageError(
                f"{path}: {place}: is not a list of objects; give a real request's body"
            )
    if not isinstance(headers, dict):
        return Input(document, None)
    return Input(document, {str(k).lower(): str(v) for k, v in headers.items()})


def _content(body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every list of blocks, with its place."""
    tools = as_messages(body).get("tools") or []
    yield place_of("tools", body), tools if isinstance(tools, list) else None
    yield "system", body.get("system") or []
    for i, message in enumerate(body["messages"]):
        content = message.get("content") if isinstance(message, dict) else None
        yield f"messages[{i}].content", content


def _is_content(value: object) -> bool:
    blocks = value if isinstance(value, list) else []
    return isinstance(value, str | list) and all(isinstance(block, dict) for block in blocks)


def _json(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > _MAX_BYTES:
        raise UsageError(f"{path}: is larger than the {_MAX_BYTES:,} bytes of a request")
    try:
        document = json.loads(data)
    except RecursionError:
        document = None
    except ValueError as error:
        raise UsageError(f"{path}: is not JSON: {error}") from error
    if document is None or too_deep(document):
        raise UsageError(f"{path}: is not a JSON object, or is nested more than {MAX_DEPTH} deep")
    return document
