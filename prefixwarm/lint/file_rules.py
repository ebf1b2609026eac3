"""Applies the rules of `check` to a prefix file alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.amounts import tokens
from prefixwarm.lint.finding import finding, kept
from prefixwarm.lint.model_refusals import end_of_life, refusals
from prefixwarm.lint.provider_refusal import provider_refusal
from prefixwarm.lint.refused_blocks import UNKNOWN, refused_blocks, unknown_places
from prefixwarm.prefix.body import as_messages, place_of
from prefixwarm.prefix.prompt import Prompt
from prefixwarm.prefix.volatile import find, leaves

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prefixwarm.lint.finding import Finding
    from prefixwarm.prefix.prefix_file import PrefixFile


# The estimate is a quarter of the bytes; measured counts are 0.75 to 1.3 times that.
_UNSURE = 1.3
_SERVER_TOOLS = ("web_search", "web_fetch", "code_execution")


def check(prefix: PrefixFile, *, names: Sequence[str] = (), captured: bool = True) -> list[Finding]:
    """Find what keeps a prefix from being cached or read.

    Parameters
    ----------
    prefix : PrefixFile
        The prefix.
    names : sequence of str
        User names and similar words, which do not belong in a shared prefix.
    captured : bool
        Whether to include the findings that capture stored in the file.

    Returns
    -------
    list of Finding
        Worst first.
    """
    findings = [*kept(prefix.findings)] if captured else []
    findings += [*_size(prefix), *_model(prefix), *_volatile(prefix, names), *_parameters(prefix)]
    order = ("error", "warning", "note")
    return sorted(findings, key=lambda f: order.index(f.severity))


def _size(prefix: PrefixFile) -> Iterator[Finding]:
    minimum = prefix.tokens.get("minimum")
    counted, estimate = prefix.tokens.get("counted"), prefix.tokens.get("estimate")
    size = counted or estimate
    if minimum is None or size is None:
        return
    where = f"{prefix.model} on {prefix.route}"
    if size < minimum if counted else size * _UNSURE < minimum:
        yield finding(
            "under-minimum",
            "tokens",
            f"{tokens(size, estimated=not counted)} tokens; {where} caches from {minimum:,}: "
            "share more, or do not warm it",
        )
    elif counted is None and size < minimum * _UNSURE:
        yield finding(
            "near-minimum",
            "tokens",
            f"{tokens(size, estimated=True)} tokens, and {where} caches from {minimum:,}: "
            "count with --count",
        )


def _model(prefix: PrefixFile) -> Iterator[Finding]:
    if prefix.tokens.get("minimum") is None:
        yield finding(
            "unknown-model", "model", f"{prefix.model}: its minimum is unknown; {_unknown(prefix)}"
        )
    if prefix.prices is None:
        yield finding(
            "prices-unknown",
            "prices",
            f"the prices of {prefix.model} are unknown; write them into the file's prices",
        )
    ended = end_of_life(prefix.priced_model, prefix.route)
    if ended is not None:
        rule = "retired-model" if ended.over else "deprecated-model"
        when = f"ends on {ended.day}" if ended.day else "is no longer served"
        yield finding(rule, "model", f"{prefix.model} {when}: choose a newer one")
    prompt = Prompt.of_file(prefix)
    refused = [*refusals(prefix.request, prefix.headers), *refused_blocks(prompt)]
    for place, problem in refused:
        yield finding("refused-shape", f"request.{place}", problem)
    unknown = unknown_places(prompt)
    for place in unknown:
        yield finding("unknown-field", f"request.{place}", UNKNOWN)
    if not refused and not unknown:
        yield from provider_refusal(prefix.request, prefix.headers, prefix.route)
    if prefix.route.startswith("bedrock") and ".anthropic." in prefix.model:
        yield finding(
            "cross-region",
            "model",
            f"{prefix.model} may be served in several regions, and each has its own cache; "
            "the metric AgentMiss shows it",
        )
    if prefix.ttl == "1h" and prefix.route.startswith("bedrock"):
        yield finding(
            "one-hour-unsure",
            "ttl",
            "Bedrock has granted 5m instead of 1h; compare the first warm call's outcome",
        )


def _unknown(prefix: PrefixFile) -> str:
    if "application-inference-profile/" in prefix.model:
        return "name the model behind it: capture --model MODEL"
    return "see the first warm call's outcome"


def _volatile(prefix: PrefixFile, names: Sequence[str]) -> Iterator[Finding]:
    for block in Prompt.of_file(prefix).blocks:
        for place, text in leaves(block.value, block.place):
            for hit in find(text, names):
                yield finding(
                    "volatile-content",
                    f"{place}:{hit.start}",
                    f"{hit.kind} {hit.text!r}: if it changes, move it after the prefix, "
                    "into the first user message",
                )


def _parameters(prefix: PrefixFile) -> Iterator[Finding]:
    request, view = prefix.request, as_messages(prefix.request)
    same = "the agent's requests must send the same"

    def place(name: str) -> str:
        return f"request.{place_of(name, request)}"

    for rule, name in (("thinking", "thinking"), ("tool-choice", "tool_choice")):
        value = view.get(name)
        if value is not None:
            kind = value.get("type") if isinstance(value, dict) else value
            yield finding(rule, place(name), f"{kind}: {same}")
    config = view.get("output_config")
    if isinstance(config, dict) and config.get("effort"):
        yield finding("effort", place("output_config.effort"), f"{config['effort']}: {same}")
    if prefix.headers.get("anthropic-beta"):
        yield finding(
            "betas", "headers.anthropic-beta", f"{prefix.headers['anthropic-beta']}: {same} set"
        )
    if view.get("anthropic_beta"):
        listed = view["anthropic_beta"]
        betas = ", ".join(map(str, listed if isinstance(listed, list) else [listed]))
        yield finding("betas", place("anthropic_beta"), f"{betas}: {same} set")
    yield from _contents(prefix)


def _contents(prefix: PrefixFile) -> Iterator[Finding]:
    request = prefix.request
    for block in Prompt.of_file(prefix).blocks:
        if block.kind == "image":
            advice = "every request must carry it"
            yield finding("images", block.place, f"an image in the prefix: {advice}")
        if block.tier == "tools" and block.kind.startswith(_SERVER_TOOLS):
            yield finding("server-tools", block.place, f"{block.kind}: keep it on in every request")
    for name in ("metadata", "requestMetadata"):
        metadata = request.get(name)
        entries = metadata if isinstance(metadata, dict) else {}
        users = [key for key, value in entries.items() if value and "user" in key.lower()]
        if users:
            yield finding(
                "personal-metadata",
                f"request.{name}.{users[0]}",
                "it does not affect the cache but would be deployed with the file: remove it",
            )
