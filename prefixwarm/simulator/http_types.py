"""A received request, and a reply with the moments at which its parts are sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

JSON = "application/json"


class Request(NamedTuple):
    """A whole HTTP request.

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
        Empty where it was too large.
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
    """Bytes of a reply, and how many simulated seconds after its start they go out."""

    after: float
    data: bytes


@dataclass
class Reply:
    """What is sent back.

    Attributes
    ----------
    status : int
        HTTP status.
    headers : dict of str to str
        Beside the ones of the transport.
    parts : list of Part
        One, or several where the reply is streamed.
    streamed : bool
        Whether the parts go out one by one.
    start : float or None
        Simulated start of the request; None where the reply takes no simulated time.
    held : float
        Real seconds to wait first, on any clock.
    cut : int or None
        Connection reset after so many bytes of the body; None sends everything.
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
