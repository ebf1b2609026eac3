"""Sends the questions' requests on one route, as any client of it would."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from prefixwarm.errors import (
    ConnectError,
    CredentialsError,
    PrefixwarmError,
    TransportError,
    UsageError,
)
from prefixwarm.provider.client import REFUSED_KEY, retry_after
from prefixwarm.provider.routes import CONVERSE, route_named
from prefixwarm.safe_text import masked, printable
from prefixwarm.state.outcome import Usage
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.http import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from prefixwarm.verify.provider_questions.spending import Spending
    from prefixwarm.warm.connections import Connections
    from prefixwarm.wire.http import Response

_REPLY_SECONDS = 120.0
_TRIES = 4
_BUSY = (408, 429, 500, 502, 503, 504, 529)
_MESSAGE = 200


class Clock(NamedTuple):
    """The time that lifetimes are measured by.

    Attributes
    ----------
    now
        Seconds since some moment.
    wait
        Lets some seconds pass.
    """

    now: Callable[[], float]
    wait: Callable[[float], object]


class UnansweredError(Exception):
    """The provider's replies leave a question open; the message says why."""


@dataclass(frozen=True)
class Call:
    """One request.

    Parameters
    ----------
    body
        Of the Messages API without the model; of Converse where `route` says so.
    betas, version
        ``anthropic-beta`` and ``anthropic-version``; None is the route's oldest.
    route
        None is the one that is verified.
    second
        Whether the second workspace sends it.
    """

    body: Mapping[str, Any]
    betas: tuple[str, ...] = ()
    version: str | None = None
    route: str | None = None
    second: bool = False


@dataclass(frozen=True)
class Answer:
    """What came of it; `started` and `ended` are moments of the clock.

    `read` and `written` are tokens of the cache, `message` the reason of a refusal.
    """

    status: int
    usage: Mapping[str, Any]
    body: Mapping[str, Any]
    message: str
    started: float
    ended: float
    counts: Usage = field(default_factory=Usage)

    @property
    def read(self) -> int:
        """Tokens read from the cache."""
        return self.counts.read

    @property
    def written(self) -> int:
        """Tokens written to it."""
        return self.counts.written

    @property
    def refused(self) -> str | None:
        """What to say of a reply that is an error; None where it is none."""
        return None if self.status == 200 else f"HTTP {self.status}: {self.message}"


class Caller:
    """Sends calls, waits where the provider is busy, and counts what they cost.

    Parameters
    ----------
    connections
        Those with the credentials; then, if there are any, those of a second workspace.

    Attributes
    ----------
    pause : float
        Seconds from a write to its read that are surely enough.
    """

    def __init__(
        self,
        route: str,
        model: str,
        connections: Sequence[Connections],
        spending: Spending,
        clock: Clock,
    ) -> None:
        self.route = route_named(route).name
        self.model = model
        self.spending = spending
        self.clock = clock
        self.pause = 3.0
        self.connections = connections

    def close(self) -> None:
        """Close all connections."""
        for connected in self.connections:
            connected.transport.close()

    @property
    def has_second(self) -> bool:
        """Whether there is a second workspace to ask from."""
        return len(self.connections) > 1

    def send(self, call: Call) -> Answer:
        """Send one call; an error of the request is an answer, too.

        Raises
        ------
        CapReachedError
            Nothing was sent: it might have passed the cap.
        CredentialsError
            The provider does not take the credentials.
        UsageError
            The provider does not know the model.
        TransportError
            No reply.
        """
        request = self._request(call)
        most = self.spending.most(dict(call.body), len(request.body))
        started, response = self._sent(call, request, most)
        answer = self._answer(response, started)
        if answer.status in REFUSED_KEY:
            raise CredentialsError(f"{self.route}: the provider refuses: {answer.refused}")
        if answer.status == 404:
            raise UsageError(f"--model {self.model}: {answer.refused}")
        if answer.status == 200:
            self.spending.add(answer.body, dict(call.body), most)
        return answer

    def accepted(self, call: Call) -> Answer:
        """Send one call that answers nothing if it is refused.

        Raises
        ------
        UnansweredError
            The request is refused; besides what `send` raises.
        """
        answer = self.send(call)
        if answer.refused:
            raise UnansweredError(answer.refused)
        return answer

    def _sent(self, call: Call, request: Request, most: Decimal) -> tuple[float, Response]:
        provider = self.connections[int(call.second)].provider
        route = route_named(call.route or self.route)
        for left in reversed(range(_TRIES)):
            started = self.clock.now()
            try:
                response = provider.ask(route, request, Deadline.after(_REPLY_SECONDS))
            except ConnectError:
                raise
            except TransportError:
                self.spending.spent += most  # it may have been billed
                raise
            if response.status not in _BUSY or not left:
                break
            pause = retry_after(response.headers, 0.0)
            self.clock.wait(2.0 ** (_TRIES - left) if pause is None else min(pause, 60.0))
        return started, response

    def _request(self, call: Call) -> Request:
        route = route_named(call.route or self.route)
        environ = self.connections[int(call.second)].environ
        headers = route.own_headers(environ)
        body = dict(call.body)
        version = call.version or (route.versions[0] if route.versions else "")
        if route.version_in_body:
            body["anthropic_version"] = version
            if call.betas:
                body["anthropic_beta"] = list(call.betas)
        elif route.name != CONVERSE:
            body["model"] = self.model
            headers["anthropic-version"] = version
            if call.betas:
                headers["anthropic-beta"] = ",".join(call.betas)
        data = json.dumps(body).encode()
        return Request(
            method="POST", url=route.url(self.model, environ), headers=headers, body=data
        )

    def _answer(self, response: Response, started: float) -> Answer:
        try:
            body = response.json_object("the provider")
        except PrefixwarmError:
            body = {}
        error = body.get("error")
        message = error.get("message") if isinstance(error, dict) else body.get("message")
        usage = body.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        counts = Usage.from_response(usage) if usage else Usage()
        text = printable(masked(str(message or "no reason given")), _MESSAGE)
        return Answer(response.status, usage, body, text, started, self.clock.now(), counts)
