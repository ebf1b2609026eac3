"""Answers the control paths under ``/_sim/``, and ``/``: a page of live entries and requests.

The real provider has none of them.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson

from prefixwarm.simulator.api_errors import SimulatorError
from prefixwarm.simulator.faults import Fault
from prefixwarm.simulator.http_types import Part, Reply, Request, json_reply
from prefixwarm.simulator.misses import explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.simulator.provider_state import ProviderState


PREFIX = "/_sim/"
_PAGE_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "connect-src 'self'"
    ),
    "cache-control": "no-store",
}

Json = dict[str, Any]


def respond(state: ProviderState, request: Request) -> Reply:
    """Answer a control request, or the page at ``/``.

    Raises
    ------
    SimulatorError
        The request is invalid.
    """
    if request.path == "/":
        return Reply(200, dict(_PAGE_HEADERS), [Part(0.0, _page())])
    methods = _PATHS.get(request.path)
    if methods is None:
        return json_reply(404, {"error": f"unknown path; use one of {', '.join(_PATHS)}"})
    if request.method not in methods:
        return json_reply(405, {"error": f"use {' or '.join(methods)}"})
    return json_reply(200, methods[request.method](state, request))


@cache
def _page() -> bytes:
    return files("prefixwarm.simulator").joinpath("page.html").read_bytes()


def paths() -> list[str]:
    """Return every path of the control surface."""
    return list(_PATHS)


def clock(state: ProviderState) -> Json:
    """Return the time and the kind of clock."""
    return {"now": state.clock.now(), "clock": state.settings.clock}


def entries(state: ProviderState, *, limit: int = 0) -> list[Json]:
    """Return the live cache entries, first to expire first.

    Parameters
    ----------
    state : ProviderState
        The provider.
    limit : int
        The most entries to return; 0 is all.
    """
    now, linger = state.clock.now(), state.switches.linger
    live = sorted(state.cache.live(now, linger), key=lambda pair: pair[1].expires_at)
    return [
        {
            "key": key.hex(),
            **dict(zip(("route", "organization", "workspace", "model"), entry.owner, strict=True)),
            "tokens": entry.tokens,
            "ttl": entry.ttl,
            "available_at": entry.available_at,
            "expires_at": entry.expires_at,
            "seconds_left": entry.expires_at - now,
            "reads": entry.reads,
        }
        for key, entry in (live[:limit] if limit else live)
    ]


def requests(
    state: ProviderState, *, limit: int = 0, body: bool = True, explained: bool = False
) -> list[Json]:
    """Return the stored requests in order of arrival.

    Parameters
    ----------
    state : ProviderState
        The provider.
    limit : int
        The most requests to return, latest first to count; 0 is all.
    body : bool
        Whether to include bodies.
    explained : bool
        Whether to include ``missed``: why a request did not read an earlier one's entry, see
        `explain`.
    """
    every = list(state.log)
    shown = every[-limit:] if limit else every
    documents = [record.public(body=body) for record in shown]
    if explained:
        before = len(every) - len(shown)
        for index, record in enumerate(shown):
            documents[index]["missed"] = explain(record, reversed(every[: before + index]))
    return documents


def _advance(state: ProviderState, request: Request) -> Json:
    seconds = _object(request).get("advance")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise SimulatorError('clock: give {"advance": seconds}')
    state.clock.advance(seconds)
    return clock(state)


def _entries(state: ProviderState, request: Request) -> Json:
    now, linger = state.clock.now(), state.switches.linger
    live = sum(1 for _ in state.cache.live(now, linger))
    return {"live": live, "entries": entries(state, limit=_limit(_query(request)))}


def _query(request: Request) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(request.query).items()}


def _limit(query: dict[str, str]) -> int:
    limit = query.get("limit", "0")
    if not limit.isascii() or not limit.isdigit():
        raise SimulatorError(f"limit {limit!r}: give a number from 1 on")
    return int(limit)


def _requests(state: ProviderState, request: Request) -> Json:
    query = _query(request)
    flags = {name: query.get(name) for name in ("body", "explain")}
    documents = requests(
        state, limit=_limit(query), body=flags["body"] != "0", explained=flags["explain"] == "1"
    )
    return {"received": state.log.received, "requests": documents}


def _inject(state: ProviderState, request: Request) -> Json:
    value = _loads(request)
    faults = value if isinstance(value, list) else [value]
    state.faults += [Fault.parse(item) for item in faults]
    return _faults(state)


def _faults(state: ProviderState) -> Json:
    return {"faults": [asdict(fault) for fault in state.faults]}


def _heal(state: ProviderState) -> Json:
    state.faults.clear()
    return _faults(state)


def _switch(state: ProviderState, request: Request) -> Json:
    state.switches = state.switches.changed(_object(request))
    return _switches(state)


def _switches(state: ProviderState) -> Json:
    return {"switches": state.switches.public()}


def _reset(state: ProviderState) -> Json:
    state.reset()
    return {"reset": True}


def _object(request: Request) -> Json:
    value = _loads(request)
    if not isinstance(value, dict):
        raise SimulatorError(f"{request.path}: give a JSON object")
    return value


def _loads(request: Request) -> Any:
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise SimulatorError(f"{request.path}: the body is not valid JSON ({error})") from error


def _plain(function: Callable[[ProviderState], Json]) -> Callable[[ProviderState, Request], Json]:
    return lambda state, _request: function(state)


_PATHS: dict[str, dict[str, Callable[[ProviderState, Request], Json]]] = {
    "/_sim/clock": {"GET": _plain(clock), "POST": _advance},
    "/_sim/entries": {"GET": _entries},
    "/_sim/requests": {"GET": _requests},
    "/_sim/faults": {"GET": _plain(_faults), "POST": _inject, "DELETE": _plain(_heal)},
    "/_sim/ledger": {"GET": _plain(lambda state: state.ledger.public())},
    "/_sim/switches": {"GET": _plain(_switches), "POST": _switch},
    "/_sim/reset": {"POST": _plain(_reset)},
}
