"""Ensures that a request is reported once, however many callbacks see its response."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

_MOST = 1000


class Once:
    """Keeps the source that reported each of the last thousand responses, by id.

    One source sees a response only once, so the same id again comes from another provider.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._sources: OrderedDict[str, str] = OrderedDict()

    def is_first(self, response_id: object, source: str) -> bool:
        """Whether no other source has reported this response; one without an id counts as new."""
        if not response_id or not isinstance(response_id, str):
            return True
        with self._lock:
            if self._sources.setdefault(response_id, source) != source:
                return False
            if len(self._sources) > _MOST:
                self._sources.popitem(last=False)
            return True


# Shared by the process, because two observers may see the same request.
reported = Once()
