"""Copies the body of a reply of botocore while the caller reads it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def tee(body: Any, done: Callable[[bytes], None]) -> Any:
    """Wrap a botocore body to receive its content once the caller has read all of it."""
    return type(body)(_TappedBody(body._raw_stream, done), body._content_length)


class _TappedBody:
    """A botocore body's raw stream, with a copy of what is read from it."""

    def __init__(self, stream: Any, done: Callable[[bytes], None]) -> None:
        self._stream = stream
        self._done: Callable[[bytes], None] | None = done
        self._chunks: list[bytes] = []

    def read(self, amount: int | None = None) -> bytes:
        """Read from the stream."""
        data: bytes = self._stream.read(amount) if amount is not None else self._stream.read()
        self._chunks.append(data)
        if self._done is not None and (amount is None or not data):
            done, self._done = self._done, None
            with suppress(Exception):
                done(b"".join(self._chunks))
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
