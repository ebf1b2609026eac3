"""How an environment ends for an extension: by an event alone, or by a signal to its process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prefixwarm.verify.cloud.probe_functions import ProbeFunctions

_TIMEOUT = 8
_RUNTIME = "python3.13"
# Two registrations, and what each of their environments sees.
_LINES = 4


def measure(probes: ProbeFunctions) -> dict[str, Any]:
    """End an environment by a change of the function, and another by its time-out.

    Returns
    -------
    dict
        ``events``: reasons of the SHUTDOWN events; ``signals``: names of the signals that came.
    """
    layer = probes.layer("shutdown.py")
    function = probes.create("shutdown", _RUNTIME, layer, Timeout=_TIMEOUT)
    probes.calls.invoke(function, {})
    probes.calls.renew(function)
    probes.calls.invoke(function, {"sleep": _TIMEOUT + 2})
    return ended(line["saw"] for line in probes.lines(function, "shutdown", _LINES))


def ended(seen: Iterable[str]) -> dict[str, Any]:
    """Events and signals among what the probe saw."""
    words = list(seen)
    events = [word.partition(" ")[2] for word in words if word.startswith("SHUTDOWN")]
    return {
        "environments": words.count("registered"),
        "events": sorted(set(events)),
        "signals": sorted({word for word in words if word.startswith("SIG")}),
    }
