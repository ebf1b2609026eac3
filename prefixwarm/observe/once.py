"""Ensures that a request is reported once, however many callbacks see its response."""

from __future__ import annotations

from threading import Lock

from prefixwarm.observe.latest import Latest


class Once:
    """Keeps the source that reported each of the last thousand responses, by id.

    One source sees a response only once, so the same id again comes from another provider.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._sources: Latest[str, str] = Latest()

    def is_first(self, response_id: object, source: str) -> bool:
        """Whether no other source has reported this response; one without an id counts as new."""
        if not response_id or not isinstance(response_id, str):
            return True
        with self._lock:
            return self._sources.setdefault(response_id, source) == source


# Shared by the process, because two observers may see the same request.
reported = Once()
