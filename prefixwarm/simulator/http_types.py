"""A received request, and a reply whose parts are sent at given times."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

JSON = "application/json"


class Request(NamedTuple):
    """A complete HTTP request.

    Attributes
    ----------
    method : str
        In upper case.
    path : str
        As sent, still percent-encoded.
    query : str
        As sent, without the question mark.
    headers : dict of str to str
        Lower-case names.
    body : bytes
        Empty if it was too large.
    too_large : bool
        Whether the body was over the provider's 32 MB.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    too_large: bool = False


class Part(NamedTuple):
    """Bytes of a reply, and when they are sent, in simulated seconds after its start."""

    after: float
    data: bytes


@dataclass
class Reply:
    """A reply.

    Attributes
    ----------
    status : int
        HTTP status.
    headers : dict of str to str
        Headers besides the transport's.
    parts : list of Part
        One, or several if the reply is streamed.
    streamed : bool
        Whether the parts are sent one by one.
    start : float or None
        Simulated start of the request; None if the reply takes no simulated time.
    held : float
        Real seconds to wait first, on any clock.
    cut : int or None
        Body bytes after which the connection is reset; None sends everything.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    streamed: bool = False
    start: float | None = None
    held: float = 0.0
    cut: int | None = None


def json_reply(
    status: int, value: Any, headers: dict[str, str] | None = None, *, after: float = 0.0
) -> Reply:
    """Build a reply of one JSON value."""
    data = orjson.dumps(value, default=_exact)
    return Reply(status, {"content-type": JSON, **(headers or {})}, [Part(after, data)])


def _exact(value: object) -> orjson.Fragment:
    """Write a Decimal as a JSON number with all its digits."""
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"{type(value).__name__} has no JSON form")
