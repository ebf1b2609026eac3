"""Bodies in files are sent as those in memory are."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefixwarm.errors import PrefixFileError
from prefixwarm.wire import request_body as module
from prefixwarm.wire.accelerated import sha256_of
from prefixwarm.wire.http import HttpTransport, Request
from prefixwarm.wire.request_body import FileBody, chunks
from prefixwarm.wire.sigv4 import AwsCredentials, sign

if TYPE_CHECKING:
    from pathlib import Path

    from loopback import Serve

    from prefixwarm.wire.deadline import Deadline

TEXT = bytes(range(256)) * 4


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A file whose first line is not part of the body."""
    file = tmp_path / "body"
    file.write_bytes(b"head\n" + TEXT)
    return str(file)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    places=st.lists(st.integers(0, len(TEXT) - 2), max_size=4),
    before=st.binary(max_size=3),
    skip=st.integers(0, 3),
    size=st.integers(1, 70),
)
def test_is_what_the_same_bytes_would_be(
    path: str, places: list[int], before: bytes, skip: int, size: int
) -> None:
    """Patches may lie across the ends of chunks, or in what is skipped."""
    expected = bytearray(TEXT)
    body = FileBody(path=path, offset=5, size=len(TEXT))
    for place in places:
        expected[place : place + 2] = b"##"
        body = body.patched({place: b"##"})
        assert body.part(place, 2) == b"##"
    body, whole = body.behind(before, skip), before + bytes(expected[skip:])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK_BYTES", size)
        assert b"".join(chunks(body)) == whole
        assert sha256_of(chunks(body)) == sha256(whole).hexdigest()
    assert len(body) == len(whole)


def test_is_signed_and_sent_as_bytes_are(path: str, serve: Serve, soon: Deadline) -> None:
    """With its length, and the same signature."""
    body, keys = (
        FileBody(path=path, offset=5, size=len(TEXT)),
        AwsCredentials(access_key="a", secret_key="b"),
    )
    signed = [
        sign(
            Request(method="POST", url="https://h/", body=one),
            keys,
            region="eu-west-1",
            service="bedrock",
            now=0.0,
        ).headers
        for one in (body, TEXT)
    ]
    assert signed[0] == signed[1]
    server = serve(lambda peer: (peer.request(), peer.reply(b"{}", Connection="close")))
    signals: list[bool] = []

    def progress(*, sent: bool) -> None:
        signals.append(sent)

    request = Request(method="POST", url=server.url, body=body, progress=progress)
    assert HttpTransport({}).send(request, soon).status == 200
    ((head, received),) = server.requests
    assert f"Content-Length: {len(TEXT)}" in head
    assert received == TEXT
    assert signals == [False, True]


@pytest.mark.parametrize("change", ["gone", "shorter"])
def test_a_file_that_changes_is_one_error(path: str, change: str) -> None:
    """Nobody is sent half a prompt as if it were whole."""
    body = FileBody(path=path, offset=5, size=len(TEXT))
    if change == "gone":
        module.os.unlink(path)
    else:
        module.os.truncate(path, 100)
    with pytest.raises(PrefixFileError):
        list(body)
    if change == "gone":
        with pytest.raises(PrefixFileError):
            body.part(0, 1)
