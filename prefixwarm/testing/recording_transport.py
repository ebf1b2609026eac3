"""A client for users' tests that answers warm calls in this process and records them."""

from __future__ import annotations

import json
from threading import Lock
from typing import TYPE_CHECKING, Any

from prefixwarm.prefix.body import markers
from prefixwarm.prefix.prefix_file import estimate_tokens
from prefixwarm.provider.routes import CONVERSE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prefixwarm.library.sending_object import TransportRequest


class RecordingTransport:
    """A client for `Warmer` and `AsyncWarmer` that uses no network and records every request.

    The first call of a prefix writes it and later calls read it, until `forget`. Its tokens are a
    quarter of its bytes. Thread-safe.

    Parameters
    ----------
    replies : iterable of dict or Exception
        Replies to the first calls instead, in order: a ``usage``, or an error to raise.

    Attributes
    ----------
    requests : list of TransportRequest
        The requests in order; `TransportRequest.body` is the whole body.

    Examples
    --------
    >>> transport = RecordingTransport()
    >>> Warmer(transport, [support]).warm("support").outcome
    'written'
    >>> transport.requests[0].body["max_tokens"]
    0
    """

    def __init__(self, replies: Iterable[Mapping[str, Any] | Exception] = ()) -> None:
        self.requests: list[TransportRequest] = []
        self._replies = list(replies)
        self._written: set[str] = set()
        self._lock = Lock()

    def send(self, request: TransportRequest) -> dict[str, Any]:
        """Answer one warm call.

        Raises
        ------
        Exception
            The next error in `replies`.
        """
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
            usage = self._replies.pop(0) if self._replies else self._usage(request)
        if isinstance(usage, Exception):
            raise usage
        return {"id": f"msg_{number}", "usage": dict(usage)}

    def forget(self) -> None:
        """Expire every entry: the next call of each prefix writes it."""
        with self._lock:
            self._written.clear()

    def _usage(self, request: TransportRequest) -> dict[str, Any]:
        limits = ("max_tokens", "inferenceConfig")
        shared = {name: value for name, value in request.body.items() if name not in limits}
        entry, tokens = json.dumps(shared), estimate_tokens(request.body)
        read = tokens if entry in self._written else 0
        self._written.add(entry)
        ttl = next(block["cache_control"].get("ttl") for _, block in markers(request.body))
        if request.route == CONVERSE:
            return _converse_usage(read, tokens - read, ttl)
        return {
            "input_tokens": 2,
            "output_tokens": request.body["max_tokens"],
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": tokens - read,
            "cache_creation": {
                "ephemeral_1h_input_tokens": tokens - read if ttl == "1h" else 0,
                "ephemeral_5m_input_tokens": 0 if ttl == "1h" else tokens - read,
            },
        }


def _converse_usage(read: int, written: int, ttl: str | None) -> dict[str, Any]:
    return {
        "inputTokens": 2,
        "outputTokens": 1,
        "totalTokens": 3 + read + written,
        "cacheReadInputTokens": read,
        "cacheWriteInputTokens": written,
        "cacheDetails": [{"inputTokens": written, "ttl": ttl or "5m"}],
    }
