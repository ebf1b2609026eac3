"""Where a request differs from what is warmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.prefix.blocks import TIERS
from prefixwarm.provider.routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.prefix.prefix_file import PrefixFile


_ORDER = ("shape", *TIERS)


@dataclass(frozen=True)
class Place:
    """Where and why, without the text itself.

    Attributes
    ----------
    at : str
        Such as ``system[1].text:26``: the block and, in a text, the first different character.
    why : str
        Such as ``date``, ``key order``, ``added`` or ``text``.
    """

    at: str
    why: str


def drifted_at(
    prefix: PrefixFile,
    body: Mapping[str, Any],
    tier: str,
    headers: Mapping[str, str] | None = None,
) -> Place | None:
    """The first place of that tier where a request is not what is warmed."""
    # Only drift needs it, and that is rare.
    from prefixwarm.prefix.difference import differences

    warmed = {**prefix.request, "messages": prefix.request["messages"][:-1]}
    allowed = ROUTES[prefix.route].allowed_headers
    sent = {k: v for k, v in headers.items() if k in allowed} if headers is not None else None
    found = differences(warmed, body, prefix.headers, sent)
    if not found:
        return None
    # What differs beside the blocks may be told as of the tier that it reaches.
    first = min(found, key=lambda d: (d.tier != tier, _ORDER.index(d.tier)))
    character = "" if first.character is None else f":{first.character}"
    return Place(f"{first.place}{character}", first.why)
