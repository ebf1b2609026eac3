"""The web page at ``/``: live entries and requests."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from prefixwarm.simulator.http_types import Part, Reply

_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "connect-src 'self'"
    ),
    "cache-control": "no-store",
}


@cache
def _page() -> bytes:
    return files("prefixwarm.simulator").joinpath("page.html").read_bytes()


def respond() -> Reply:
    """Return the page."""
    return Reply(200, dict(_HEADERS), [Part(0.0, _page())])
