"""Decides whether a real request would read the warmed entry, or which tier differs and where."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prefixwarm.fields.breakpoint_field import ttl_of
from prefixwarm.life import TTL_SECONDS
from prefixwarm.lint.finding import finding
from prefixwarm.lint.provider_refusal import provider_refusal
from prefixwarm.lint.refused_blocks import UNKNOWN, refused_blocks, unknown_places
from prefixwarm.prefix.blocks import positions
from prefixwarm.prefix.body import MAX_BREAKPOINTS, as_messages, cache_point, is_converse, place_of
from prefixwarm.prefix.prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prefixwarm.lint.finding import Finding
    from prefixwarm.prefix.blocks import Block
    from prefixwarm.prefix.difference import Difference
    from prefixwarm.prefix.prefix_file import PrefixFile


# https://platform.claude.com/docs/en/build-with-claude/prompt-caching: positions checked per
# breakpoint, including its own.
LOOKBACK = 20
_DRIFT_MESSAGES = {
    "citations": "a document with citations changes the system prompt: only tools can be warmed",
    "images": "an image anywhere changes the messages before it: warm only tools and system",
}


@dataclass(frozen=True)
class Verdict:
    """Whether a request reads the warmed entry.

    Attributes
    ----------
    hit : bool
        Whether it would.
    drift : Difference or None
        The first difference between the request and the warmed prefix.
    findings : list of Finding
        The drift, and problems with the request's own breakpoints.
    """

    hit: bool
    drift: Difference | None
    findings: list[Finding] = field(default_factory=list)


def judge(
    prefix: PrefixFile,
    request: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
    *,
    answered: bool = False,
) -> Verdict:
    """Compare a real request with a prefix.

    Parameters
    ----------
    prefix : PrefixFile
        The warmed prefix.
    request : mapping
        The body of a request, as the agent sends it.
    headers : mapping of str to str, optional
        Its headers; betas and version are compared only if given.
    answered : bool
        Whether the provider accepted the request; then nothing is refused.

    Notes
    -----
    A body without a model (Bedrock's runtime has it in the URL path) counts as the same model.
    """
    if "model" not in request and "modelId" not in request:
        named = "modelId" if is_converse(prefix.request) else "model"
        request = {named: prefix.model, **request}
    warmed, sent = Prompt.of_file(prefix), Prompt(request, headers, prefix.route)
    drift = warmed.missed_by(sent)
    findings = [*_markers(prefix, sent), *_choice(prefix, request)]
    wrong = any(one.severity == "error" for one in findings) or unknown_places(sent)
    if not (answered or wrong):
        findings += provider_refusal(sent.body, sent.headers, prefix.route)
    if drift is None:
        findings = [*_reading(prefix, len(warmed.blocks) - 1, sent), *findings]
    else:
        sides = f"sent {drift.right!r}, warmed {drift.left!r}"
        message = _DRIFT_MESSAGES.get(drift.place, f"{drift.why}: {sides}")
        findings.insert(0, finding("drift", drift.at, message))
    return Verdict(not any(f.severity == "error" for f in findings), drift, findings)


def _markers(prefix: PrefixFile, sent: Prompt) -> Iterator[Finding]:
    automatic = sent.body.get("cache_control") is not None
    if (count := len(sent.breakpoints) + automatic) > MAX_BREAKPOINTS:
        yield finding(
            "too-many-breakpoints",
            "request",
            f"{count} breakpoints; remove all but {MAX_BREAKPOINTS}",
        )
    if automatic and prefix.route == "bedrock":
        message = "InvokeModel has no automatic caching: mark the last shared block instead"
        yield finding("refused-shape", "cache_control", message)
    for place, problem in refused_blocks(sent):
        yield finding("refused-shape", place, problem)
    for place in unknown_places(sent):
        yield finding("unknown-field", place, UNKNOWN)
    yield from _ttl_order(sent.blocks, sent.body.get("cache_control"))


def _choice(prefix: PrefixFile, request: Mapping[str, Any]) -> Iterator[Finding]:
    """A forced choice should read tools and system, but the provider's preamble differs."""
    sent, warmed = (as_messages(side).get("tool_choice") for side in (request, prefix.request))
    kind = sent.get("type") if isinstance(sent, dict) else None
    if kind in ("any", "tool") and sent != warmed:
        message = f"{kind}: differs from the warm call; see what the first real request reads"
        yield finding("tool-choice", place_of("tool_choice", request), message)


def _ttl_order(sent: Sequence[Block], automatic: object) -> Iterator[Finding]:
    """TTL orders that are refused; automatic caching is a breakpoint on the last block."""
    named = [(block.place, ttl_of(block.value["cache_control"])) for block in sent if block.marked]
    if automatic is not None:
        if sent and sent[-1].marked and named[-1][1] != ttl_of(automatic):
            both = "automatic caching and the last block's breakpoint"
            yield finding("ttl-order", "cache_control", f"{both} have two TTLs: remove one")
        named.append(("cache_control", ttl_of(automatic)))
    first = next((i for i, (_, ttl) in enumerate(named) if ttl == "5m"), len(named))
    for place, ttl in named[first:]:
        if ttl == "1h":
            shorter = named[first][0]
            yield finding("ttl-order", place, f"1h after the 5m of {shorter}: use the same TTL")


def _reading(prefix: PrefixFile, end: int, prompt: Prompt) -> Iterator[Finding]:
    """Check that a breakpoint of the request reads the prefix's last block."""
    sent, marked = prompt.blocks, prompt.breakpoints
    automatic = prompt.body.get("cache_control") is not None
    place = sent[end].place
    add = f'add "cache_control": {{"type": "ephemeral", "ttl": "{prefix.ttl}"}} to {place}'
    if is_converse(prefix.request):
        add = f"add {json.dumps(cache_point(prefix.ttl))} after {place}"
    if end in marked:
        ttl = ttl_of(sent[end].value["cache_control"])
        if ttl != prefix.ttl:
            yield finding(
                "ttl-differs",
                place,
                f"the request has {ttl}, the warm call {prefix.ttl}: the request's writes live "
                f"{TTL_SECONDS.get(ttl)} s; use {prefix.ttl} in both",
            )
        return
    where = positions(sent)
    explicit = [i for i in marked if i > end]
    reading = [*explicit, *([len(sent) - 1] if automatic else [])]
    if not reading:
        position = "before the prefix's end" if marked else "at all"
        yield finding("no-breakpoint", place, f"the request has no breakpoint {position}: {add}")
    elif all(where[i] - where[end] >= LOOKBACK for i in reading):
        nearest = min(where[i] - where[end] for i in reading)
        yield finding(
            "lookback-exceeded",
            place,
            f"the next breakpoint is {nearest} blocks later, look-back ends at {LOOKBACK}: {add}",
        )
    elif not explicit:
        yield finding(
            "automatic-caching",
            place,
            f"read only by look-back, so for at most {LOOKBACK} blocks of messages: {add}",
        )
