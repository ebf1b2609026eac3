"""Observes boto3's Bedrock runtime client: InvokeModel and Converse, whole and streamed."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from prefixwarm.observe.breakpoint import with_breakpoint
from prefixwarm.observe.observer import Observer, without_fail
from prefixwarm.warm.call_context import is_warm_call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Usage = Callable[[], Mapping[str, Any]]


_SENT = "prefixwarm_sent"
_OPERATIONS = ("InvokeModel", "InvokeModelWithResponseStream", "Converse", "ConverseStream")
_CONVERSE = ("/converse", "/converse-stream")


def watch(client: Any, observer: Observer | None = None, *, add_breakpoint: bool = False) -> None:
    """Observe the requests of one client.

    Parameters
    ----------
    client : botocore.client.BaseClient
        A client of ``bedrock-runtime``.
    observer : Observer, optional
        What observes; by default one with the installed prefix files.
    add_breakpoint : bool
        Add the breakpoint, or cache point, at the prefix's end to requests that have none there.

    Notes
    -----
    Bodies are read in the background, so a request is not delayed by it.

    Examples
    --------
    >>> import boto3
    >>> client = boto3.client("bedrock-runtime", region_name="us-east-1")
    >>> watch(client)
    """
    watcher = _Watcher(observer or Observer())
    without_fail(lambda: _register(client, watcher, add_breakpoint))


def _register(client: Any, watcher: _Watcher, add_breakpoint: bool) -> None:
    for operation in _OPERATIONS:
        name = f"bedrock-runtime.{operation}"
        client.meta.events.register(f"before-call.{name}", watcher.before)
        client.meta.events.register(f"after-call.{name}", watcher.after)
        if add_breakpoint:
            client.meta.events.register(f"provide-client-params.{name}", watcher.add_breakpoint)


class _Watcher:
    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._first = True

    def add_breakpoint(self, params: dict[str, Any], **_more: Any) -> dict[str, Any] | None:
        """The parameters with the breakpoint; None leaves them as they are."""
        with suppress(Exception):
            if is_warm_call():
                return None
            whole = params if "body" not in params else _invoked(params)
            sent = self._observer.begin(whole, {})
            if sent is None or sent.match.drift is not None:
                return None
            more = with_breakpoint(whole, sent.match.warmed.prefix)
            if more is None or "body" not in params:
                return more
            del more["model"]
            return {**params, "body": json.dumps(more)}
        return None

    def before(self, params: dict[str, Any], context: dict[str, Any], **_more: Any) -> None:
        """Remember what is sent, and when; the first request may wait for a warm call."""
        with suppress(Exception):
            if is_warm_call():
                return
            if self._first:
                self._first = False
                self._wait(params["url_path"], params["body"])
            context[_SENT] = (params["url_path"], params["body"], self._observer.clock())

    def after(self, parsed: dict[str, Any], context: dict[str, Any], **_more: Any) -> None:
        """Read along while the caller reads the response."""
        with suppress(Exception):
            sent = context.pop(_SENT)
            if "Error" in parsed:
                return
            self._read_along(parsed, lambda usage: self._later(sent, usage))

    def _read_along(self, parsed: dict[str, Any], tell: Callable[[Usage], None]) -> None:
        if "usage" in parsed:
            usage = parsed["usage"]
            tell(lambda: usage)
        elif "stream" in parsed:
            parsed["stream"] = _Events(parsed["stream"], _in_metadata, tell)
        elif hasattr(parsed["body"], "read"):
            parsed["body"] = tee(parsed["body"], lambda data: tell(lambda: _in_message(data)))
        else:
            parsed["body"] = _Events(parsed["body"], _in_message_start, tell)

    def _wait(self, path: str, body: bytes) -> None:
        sent = self._observer.begin(_request(path, body), {})
        if sent is not None:
            self._observer.wait(sent)

    def _later(self, sent: tuple[str, bytes, float], usage: Usage) -> None:
        self._observer.later(lambda: self._observe(*sent, usage()))

    def _observe(self, path: str, body: bytes, started: float, usage: Mapping[str, Any]) -> None:
        sent = self._observer.begin(_request(path, body), {}, started)
        if sent is not None:
            self._observer.end(sent, usage)


def _request(path: str, body: bytes) -> dict[str, Any]:
    named = "modelId" if path.endswith(_CONVERSE) else "model"
    return {named: unquote(path.split("/")[2]), **json.loads(body)}


def _invoked(params: Mapping[str, Any]) -> dict[str, Any]:
    return {"model": params["modelId"], **json.loads(params["body"])}


def _in_message(data: bytes) -> dict[str, Any]:
    answer = json.loads(data)
    usage: dict[str, Any] = (answer.get("message") or answer)["usage"]
    return usage


def _in_message_start(event: Mapping[str, Any]) -> Usage | None:
    """InvokeModel's first event holds the cache's share of the usage."""
    data = event["chunk"]["bytes"]
    return (lambda: _in_message(data)) if b'"message_start"' in data[:64] else None


def _in_metadata(event: Mapping[str, Any]) -> Usage | None:
    """Converse's last event holds the usage."""
    metadata = event.get("metadata")
    return (lambda: metadata["usage"]) if metadata else None


def tee(body: Any, done: Callable[[bytes], None]) -> Any:
    """The response's body, which tells what was read when all of it was."""
    return type(body)(_Tee(body._raw_stream, done), body._content_length)


class _Tee:
    """A stream that keeps a copy of what is read from it."""

    def __init__(self, stream: Any, done: Callable[[bytes], None]) -> None:
        self._stream = stream
        self._done: Callable[[bytes], None] | None = done
        self._read: list[bytes] = []

    def read(self, amount: int | None = None) -> bytes:
        data: bytes = self._stream.read(amount) if amount is not None else self._stream.read()
        self._read.append(data)
        if self._done is not None and (amount is None or not data):
            done, self._done = self._done, None
            with suppress(Exception):
                done(b"".join(self._read))
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Events:
    """A stream of events, which tells what one of them says of the usage."""

    def __init__(
        self,
        stream: Any,
        find: Callable[[Any], Usage | None],
        tell: Callable[[Usage], None],
    ) -> None:
        self._stream = stream
        self._find = find
        self._tell = tell

    def __iter__(self) -> Iterator[Any]:
        for event in self._stream:
            with suppress(Exception):
                if usage := self._find(event):
                    self._tell(usage)
            yield event

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
