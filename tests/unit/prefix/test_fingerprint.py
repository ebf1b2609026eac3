"""Fingerprints: what makes two prefixes different, and what does not."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm.prefix import fingerprint as fingerprints
from prefixwarm.prefix.body import without_placeholder

EMPHEMERAL = {"type": "ephemeral", "ttl": "1h"}
REQUEST: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 0,
    "thinking": {"type": "adaptive"},
    "tools": [
        {"name": "a", "input_schema": {"type": "object", "properties": {"x": {}, "y": {}}}},
        {"name": "b", "input_schema": {}},
    ],
    "system": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "shared"}]},
        {"role": "user", "content": "warm"},
    ],
}


def fingerprint(request: dict[str, Any], headers: dict[str, str]) -> dict[str, str]:
    """That of a warm request."""
    return fingerprints.fingerprint(without_placeholder(request), headers)


def changed(**changes: Any) -> dict[str, Any]:
    """The request with some top-level fields changed."""
    return {**deepcopy(REQUEST), **changes}


def differing(request: dict[str, Any], headers: dict[str, str] | None = None) -> set[str]:
    """Which fingerprints differ from those of the request above."""
    before, after = fingerprint(REQUEST, {}), fingerprint(request, headers or {})
    return {name for name in before if before[name] != after[name]}


def test_names_each_tier() -> None:
    """Four fingerprints of the usual form."""
    tiers = fingerprint(REQUEST, {})
    assert list(tiers) == ["tools", "system", "messages", "prefix"]
    assert all(len(v) == 71 and v.startswith("sha256:") for v in tiers.values())


_PLACES = st.lists(
    st.sampled_from([("tools", 0), ("tools", 1), ("system", 0), ("system", 1), ("messages", 0)]),
    max_size=4,
)


@given(_PLACES, st.sampled_from(["5m", "1h"]))
def test_markers_do_not_count(places: list[tuple[str, int]], ttl: str) -> None:
    """Wherever the markers stand and whatever their TTL."""
    request = changed()
    for tier, index in places:
        block = request[tier][index]
        block = block["content"][0] if tier == "messages" else block
        block["cache_control"] = {"type": "ephemeral", "ttl": ttl}
    assert differing(request) == set()


@pytest.mark.parametrize(
    "request_",
    [
        changed(max_tokens=1),
        changed(stream=True),
        changed(metadata={"user_id": "u"}),
        changed(stop_sequences=["x"]),
        changed(messages=[REQUEST["messages"][0], {"role": "user", "content": "another"}]),
        dict(reversed(REQUEST.items())),
    ],
)
def test_what_is_not_rendered_does_not_count(request_: dict[str, Any]) -> None:
    """The placeholder, output limits, and the order of top-level fields."""
    assert differing(request_) == set()


def test_a_string_is_one_text_block() -> None:
    """Either spelling of a one-block system prompt."""
    text = changed(system="one")
    block = changed(system=[{"type": "text", "text": "one"}])
    assert fingerprint(text, {}) == fingerprint(block, {})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"tools": REQUEST["tools"][::-1]}, "tools"),
        ({"tools": REQUEST["tools"][:1]}, "tools"),
        ({"system": [{"type": "text", "text": "onetwo"}]}, "system"),
        ({"system": REQUEST["system"][::-1]}, "system"),
        ({"system": [{"type": "text", "text": "one"}, {"text": "two", "type": "text"}]}, "system"),
        ({"messages": REQUEST["messages"][1:]}, "messages"),
        ({"model": "claude-haiku-4-5"}, ""),
        ({"thinking": {"type": "disabled"}}, ""),
        ({"tool_choice": {"type": "none"}}, ""),
        ({"output_config": {"effort": "low"}}, ""),
        ({"speed": "fast"}, ""),
    ],
)
def test_what_is_rendered_counts(change: dict[str, Any], expected: str) -> None:
    """The tier that changed and the whole prefix, and no other."""
    assert differing(changed(**change)) == {"prefix", expected} - {""}


def test_key_order_inside_schemas_counts() -> None:
    """The provider caches the order it received."""
    request = changed()
    request["tools"][0]["input_schema"]["properties"] = {"y": {}, "x": {}}
    assert json.dumps(request, sort_keys=True) == json.dumps(REQUEST, sort_keys=True)
    assert differing(request) == {"tools", "prefix"}


def test_blocks_do_not_run_together() -> None:
    """Where one block ends and the next begins counts."""
    one = changed(system=[{"type": "text", "text": "a"}], messages=REQUEST["messages"][1:])
    two = changed(system=[], messages=[{"type": "text", "text": "a"}, REQUEST["messages"][1]])
    assert fingerprint(one, {})["prefix"] != fingerprint(two, {})["prefix"]


def test_betas_are_a_set() -> None:
    """Their order, repetition and spaces do not count; their presence does."""
    first = fingerprint(REQUEST, {"anthropic-beta": "a,b"})
    assert first == fingerprint(REQUEST, {"anthropic-beta": " b, a ,,a", "anthropic-version": "x"})
    assert differing(REQUEST, {"anthropic-beta": "a"}) == {"prefix"}
