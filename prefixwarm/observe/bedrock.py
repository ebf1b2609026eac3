"""Observes boto3's Bedrock runtime client: InvokeModel and Converse, with and without streams."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from prefixwarm.observe.breakpoint import with_breakpoint
from prefixwarm.observe.harmless import without_fail
from prefixwarm.observe.observer import Observer
from prefixwarm.usage.body_tap import tee
from prefixwarm.warm.call_context import is_warm_call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from threading import Event

    from prefixwarm.observe.observer import Sent

    Usage = Callable[[], Mapping[str, Any]]


_SENT = "prefixwarm_sent"
# The attribute of a client that holds its watcher, so that there is only one.
_WATCHED = "_prefixwarm_watched"
_OPERATIONS = ("InvokeModel", "InvokeModelWithResponseStream", "Converse", "ConverseStream")
_CONVERSE = ("/converse", "/converse-stream")


def watch(client: Any, observer: Observer | None = None, *, add_breakpoint: bool = False) -> None:
    """Observe the requests of one client.

    Parameters
    ----------
    client : botocore.client.BaseClient
        A client of ``bedrock-runtime``.
    observer : Observer, optional
        The observer; by default one with the installed prefix files.
    add_breakpoint : bool
        Whether to add a breakpoint (or cache point) at the prefix's end to requests without one
        there.

    Notes
    -----
    A client that is already watched is not reported twice, but a breakpoint is still added.
    Bodies are read in the background, without delaying a request.

    Examples
    --------
    >>> import boto3
    >>> client = boto3.client("bedrock-runtime", region_name="us-east-1")
    >>> watch(client)
    """
    watcher = _Watcher(observer or Observer())
    without_fail(lambda: _register(client, watcher, add_breakpoint))


def _register(client: Any, watcher: _Watcher, add_breakpoint: bool) -> None:
    watched = vars(client).setdefault(_WATCHED, watcher)
    for operation in _OPERATIONS:
        name = f"bedrock-runtime.{operation}"
        if watched is watcher:
            client.meta.events.register(f"before-call.{name}", watcher.before)
            client.meta.events.register(f"after-call.{name}", watcher.after)
        if add_breakpoint:
            client.meta.events.register(f"provide-client-params.{name}", watcher.add_breakpoint)


class _Watcher:
    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._first = True

    def add_breakpoint(self, params: dict[str, Any], **_more: Any) -> dict[str, Any] | None:
        """Return the parameters with the breakpoint; None leaves them unchanged."""
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
        """Note what is sent and when; the first request may wait for a warm call."""
        with suppress(Exception):
            if is_warm_call():
                return
            call = _Call(self._observer, params["url_path"], params["body"], self._observer.clock())
            if self._first:
                self._first = False
                call.wait()
                call.started = self._observer.clock()
            self._observer.later(call.prepare)
            context[_SENT] = call

    def after(self, parsed: dict[str, Any], context: dict[str, Any], **_more: Any) -> None:
        """Read the response while the caller reads it."""
        with suppress(Exception):
            call = context.pop(_SENT)
            if "Error" in parsed:
                return
            call.response_id = parsed.get("ResponseMetadata", {}).get("RequestId")
            self._read_along(parsed, call)

    def _read_along(self, parsed: dict[str, Any], call: _Call) -> None:
        if "usage" in parsed:
            usage = parsed["usage"]
            call.report(lambda: usage)
            call.wait_until_reported()
        elif "stream" in parsed:
            parsed["stream"] = _Events(parsed["stream"], _in_metadata, call)
        elif hasattr(parsed["body"], "read"):
            parsed["body"] = tee(parsed["body"], call.read)
        else:
            parsed["body"] = _Events(parsed["body"], _in_message_start, call)


@dataclass(eq=False)
class _Call:
    """One request in progress, read in the background and reported with its response's usage."""

    observer: Observer
    path: str
    body: bytes = field(repr=False)  # the prompt
    started: float
    response_id: str | None = None
    _sent: Sent | None = None
    _done: Event | None = None

    def wait(self) -> None:
        """Wait for a warm call that is writing its prefix."""
        sent = self._begin()
        if sent is not None:
            self.observer.wait(sent)

    def prepare(self) -> None:
        """Compare it with the prefix and connect to the state while it is in flight."""
        self._sent = self._begin()
        if self._sent is not None:
            self.observer.prepare(self._sent)

    def report(self, usage: Usage) -> None:
        """Report it in the background; the first of each minute is reported at once."""
        if self._sent is not None and self.observer.is_due(self._sent):
            self._report(usage)
        else:
            self.observer.later(lambda: self._report(usage))

    def read(self, data: bytes) -> None:
        """Report it from its whole body."""
        self.report(lambda: _in_message(data))
        self.wait_until_reported()

    def wait_until_reported(self) -> None:
        """Wait for the first report of a minute, for at most 50 ms."""
        self.observer.wait_until_reported(self._done)

    def _begin(self) -> Sent | None:
        return self.observer.begin(_request(self.path, self.body), {}, self.started)

    def _report(self, usage: Usage) -> None:
        if self._sent is not None:
            self._done = self.observer.end(
                self._sent, usage(), response_id=self.response_id, source="boto3"
            )


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
    """The cache usage in InvokeModel's first event."""
    data = event["chunk"]["bytes"]
    return (lambda: _in_message(data)) if b'"message_start"' in data[:64] else None


def _in_metadata(event: Mapping[str, Any]) -> Usage | None:
    """The usage in Converse's last event."""
    metadata = event.get("metadata")
    return (lambda: metadata["usage"]) if metadata else None


class _Events:
    """A stream of events that reports the usage in one of them."""

    def __init__(self, stream: Any, find: Callable[[Any], Usage | None], call: _Call) -> None:
        self._stream = stream
        self._find = find
        self._call = call

    def __iter__(self) -> Iterator[Any]:
        for event in self._stream:
            with suppress(Exception):
                if usage := self._find(event):
                    self._call.report(usage)
                if _is_last(event):
                    self._call.wait_until_reported()
            yield event

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _is_last(event: Mapping[str, Any]) -> bool:
    """Whether no useful event follows."""
    return "metadata" in event or b'"message_stop"' in event.get("chunk", {}).get("bytes", b"")[:64]
