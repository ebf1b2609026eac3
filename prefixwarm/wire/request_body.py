"""Request bodies: bytes, or part of a file that is read while it is sent."""

from __future__ import annotations

import os

from prefixwarm.errors import PrefixFileError
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


_CHUNK_BYTES = 64 * 1024


class FileBody(Record):
    """Part of a file with some bytes replaced, streamed so that little of it is in memory.

    Attributes
    ----------
    path : str
        The file.
    offset, size : int
        The range of its bytes.
    before : bytes
        Bytes to send first.
    patches : mapping of int to bytes
        Replacement bytes by offset within the range; each replaces as many bytes.
    """

    path: str
    offset: int
    size: int
    before: bytes = b""
    patches: Mapping[int, bytes] = {}

    def __len__(self) -> int:
        return len(self.before) + self.size

    def __iter__(self) -> Iterator[bytes]:
        """The bytes in order, in chunks; raises PrefixFileError if they cannot be read."""
        if self.before:
            yield self.before
        try:
            with open(self.path, "rb", 0) as file:
                file.seek(self.offset)
                start = 0
                while start < self.size:
                    chunk = file.read(min(_CHUNK_BYTES, self.size - start))
                    if not chunk:
                        raise PrefixFileError(self.path, "", "was cut short after it was read")
                    yield self._patched(chunk, start)
                    start += len(chunk)
        except OSError as error:
            raise PrefixFileError(self.path, "", f"cannot be read: {error.strerror}") from error

    def part(self, at: int, size: int) -> bytes:
        """A range of the file's bytes, patched; raises PrefixFileError."""
        try:
            with open(self.path, "rb", 0) as file:
                return self._patched(os.pread(file.fileno(), size, self.offset + at), at)
        except OSError as error:
            raise PrefixFileError(self.path, "", f"cannot be read: {error.strerror}") from error

    def patched(self, patches: Mapping[int, bytes]) -> FileBody:
        """The same body with these bytes replaced too."""
        return self.replace(patches={**self.patches, **patches})

    def behind(self, before: bytes, skip: int) -> FileBody:
        """The same body with its first `skip` bytes replaced by `before`."""
        return self.replace(
            before=before,
            offset=self.offset + skip,
            size=self.size - skip,
            patches={at - skip: new for at, new in self.patches.items()},
        )

    def _patched(self, chunk: bytes, start: int) -> bytes:
        patched = bytearray(chunk)
        for place, new in self.patches.items():
            at = place - start
            low, high = max(at, 0), min(at + len(new), len(chunk))
            if low < high:
                patched[low:high] = new[low - at : high - at]
        return bytes(patched)


def whole(body: bytes | FileBody) -> bytes:
    """The whole body as bytes."""
    return b"".join(chunks(body))


def chunks(body: bytes | FileBody) -> Iterable[bytes]:
    """The body in chunks of moderate size."""
    return (body,) if isinstance(body, bytes) else body
