"""The simulated provider: everything but the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.simulator import (
    auth,
    batches,
    call,
    clock,
    control,
    diagnostics,
    error_formats,
    ids,
    limits,
    messages,
    oauth,
    paths,
    request_log,
)
from prefixwarm.simulator.api_errors import ApiError, SimulatorError
from prefixwarm.simulator.cache import Cache
from prefixwarm.simulator.faults import Dropped, Fault, Faults
from prefixwarm.simulator.http_types import Reply, Request, json_reply
from prefixwarm.simulator.ledger import Ledger

if TYPE_CHECKING:
    from prefixwarm.simulator.request_log import Record
    from prefixwarm.simulator.settings import Settings

__all__ = ["Provider"]


class Provider:
    """A provider with its cache, clock, keys, limits and faults.

    Not safe for threads: one thread, the server's, calls it.

    Parameters
    ----------
    settings : Settings
        What it starts with.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.switches = settings.switches
        self.clock = clock.make(settings.clock)
        self.ids = ids.Ids(settings.seed)
        self.cache = Cache()
        self.tokens = oauth.Tokens(self.ids)
        self.faults = Faults()
        self.ledger: Ledger = Ledger()
        self.buckets = limits.Buckets(settings.limits)
        self.batches = batches.Batches()
        self.diagnoses = diagnostics.Diagnoses()
        self.log = request_log.Log(settings.keep_requests, settings.keep_bytes)

    def reset(self) -> None:
        """Forget entries, requests, faults, limits and dollars; time and switches stay."""
        kept = (self.cache, self.tokens, self.faults, self.ledger, self.buckets, self.diagnoses)
        for part in (*kept, self.batches, self.log):
            part.clear()

    def respond(self, request: Request) -> Reply:
        """Answer one request; the caller sends the parts at their moments."""
        if request.path.startswith(control.PREFIX) or request.path == "/":
            return self._control(request)
        now = self.clock.now()
        entry = self.log.open(now, request.method, request.path, request.headers)
        entry.route = auth.route_of(request)
        entry.request_id = self.ids.make("req_01")
        reply = self._answer(request, entry)
        entry.status = reply.status
        error_formats.identify(reply, entry.route, entry.request_id)
        return reply

    def _control(self, request: Request) -> Reply:
        try:
            return control.respond(self, request)
        except SimulatorError as error:
            return json_reply(400, {"error": str(error)})

    def _answer(self, request: Request, entry: Record) -> Reply:
        try:
            return self._dispatch(request, entry)
        except ApiError as failure:
            entry.error = f"{failure.error_type}: {failure.message}"
            reply = error_formats.error(failure, entry.route, entry.request_id)
            if entry.organization is not None:
                reply.headers = {**reply.headers, **_whose(entry)}
            return reply
        except Dropped:
            return Reply(0, cut=0)

    def _dispatch(self, request: Request, entry: Record) -> Reply:
        if request.too_large:
            raise ApiError(413, "Request exceeds the maximum size of 32 MB")
        action = paths.action(request)
        if action is paths.Action.TOKEN:
            fault = self.fault(entry)
            reply = self.tokens.exchange(request, self.settings, entry.time)
            return fault.spoil(reply) if fault else reply
        self._note_body(request, entry)
        assert entry.route is not None
        caller = auth.authenticate(request, entry.route, self.settings, self.tokens, entry.time)
        entry.organization = caller.principal.organization
        entry.workspace = caller.principal.workspace
        if action is paths.Action.BATCH:
            return self.batches.respond(self, request, entry, caller)
        counting = action is paths.Action.COUNT
        parsed = call.parse(
            request, entry.route, caller, self.settings, self.switches, counting=counting
        )
        return self._serve(parsed, entry, counting=counting)

    def _serve(self, parsed: call.Call, entry: Record, *, counting: bool) -> Reply:
        entry.model = parsed.body["model"]
        if counting:
            reply = messages.count_tokens(self, parsed, entry)
        else:
            entry.stream = bool(parsed.body.get("stream"))
            entry.warm = parsed.body["max_tokens"] <= 1
            reply = messages.create(self, parsed, entry)
        limited = self.buckets.headers(entry.organization or "", parsed.model.name, entry.time)
        reply.headers = {**reply.headers, **_whose(entry), **limited}
        return reply

    def _note_body(self, request: Request, entry: Record) -> None:
        if request.body[:1] in (b"{", b"["):
            self.log.keep_body(entry, request.body)

    def fault(self, entry: Record) -> Fault | None:
        """Return the fault that strikes a request, if it leaves the request its effect.

        Raises
        ------
        ApiError, Dropped
            Where it does not.
        """
        fault = self.faults.next(entry, entry.time)
        if fault is not None:
            entry.fault = fault.kind
            fault.before()
        return fault


def _whose(entry: Record) -> dict[str, str]:
    if (entry.route or "").startswith("bedrock"):
        return {}
    return {
        "anthropic-organization-id": entry.organization or "",
        "anthropic-workspace-id": entry.workspace or "",
    }
