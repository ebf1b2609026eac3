"""AWS as boto3 reaches it, whose replies are garbage: real clients, parsers and paginators."""

from __future__ import annotations

import io
import json
from random import Random
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from tests.helpers.garbage import garbled_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_ERRORS = (
    b'{"__type": "ResourceNotFoundException", "message": "no"}',
    b'{"__type": 5, "message": ["no"]}',
    b"<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>",
    b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>",
    b"<html>a proxy's page</html>",
    b"",
)
_PIECES = ("", "\x00", "\u202e", "<", ">", "&x;", "]]>", "é" * 50, "9" * 400, "<a>" * 3, "NaN")
_HEADERS: tuple[dict[str, str], ...] = (
    *({}, {"date": "Sat, 28 Nov 2026 03:00:00 GMT"}, {"date": "Sat, 28 Nov 9999999 03:00:00 GMT"}),
    *({"date": "Sat, 28 Nov 2026 03:00:00 -0000"}, {"date": "\x1b"}, {"content-length": "x"}),
    *({"x-amz-function-error": "Unhandled"}, {"content-length": "-5"}, {"etag": "\x00"}),
)


class GarbledAws:
    """What takes the place of a boto3 session; `replies` are good ones by ``SERVICE.OPERATION``.

    A dict is a reply of JSON, a str one of XML, and bytes are a body of JSON.
    `draw` decides what is garbage; where `spoils` is false nothing is.
    """

    region_name = "eu-west-1"

    def __init__(self, replies: Mapping[str, Any]) -> None:
        self.draw = Random(0)
        self.spoils = True
        self._replies = replies
        self._clients: dict[str, Any] = {}

    def client(self, service: str, **_: object) -> Any:
        """A real client, the same one every time."""
        if service not in self._clients:
            client = boto3.client(
                service,  # type: ignore[call-overload]
                region_name=self.region_name,
                config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
            )
            client.meta.events.register("before-send", self._reply)
            self._clients[service] = client
        return self._clients[service]

    def _reply(self, request: Any, event_name: str, **_: object) -> AWSResponse:
        _, service, operation = event_name.split(".")
        status, body = 200, self._body(f"{service}.{operation}", self.draw)
        if self.spoils and self.draw.random() < 0.1:
            status, body = self.draw.choice((400, 403, 404, 500, 302, 204)), self._error(self.draw)
        odd = self.spoils and self.draw.random() < 0.2
        headers = dict(self.draw.choice(_HEADERS)) if odd else {}
        return AWSResponse(request.url, status, headers, _Raw(body))

    def _body(self, place: str, draw: Random) -> bytes:
        if place not in self._replies:
            # No Exception, which would be taken for an unreadable reply.
            pytest.fail(f"no reply to {place} is given")
        good, is_whole = self._replies[place], not self.spoils or draw.random() < 0.5
        if isinstance(good, bytes):
            return good if is_whole else garbled_bytes(json.loads(good), draw)
        if isinstance(good, str):
            return (good if is_whole else _garbled_xml(good, draw)).encode(errors="replace")
        return json.dumps(good).encode() if is_whole else garbled_bytes(good, draw)

    @staticmethod
    def _error(draw: Random) -> bytes:
        document = {"__type": "x#ValidationException", "message": "no", "Error": {"Code": "x"}}
        if draw.random() < 0.5:
            return garbled_bytes(document, draw)
        return draw.choice(_ERRORS)


class _Raw(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        """All of it, in one piece."""
        yield self.read()


def _garbled_xml(text: str, draw: Random) -> str:
    """A document of which pieces are cut out, doubled or replaced."""
    for _ in range(draw.randint(1, 3)):
        if not text:
            break
        begin = draw.randrange(len(text))
        end = min(len(text), begin + draw.randint(1, 60))
        piece = draw.choice((*_PIECES, text[begin:end] * 2))
        text = text[:begin] + piece + text[end:]
    return text
