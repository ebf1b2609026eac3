"""Accepts message batches, answers their requests at once and bills half the price."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import orjson

from prefixwarm.simulator import call, checks, messages
from prefixwarm.simulator.api_errors import ApiError, invalid
from prefixwarm.simulator.http_types import Part, Reply, Request, json_reply

if TYPE_CHECKING:
    from prefixwarm.simulator.auth import Caller
    from prefixwarm.simulator.provider_state import ProviderState
    from prefixwarm.simulator.request_log import Record


PATH = "/v1/messages/batches"
_LIFETIME = timedelta(hours=24)
_RESULTS = "/results"

Json = dict[str, Any]


def respond(state: ProviderState, request: Request, record: Record, caller: Caller) -> Reply:
    """Submit a batch, or return one or its results.

    Raises
    ------
    ApiError
        400 for a batch with an invalid request, 404 for an unknown one.
    """
    if request.path == PATH:
        return _submit(state, request, record, caller)
    path = request.path.removeprefix(f"{PATH}/")
    name = path.removesuffix(_RESULTS)
    stored = state.batches.get((caller.principal.organization, name))
    if stored is None:
        raise ApiError(404, f"Message Batch {name} not found")
    batch, results = stored
    if path.endswith(_RESULTS):
        return Reply(200, {"content-type": "application/x-jsonl"}, [Part(0.0, results)])
    return json_reply(200, _addressed(batch, request))


def _submit(state: ProviderState, request: Request, record: Record, caller: Caller) -> Reply:
    items = _items(call.loads(request.body))
    calls = [_call(item, index, state, request, record, caller) for index, item in enumerate(items)]
    fault = state.fault(record)
    lines = []
    for item, parsed in zip(items, calls, strict=True):
        message = _answer(state, parsed, record)
        result = {"type": "succeeded", "message": message}
        lines.append(orjson.dumps({"custom_id": item["custom_id"], "result": result}))
    batch = _batch(state.ids.make("msgbatch_01"), record.time, len(lines))
    key = caller.principal.organization, batch["id"]
    state.batches[key] = batch, b"".join(line + b"\n" for line in lines)
    reply = json_reply(200, _addressed(batch, request))
    return fault.spoil(reply) if fault else reply


def _items(value: Any) -> list[Json]:
    body = checks.obj(value, "body")
    checks.fields(body, ("requests",), "")
    items = checks.objects(checks.required(body, "requests", ""), "requests")
    if not items:
        raise invalid("requests: at least one request is required")
    names: set[str] = set()
    for index, item in enumerate(items):
        path = f"requests.{index}."
        checks.fields(item, ("custom_id", "params"), path)
        name = checks.text(checks.required(item, "custom_id", path), f"{path}custom_id")
        if name in names:
            raise invalid(f"{path}custom_id: must be unique")
        names.add(name)
        params = checks.obj(checks.required(item, "params", path), f"{path}params")
        if params.get("max_tokens") == 0 or params.get("stream"):
            raise invalid(f"{path}params: max_tokens 0 and stream are not supported in a batch")
    return items


def _call(
    item: Json, index: int, state: ProviderState, request: Request, record: Record, caller: Caller
) -> call.Call:
    single = request._replace(body=orjson.dumps(item["params"]))
    try:
        return call.parse(
            single, record.route or "", caller, state.settings, state.switches, batch=True
        )
    except ApiError as error:
        raise ApiError(error.status, f"requests.{index}.params: {error.message}") from error


def _answer(state: ProviderState, parsed: call.Call, record: Record) -> Json:
    reply = messages.create(state, parsed, replace(record))
    message: Json = orjson.loads(reply.parts[0].data)
    return message


def _batch(name: str, now: float, size: int) -> Json:
    moment = datetime.fromtimestamp(now, timezone.utc)
    counts = dict.fromkeys(("processing", "canceled", "errored", "expired"), 0)
    return {
        "id": name,
        "type": "message_batch",
        "processing_status": "ended",
        "request_counts": {**counts, "succeeded": size},
        "created_at": moment.isoformat(),
        "ended_at": moment.isoformat(),
        "expires_at": (moment + _LIFETIME).isoformat(),
        "archived_at": None,
        "cancel_initiated_at": None,
    }


def _addressed(batch: Json, request: Request) -> Json:
    url = f"http://{request.headers.get('host', '')}{PATH}/{batch['id']}{_RESULTS}"
    return {**batch, "results_url": url}
