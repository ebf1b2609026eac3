"""Answers one request on behalf of a simulated provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.simulator import auth, batches, call, control, error_formats, messages, paths
from prefixwarm.simulator.api_errors import ApiError, SimulatorError
from prefixwarm.simulator.faults import Dropped
from prefixwarm.simulator.http_types import Reply, Request, json_reply

if TYPE_CHECKING:
    from prefixwarm.simulator.provider_state import ProviderState
    from prefixwarm.simulator.request_log import Record


def respond(state: ProviderState, request: Request) -> Reply:
    """Answer one request; the caller sends the reply's parts at their times."""
    if request.path.startswith(control.PREFIX) or request.path == "/":
        return _control(state, request)
    record = state.log.open(state.clock.now(), request.method, request.path, request.headers)
    record.route = auth.route_of(request)
    record.request_id = state.ids.make("req_01")
    reply = _answer(state, request, record)
    record.status = reply.status
    error_formats.identify(reply, record.route, record.request_id)
    return reply


def _control(state: ProviderState, request: Request) -> Reply:
    try:
        return control.respond(state, request)
    except SimulatorError as error:
        return json_reply(400, {"error": str(error)})


def _answer(state: ProviderState, request: Request, record: Record) -> Reply:
    try:
        return _dispatch(state, request, record)
    except ApiError as failure:
        record.error = f"{failure.error_type}: {failure.message}"
        reply = error_formats.error(failure, record.route, record.request_id)
        if record.organization is not None:
            reply.headers = {**reply.headers, **_principal_headers(record)}
        return reply
    except Dropped:
        return Reply(0, cut=0)


def _dispatch(state: ProviderState, request: Request, record: Record) -> Reply:
    if request.too_large:
        raise ApiError(413, "Request exceeds the maximum size of 32 MB")
    action = paths.action(request)
    if action is paths.Action.TOKEN:
        fault = state.fault(record)
        reply = state.tokens.exchange(request, state.settings, record.time)
        return fault.spoil(reply) if fault else reply
    if request.body[:1] in (b"{", b"["):
        state.log.keep_body(record, request.body)
    assert record.route is not None
    caller = auth.authenticate(request, record.route, state.settings, state.tokens, record.time)
    record.organization = caller.principal.organization
    record.workspace = caller.principal.workspace
    if action is paths.Action.BATCH:
        return batches.respond(state, request, record, caller)
    counting = action is paths.Action.COUNT
    parsed = call.parse(
        request, record.route, caller, state.settings, state.switches, counting=counting
    )
    return _serve(state, parsed, record, counting=counting)


def _serve(state: ProviderState, parsed: call.Call, record: Record, *, counting: bool) -> Reply:
    record.model = parsed.body["model"]
    if counting:
        reply = messages.count_tokens(state, parsed, record)
    else:
        record.stream = bool(parsed.body.get("stream"))
        record.warm = parsed.body["max_tokens"] <= 1
        reply = messages.create(state, parsed, record)
    limited = state.buckets.headers(record.organization or "", parsed.model.name, record.time)
    reply.headers = {**reply.headers, **_principal_headers(record), **limited}
    return reply


def _principal_headers(record: Record) -> dict[str, str]:
    if (record.route or "").startswith("bedrock"):
        return {}
    return {
        "anthropic-organization-id": record.organization or "",
        "anthropic-workspace-id": record.workspace or "",
    }
