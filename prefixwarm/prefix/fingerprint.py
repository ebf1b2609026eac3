"""Computes a prefix's fingerprints, tier by tier.

A block is hashed in its received key order, because the provider caches the rendered order
(sorting keys would hide real differences). Breakpoints are left out, because their place and TTL
are not part of the content.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from prefixwarm.fields.block_rules import choice_of, is_rendered
from prefixwarm.fields.parameters import parameters
from prefixwarm.fields.visits import CONVERSE, REQUEST
from prefixwarm.prefix.body import as_messages, is_converse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


# The parameters in the first fingerprint, in its order. State keys depend on it, so it changes
# only when the provider's entry does.
CACHE_PARAMETERS = (
    "model",
    "thinking",
    "output_config",
    "speed",
    "tool_choice",
    "context_management",
)


_LATER = ("container.skills", "mcp_servers", "output_config.format")


def fingerprint(body: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, str]:
    """Fingerprint a prefix: its tiers, and the whole.

    Parameters
    ----------
    body
        A warm request's body, without the placeholder.
    headers
        Its headers; the set of betas is part of the prefix.

    Returns
    -------
    dict
        ``tools``, ``system``, ``messages`` and ``prefix``, each ``sha256:`` and hex digits.
    """
    shape = CONVERSE if is_converse(body) else REQUEST
    view = {**as_messages(body)}
    if isinstance(view.get("tools"), list):
        choice = choice_of("tools", shape)
        view["tools"] = [tool for tool in view["tools"] if is_rendered(tool, choice)]
    return _fingerprint(view, headers, list(_later_parameters(body, shape)))


def first_fingerprint(request: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, str]:
    """Return the fingerprint of a warm request as first-version files have it.

    It included deferred tools and ignored skills, connectors' tools and the older name of an
    output format.
    """
    view = as_messages(request)
    return _fingerprint({**view, "messages": view["messages"][:-1]}, headers, [])


def _later_parameters(body: Mapping[str, Any], shape: str) -> Iterator[bytes]:
    """Parameters in the cache key that the first fingerprint ignored."""
    for name, parameter in parameters(body, shape=shape).items():
        if name in _LATER and parameter.place.partition(".")[0] not in CACHE_PARAMETERS:
            yield block_bytes([name, parameter.value])


def _fingerprint(
    view: Mapping[str, Any], headers: Mapping[str, str], later: list[bytes]
) -> dict[str, str]:
    tiers = tier_blocks(view, view["messages"])
    tier_digests = {name: f"sha256:{digest(blocks)}" for name, blocks in tiers.items()}
    betas = {b.strip() for b in headers.get("anthropic-beta", "").split(",")} - {""}
    betas |= {beta for beta in view.get("anthropic_beta") or () if isinstance(beta, str)}
    parameter_bytes = [block_bytes([name, view[name]]) for name in CACHE_PARAMETERS if name in view]
    ends = (block_bytes(sorted(betas)), *(tier_digests[name].encode() for name in tiers))
    whole = digest((*parameter_bytes, *later, *ends))
    return {**tier_digests, "prefix": f"sha256:{whole}"}


def tier_blocks(request: Mapping[str, Any], messages: Iterable[Any]) -> dict[str, list[bytes]]:
    """The bytes of each block of each tier, in order."""
    system = request.get("system") or []
    blocks = [{"type": "text", "text": system}] if isinstance(system, str) else system
    return {
        "tools": [block_bytes(tool) for tool in request.get("tools") or []],
        "system": [block_bytes(block) for block in blocks],
        "messages": [block_bytes(message) for message in messages],
    }


def block_bytes(block: object) -> bytes:
    """A block's bytes for the fingerprint: received key order, no white space, no breakpoints."""
    return json_bytes(_without_markers(block))


def json_bytes(value: object, *, sort: bool = False) -> bytes:
    """A value's JSON without white space, in received key order or sorted."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=sort)
    return text.encode("utf-8", "surrogatepass")


def _without_markers(value: object) -> object:
    if isinstance(value, dict):
        return {k: _without_markers(v) for k, v in value.items() if k != "cache_control"}
    if isinstance(value, list):
        return [_without_markers(item) for item in value]
    return value


def digest(chunks: Iterable[bytes]) -> str:
    """The SHA-256 of chunks and their lengths, in hexadecimal digits."""
    whole = sha256()
    for chunk in chunks:
        whole.update(len(chunk).to_bytes(8, "big"))
        whole.update(chunk)
    return whole.hexdigest()
