"""Creating messages and counting tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.simulator import eventstream, keys, markers, prompt, replies, usage
from prefixwarm.simulator.ledger import Bill, Tariff, tier
from prefixwarm.simulator.wire import Reply, json_reply

if TYPE_CHECKING:
    from prefixwarm.simulator.cache import Plan
    from prefixwarm.simulator.call import Call
    from prefixwarm.simulator.provider import Provider
    from prefixwarm.simulator.record import Record

__all__ = ["count_tokens", "create"]

Json = dict[str, Any]


def count_tokens(call: Call) -> Reply:
    """Count a prompt's tokens; the cache is neither asked nor touched."""
    blocks = prompt.flatten(call.body, call.model)
    markers.find(blocks, call.body.get("cache_control"))
    return json_reply(200, {"input_tokens": sum(block.tokens for block in blocks)})


def create(provider: Provider, call: Call, record: Record) -> Reply:
    """Answer a request for a message, and do to the cache what it asks for.

    Raises
    ------
    ApiError
        400 for markers that may not stand where they do, 429 for limits, and injected faults.
    """
    plan = _plan(provider, call, record)
    fault = provider.fault(record)
    _limit(provider, call, plan, record.time)
    said = replies.answer(call.body)
    first = provider.settings.latency.first_token(plan.total - plan.read, plan.read)
    _commit(provider, call, plan, record, first)
    record.usage = usage.build(call.body, plan, said.tokens, provider.switches)
    record.ttft, record.latency = first, first + provider.settings.latency.output(said.tokens)
    record.bill = _bill(call, plan, said.tokens)
    provider.ledger.add(record.bill, warm=record.warm)
    reply = _reply(provider, call, said, record)
    return fault.spoil(reply) if fault else reply


def _plan(provider: Provider, call: Call, record: Record) -> Plan:
    body, switches = call.body, provider.switches
    blocks = prompt.flatten(body, call.model)
    marked = markers.find(blocks, body.get("cache_control"))
    record.salts = keys.salts(body, call.context, call.model, switches)
    record.chain = keys.chain(blocks, record.salts)
    record.paths = [block.path for block in blocks]
    minimum = call.model.minimum
    return provider.cache.plan(
        blocks, record.chain, marked, minimum=minimum, now=record.time, switches=switches
    )


def _limit(provider: Provider, call: Call, plan: Plan, now: float) -> None:
    who = call.context.principal.organization, call.model.name
    provider.buckets.take_request(*who, now)
    provider.buckets.take_tokens(*who, plan.total - plan.read, now)


def _commit(provider: Provider, call: Call, plan: Plan, record: Record, first: float) -> None:
    principal = call.context.principal
    owner = (call.context.route, principal.organization, principal.workspace, call.model.id)
    available_at = record.time + first + provider.switches.settle
    provider.cache.commit(
        plan,
        owner=owner,
        start=record.time,
        available_at=available_at,
        switches=provider.switches,
    )
    record.writes = [(write.key, write.tokens, write.ttl) for write in plan.writes]


def _bill(call: Call, plan: Plan, output: int) -> Bill:
    tariff = Tariff(
        call.model.id,
        call.context.route,
        call.context.region,
        call.body.get("inference_geo"),
        call.body.get("speed"),
        tier(call.model.id, plan.total),
    )
    return Bill(tariff, (plan.input, plan.read, plan.write_5m, plan.write_1h, output))


def _reply(provider: Provider, call: Call, said: replies.Answer, record: Record) -> Reply:
    assert record.usage is not None
    assert record.ttft is not None
    head: Json = {"id": record.message_id, "type": "message", "role": "assistant"}
    head["model"] = call.model.id
    use_id = provider.ids.make("toolu_01") if said.tool else ""
    if call.body.get("stream"):
        timed = replies.events(head, said, record.usage, use_id, provider.settings.latency)
        framed = call.context.route == "bedrock"
        kind = eventstream.CONTENT_TYPE if framed else "text/event-stream; charset=utf-8"
        parts = replies.stream(timed, record.ttft, framed=framed)
        return Reply(200, {"content-type": kind}, parts, streamed=True, start=record.time)
    body = replies.message(head, said, record.usage, use_id)
    reply = json_reply(200, body, after=record.latency or 0.0)
    reply.start = record.time
    return reply
