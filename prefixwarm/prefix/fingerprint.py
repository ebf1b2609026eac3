"""Fingerprints of a prefix, tier by tier.

A block is hashed in the key order in which it was received, because the provider caches the
rendered order (sorting keys would hide real differences), and without its `cache_control`
markers or cache points, because a marker's place and TTL are not part of the content.
"""

from __future__ import annotations

import json
from hashlib import sha256

from prefixwarm.prefix.body import as_messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


# Parts of a request that the provider renders into the prompt, or may (the conservative reading
# of https://platform.claude.com/docs/en/build-with-claude/prompt-caching).
CACHE_PARAMETERS = (
    "model",
    "thinking",
    "output_config",
    "speed",
    "tool_choice",
    "context_management",
)


def fingerprint(request: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, str]:
    """Fingerprint a warm request: its tiers, and the whole prefix.

    Parameters
    ----------
    request
        A warm request: all its messages but the last, the placeholder, belong to the prefix.
    headers
        The headers sent with it; the set of betas is part of the prefix.

    Returns
    -------
    dict
        ``tools``, ``system``, ``messages`` and ``prefix``, each ``sha256:`` and hex digits.
    """
    request = as_messages(request)
    tiers = tier_blocks(request, request["messages"][:-1])
    found = {name: _digest(blocks) for name, blocks in tiers.items()}
    betas = {b.strip() for b in headers.get("anthropic-beta", "").split(",")} - {""}
    betas |= {beta for beta in request.get("anthropic_beta") or () if isinstance(beta, str)}
    cache_parameters = [
        block_bytes([name, request[name]]) for name in CACHE_PARAMETERS if name in request
    ]
    whole = (
        *cache_parameters,
        block_bytes(sorted(betas)),
        *(found[name].encode() for name in tiers),
    )
    return {**found, "prefix": _digest(whole)}


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
    """One block as the fingerprint sees it: received key order, no white space, no markers."""
    text = json.dumps(_without_markers(block), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _without_markers(value: object) -> object:
    if isinstance(value, dict):
        return {k: _without_markers(v) for k, v in value.items() if k != "cache_control"}
    if isinstance(value, list):
        return [_without_markers(item) for item in value]
    return value


def _digest(parts: Iterable[bytes]) -> str:
    whole = sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big"))
        whole.update(part)
    return f"sha256:{whole.hexdigest()}"
