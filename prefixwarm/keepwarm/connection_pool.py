"""Connections for many threads at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.wire.http import HttpTransport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.wire.deadline import Deadline
    from prefixwarm.wire.http import Request, Response


class ConnectionPool:
    """A `Transport` for threads: each exchange has one to itself, and leaves its connection open.

    Parameters
    ----------
    environ
        See `HttpTransport`.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._free: list[HttpTransport] = []

    def send(self, request: Request, deadline: Deadline) -> Response:
        """See `HttpTransport`."""
        try:
            transport = self._free.pop()
        except IndexError:
            transport = HttpTransport(self._environ)
        try:
            return transport.send(request, deadline)
        finally:
            self._free.append(transport)

    def close(self) -> None:
        """Close idle connections."""
        while self._free:
            self._free.pop().close()
