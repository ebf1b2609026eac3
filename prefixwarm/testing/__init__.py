"""Helpers for users' tests: a provider that needs no network."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefixwarm.library.sending_object import TransportRequest
    from prefixwarm.testing.local_provider import simulator
    from prefixwarm.testing.recording_transport import RecordingTransport

__all__ = ["RecordingTransport", "TransportRequest", "simulator"]

_MODULES = {
    "RecordingTransport": "prefixwarm.testing.recording_transport",
    "TransportRequest": "prefixwarm.library.sending_object",
    "simulator": "prefixwarm.testing.local_provider",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
