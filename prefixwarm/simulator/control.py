"""The control surface under ``/_sim/``: what the real provider does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson

from prefixwarm.simulator.errors import SimulatorError
from prefixwarm.simulator.faults import Fault
from prefixwarm.simulator.wire import Reply, Request, json_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.simulator.provider import Provider

__all__ = ["PREFIX", "clock", "entries", "requests", "respond"]

PREFIX = "/_sim/"

Json = dict[str, Any]


def respond(provider: Provider, request: Request) -> Reply:
    """Answer a control request.

    Raises
    ------
    SimulatorError
        For what is not understood.
    """
    methods = _PATHS.get(request.path)
    if methods is None:
        return json_reply(404, {"error": f"unknown; known are {', '.join(_PATHS)}"})
    if request.method not in methods:
        return json_reply(405, {"error": f"use {' or '.join(methods)}"})
    return json_reply(200, methods[request.method](provider, request))


def clock(provider: Provider) -> Json:
    """Return the time and the kind of clock."""
    return {"now": provider.clock.now(), "clock": provider.settings.clock}


def entries(provider: Provider) -> list[Json]:
    """Return the live cache entries, the one that expires first at the front."""
    now, linger = provider.clock.now(), provider.switches.linger
    found = [
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
        for key, entry in provider.cache.live(now, linger)
    ]
    return sorted(found, key=lambda entry: entry["expires_at"])


def requests(provider: Provider, *, limit: int | None = None, body: bool = True) -> list[Json]:
    """Return the remembered requests in the order of their arrival."""
    found = list(provider.log)[-limit if limit else 0 :]
    return [record.public(body=body) for record in found]


def _advance(provider: Provider, request: Request) -> Json:
    seconds = _object(request).get("advance")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise SimulatorError('clock: give {"advance": seconds}')
    provider.clock.advance(seconds)
    return clock(provider)


def _requests(provider: Provider, request: Request) -> Json:
    query = {name: values[-1] for name, values in parse_qs(request.query).items()}
    limit = query.get("limit", "0")
    if not limit.isdigit():
        raise SimulatorError(f"requests: limit {limit!r}: give a number from 1 on")
    found = requests(provider, limit=int(limit), body=query.get("body", "1") != "0")
    return {"received": provider.log.received, "requests": found}


def _inject(provider: Provider, request: Request) -> Json:
    value = _loads(request)
    for fault in [Fault.parse(each) for each in (value if isinstance(value, list) else [value])]:
        provider.faults.add(fault)
    return _faults(provider)


def _faults(provider: Provider) -> Json:
    return {"faults": provider.faults.public()}


def _heal(provider: Provider) -> Json:
    provider.faults.clear()
    return _faults(provider)


def _switch(provider: Provider, request: Request) -> Json:
    provider.switches = provider.switches.changed(_object(request))
    return _switches(provider)


def _switches(provider: Provider) -> Json:
    return {"switches": provider.switches.public()}


def _reset(provider: Provider) -> Json:
    provider.reset()
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


def _plain(function: Callable[[Provider], Json]) -> Callable[[Provider, Request], Json]:
    return lambda provider, _request: function(provider)


_PATHS: dict[str, dict[str, Callable[[Provider, Request], Json]]] = {
    "/_sim/clock": {"GET": _plain(clock), "POST": _advance},
    "/_sim/entries": {"GET": _plain(lambda provider: {"entries": entries(provider)})},
    "/_sim/requests": {"GET": _requests},
    "/_sim/faults": {"GET": _plain(_faults), "POST": _inject, "DELETE": _plain(_heal)},
    "/_sim/ledger": {"GET": _plain(lambda provider: provider.ledger.public())},
    "/_sim/switches": {"GET": _plain(_switches), "POST": _switch},
    "/_sim/reset": {"POST": _plain(_reset)},
}
