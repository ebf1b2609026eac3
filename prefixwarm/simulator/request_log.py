"""Records received requests and their results."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from prefixwarm.simulator.auth import CREDENTIAL_HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.simulator.key_trace import Trace
    from prefixwarm.simulator.ledger import Bill

# The fields of a record that are shown in another form, or not at all.
_SHOWN_OTHERWISE = ("headers", "body", "bill", "ttft", "latency", "writes", "trace")


@dataclass
class Record:
    """One received request and its result.

    Attributes
    ----------
    number : int
        Counts from 1; a reset starts over.
    time : float
        Its start, simulated seconds since the epoch.
    body : bytes or None
        As received; None if it was not JSON, or dropped to save memory.
    warm : bool
        Whether it asked for at most one output token.
    usage : dict or None
        As reported; None if the request failed.
    ttft, latency : float or None
        Simulated seconds to the first and to the last token.
    writes : list
        ``(key, tokens, ttl)`` of the entries it wrote.
    trace : Trace or None
        How its cache keys were made, to explain misses.
    """

    number: int
    time: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None = None
    route: str | None = None
    status: int = 0
    request_id: str = ""
    organization: str | None = None
    workspace: str | None = None
    model: str | None = None
    stream: bool = False
    warm: bool = False
    usage: dict[str, Any] | None = None
    bill: Bill | None = None
    ttft: float | None = None
    latency: float | None = None
    message_id: str | None = None
    error: str | None = None
    fault: str | None = None
    writes: list[tuple[bytes, int, str]] = field(default_factory=list)
    trace: Trace | None = None

    def public(self, *, body: bool) -> dict[str, Any]:
        """Return it for display and tests, without credentials."""
        headers = {k: v for k, v in self.headers.items() if k not in CREDENTIAL_HEADERS}
        shown = {
            **{name: value for name, value in vars(self).items() if name not in _SHOWN_OTHERWISE},
            "headers": headers,
            "ttft_ms": _milliseconds(self.ttft),
            "latency_ms": _milliseconds(self.latency),
            "cost_usd": self.bill.dollars() if self.bill else None,
            "entries": [{"key": k.hex(), "tokens": n, "ttl": ttl} for k, n, ttl in self.writes],
        }
        if body:
            shown["body"] = orjson.Fragment(self.body) if self.body else None
        return shown


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


class Log:
    """The latest requests, bounded in number and in bytes of their bodies.

    Parameters
    ----------
    most : int
        Requests to keep.
    most_bytes : int
        Bytes of bodies to keep; older requests keep everything else.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._records: deque[Record] = deque(maxlen=most)
        self._with_body: deque[Record] = deque()
        self._most_bytes = most_bytes
        self._bytes = 0
        self.received = 0

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def clear(self) -> None:
        """Remove every request and start counting again."""
        self._records.clear()
        self._with_body.clear()
        self._bytes = self.received = 0

    def open(self, time: float, method: str, path: str, headers: dict[str, str]) -> Record:
        """Start the record of an arriving request."""
        self.received += 1
        record = Record(self.received, time, method, path, headers)
        if self._records.maxlen and len(self._records) == self._records.maxlen:
            self._drop_body(self._records[0])
        self._records.append(record)
        return record

    def keep_body(self, record: Record, body: bytes) -> None:
        """Keep a body, dropping older ones if needed."""
        record.body = body
        self._with_body.append(record)
        self._bytes += len(body)
        while self._bytes > self._most_bytes and self._with_body:
            self._drop_body(self._with_body[0])

    def _drop_body(self, record: Record) -> None:
        if self._with_body and self._with_body[0] is record:
            self._with_body.popleft()
            self._bytes -= len(record.body or b"")
        record.body = None
