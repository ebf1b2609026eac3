"""Creates messages and counts tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.simulator import (
    bedrock_runtime,
    cache_keys,
    converse_replies,
    eventstream,
    markers,
    prompt_blocks,
    replies,
)
from prefixwarm.simulator.http_types import Reply, json_reply
from prefixwarm.simulator.key_trace import Trace
from prefixwarm.simulator.ledger import Bill, Tariff, tier

if TYPE_CHECKING:
    from prefixwarm.simulator.cache import CacheEffect
    from prefixwarm.simulator.call import Call
    from prefixwarm.simulator.prompt_blocks import Block
    from prefixwarm.simulator.provider_state import ProviderState
    from prefixwarm.simulator.request_log import Record
    from prefixwarm.simulator.settings import Switches


Json = dict[str, Any]


def count_tokens(state: ProviderState, call: Call, record: Record) -> Reply:
    """Count a prompt's tokens without using the cache.

    Raises
    ------
    ApiError
        400 for misplaced breakpoints, and injected faults.
    """
    blocks = prompt_blocks.flatten(call.body, call.model)
    markers.find(blocks, call.body.get("cache_control"))
    fault = state.fault(record)
    named = "inputTokens" if call.context.route in bedrock_runtime.ROUTES else "input_tokens"
    reply = json_reply(200, {named: sum(block.tokens for block in blocks)})
    return fault.spoil(reply) if fault else reply


def create(state: ProviderState, call: Call, record: Record) -> Reply:
    """Answer a request for a message and apply its effect on the cache.

    Raises
    ------
    ApiError
        400 for misplaced breakpoints, 429 for limits, and injected faults.
    """
    effect, blocks = _effect(state, call, record)
    fault = state.fault(record)
    who = call.context.principal.organization, call.model.name
    state.buckets.take(*who, effect.total - effect.read, record.time)
    answer = replies.answer(call.body, call_tools=state.switches.call_tools)
    record.message_id = state.ids.make("msg_01")
    diagnosis = state.diagnoses.note(call, blocks, effect, record.message_id)
    first = state.settings.latency.first_token(effect.total - effect.read, effect.read)
    _commit(state, call, effect, record, first)
    record.usage = _usage(call, effect, answer.tokens, state.switches)
    record.ttft, record.latency = first, first + state.settings.latency.output(answer.tokens)
    record.bill = _bill(call, effect, answer.tokens)
    state.ledger.add(record.bill, warm=record.warm)
    head = _head(call, record, diagnosis)
    reply = _reply(state, call, answer, record, head)
    return fault.spoil(reply) if fault else reply


def _effect(state: ProviderState, call: Call, record: Record) -> tuple[CacheEffect, list[Block]]:
    body, switches = call.body, state.switches
    blocks = prompt_blocks.flatten(body, call.model)
    marked = markers.find(blocks, body.get("cache_control"))
    salted = cache_keys.salts(body, call.context, switches)
    chain = cache_keys.chain(blocks, salted)
    minimum = call.model.minimum
    effect = state.cache.effect(
        blocks, chain, marked, minimum=minimum, now=record.time, switches=switches
    )
    record.trace = Trace.of(salted, chain, blocks, effect)
    return effect, blocks


def _commit(
    state: ProviderState, call: Call, effect: CacheEffect, record: Record, first: float
) -> None:
    principal = call.context.principal
    owner = (call.context.route, principal.organization, principal.workspace, call.model.id)
    available_at = record.time + first + state.switches.settle
    state.cache.commit(
        effect,
        owner=owner,
        start=record.time,
        available_at=available_at,
        switches=state.switches,
    )
    record.writes = [(write.key, write.tokens, write.ttl) for write in effect.writes]


def _bill(call: Call, effect: CacheEffect, output: int) -> Bill:
    model = call.model.priced_as or call.model.id
    tariff = Tariff(
        model,
        call.context.route,
        call.context.region or None,
        call.body.get("inference_geo"),
        call.body.get("speed"),
        tier(model, effect.total),
        call.batch,
    )
    return Bill(tariff, (effect.input, effect.read, effect.write_5m, effect.write_1h, output))


def _usage(call: Call, effect: CacheEffect, output: int, switches: Switches) -> Json:
    """Build the ``usage`` object of a reply; the switches choose older shapes."""
    usage: Json = {
        "input_tokens": effect.input,
        "cache_creation_input_tokens": effect.write_5m + effect.write_1h,
        "cache_read_input_tokens": effect.read,
        **_cache_creation(effect, switches.legacy_usage),
    }
    if switches.iterations:
        usage["iterations"] = [{"type": "message", **usage, "output_tokens": output}]
    usage["output_tokens"] = output
    usage["service_tier"] = "batch" if call.batch else "standard"
    usage["inference_geo"] = call.body.get("inference_geo") or "global"
    if call.body.get("speed") == "fast":
        usage["speed"] = "fast"
    return usage


def _cache_creation(effect: CacheEffect, legacy: str) -> Json:
    if legacy == "missing":
        return {}
    split = {
        "ephemeral_5m_input_tokens": effect.write_5m,
        "ephemeral_1h_input_tokens": effect.write_1h,
    }
    return {"cache_creation": None if legacy == "null" else split}


def _head(call: Call, record: Record, diagnosis: Json | None) -> Json:
    head: Json = {"id": record.message_id, "type": "message", "role": "assistant"}
    head["model"] = call.model.id
    return {**head, "diagnostics": diagnosis} if "diagnostics" in call.body else head


def _reply(
    state: ProviderState, call: Call, answer: replies.Answer, record: Record, head: Json
) -> Reply:
    assert record.usage is not None
    assert record.ttft is not None
    use_id = state.ids.make("toolu_01") if answer.tool else ""
    converse = call.context.route == "bedrock-converse"
    if call.body.get("stream"):
        timed = replies.events(head, answer, record.usage, use_id, state.settings.latency)
        framed = call.context.route in bedrock_runtime.ROUTES
        kind = eventstream.CONTENT_TYPE if framed else "text/event-stream; charset=utf-8"
        if converse:
            parts = converse_replies.stream(timed, record, state.switches)
        else:
            parts = replies.stream(timed, record.ttft, framed=framed)
        return Reply(200, {"content-type": kind}, parts, streamed=True, start=record.time)
    body = replies.message(head, answer, record.usage, use_id)
    if converse:
        body = converse_replies.message(body, record, state.switches)
    reply = json_reply(200, body, after=record.latency or 0.0)
    reply.start = record.time
    return reply
