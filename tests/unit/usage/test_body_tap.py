"""What is read along of a response of boto3's."""

from __future__ import annotations

import io

from botocore.response import StreamingBody

from prefixwarm.usage.body_tap import tee


def test_what_observing_raises_reaches_nobody() -> None:
    """Where no thread can be started, for example."""

    def fail(_data: bytes) -> None:
        raise RuntimeError("can't start new thread")

    body = tee(StreamingBody(io.BytesIO(b"{}"), 2), fail)
    assert body.read() == b"{}"
