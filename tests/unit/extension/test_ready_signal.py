"""When the function goes on."""

from __future__ import annotations

import os

from prefixwarm_extension.ready_signal import ReadySignal


def written(read: int) -> bytes:
    """What has come through the pipe."""
    os.set_blocking(read, False)
    try:
        return os.read(read, 99)
    except BlockingIOError:
        return b""


def test_the_function_goes_on_when_nothing_is_left_to_wait_for() -> None:
    """And the word is said once."""
    read, write = os.pipe()
    ready = ReadySignal(write, 0.0)
    parts = [object(), object()]
    ready.expect(parts)
    ready.complete(parts[0])
    ready.complete(parts[0])
    assert written(read) == b""
    ready.complete(parts[1])
    held = ready.held
    ready.send()
    assert (written(read), ready.held) == (b"next\n", held)
    assert held > 0
    os.close(read)
    os.close(write)
