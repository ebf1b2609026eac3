"""The compiled bytes: what is sent, and how they travel."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm.errors import PrefixFileError
from prefixwarm.prefix.compiled import MAX_BYTES, WarmCall, compile_prefix
from prefixwarm.prefix.prefix_file import PrefixFile, build
from prefixwarm.provider.routes import CONVERSE, ROUTES
from prefixwarm.wire.request_body import chunks

REQUEST: dict[str, Any] = {
    "system": [
        {
            "type": "text",
            "text": 'Say "max_tokens":0 and é.',
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
        }
    ],
    "max_tokens": 0,
    "model": "claude-sonnet-5-5",
    "messages": [{"role": "user", "content": "warm"}],
}
HEADERS = {"anthropic-version": "2026-10-21"}


def prefix(route: str = "anthropic", **changes: Any) -> PrefixFile:
    """A prefix file of that route."""
    headers = HEADERS if "anthropic-version" in ROUTES[route].allowed_headers else {}
    return build("support", {**REQUEST, **changes}, route=route, headers=headers)


def test_sends_the_request_of_the_file() -> None:
    """Nothing added, nothing lost, no white space, characters as they are."""
    call = compile_prefix(prefix())
    sent = json.loads(call.body)
    assert sent == REQUEST
    assert [n for n in sent if n != "max_tokens"] == [n for n in REQUEST if n != "max_tokens"]
    assert "é".encode() in call.body
    assert b": " not in call.body
    assert (call.ttl, call.model, call.headers) == (3600, "claude-sonnet-5-5", HEADERS)
    assert call.fingerprint == prefix().fingerprint["prefix"]


def test_falls_back_to_one_token() -> None:
    """One digit changes, whatever the prompt says."""
    call = compile_prefix(prefix())
    assert json.loads(call.with_max_tokens(1)) == {**REQUEST, "max_tokens": 1}
    assert call.with_max_tokens(0) == call.body


@given(st.data())
def test_asks_for_either_ttl(data: st.DataObject) -> None:
    """At each breakpoint, and nothing else changes, whatever the prompt and schemas say."""
    marker = {"type": "ephemeral", "ttl": data.draw(st.sampled_from(["5m", "1h"]))}
    texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
    sly = st.sampled_from(['"ttl":"1h"', "5m", "\x00", "\\udcff\\udcff", "\uffff"])
    schema = {"type": "object", "properties": {"cache_control": {"ttl": "1h"}}}
    changes: dict[str, Any] = {
        "tools": [{"name": "t", "input_schema": schema, "cache_control": marker}],
        "system": [
            {"type": "text", "text": data.draw(sly | texts)},
            {"type": "text", "text": data.draw(sly | texts), "cache_control": marker},
        ],
    }
    call = compile_prefix(prefix(**changes))
    for seconds, ttl in ((300, "5m"), (3600, "1h")):
        other = call.with_ttl(seconds)
        wanted = json.loads(json.dumps({**REQUEST, **changes}))
        for block in (wanted["tools"][0], wanted["system"][1]):
            block["cache_control"]["ttl"] = ttl
        assert json.loads(other.body) == wanted
        assert (other.ttl, other.max_tokens_at) == (seconds, call.max_tokens_at)
        assert other.with_ttl(call.ttl) == call
        assert WarmCall.from_bytes(other.to_bytes(), "x") == other


@pytest.mark.parametrize("places", [[], [0], [3, 9], ["a"], [10**9]])
def test_refuses_ttls_that_are_elsewhere(places: list[Any]) -> None:
    """The init phase must not change a letter of the prompt."""
    data = compile_prefix(prefix()).replace(ttl_at=places).to_bytes()
    with pytest.raises(PrefixFileError, match="ttl: is not at its place; build it again"):
        WarmCall.from_bytes(data, "x")


@pytest.mark.parametrize("count", [0, 1])
def test_opts_in_to_diagnostics(count: int) -> None:
    """One field more, and nothing else."""
    call = compile_prefix(prefix())
    opted = {**REQUEST, "max_tokens": count, "diagnostics": {"previous_message_id": None}}
    assert json.loads(call.opted_in(count)) == opted


@pytest.mark.parametrize("version", [None, "2026-10-21"])
def test_bedrock_names_its_version_in_the_body(version: str | None) -> None:
    """And the model in the address."""
    changes = {"anthropic_version": version} if version else {}
    sent = json.loads(compile_prefix(prefix("bedrock", **changes)).body)
    assert "model" not in sent
    assert sent["anthropic_version"] == (version or "bedrock-2023-05-31")
    assert "anthropic_version" not in json.loads(compile_prefix(prefix("bedrock-mantle")).body)


def test_the_state_key_names_where_the_entry_lives() -> None:
    """Route, region where the cache has one, scope, name, model, fingerprint."""
    call = compile_prefix(prefix())
    digits = call.fingerprint.removeprefix("sha256:")[:32]
    key = call.key("team-a", {})
    assert key == f"state/anthropic/-/team-a/support/claude-sonnet-5-5/{digits}"
    aws = compile_prefix(prefix("aws"))
    key = aws.key("default", {"AWS_REGION": "eu-west-1"})
    assert key == f"state/aws/eu-west-1/default/support/claude-sonnet-5-5/{digits}"


def test_counted_tokens_before_estimates() -> None:
    """What the provider counted is better."""
    built = prefix()
    assert compile_prefix(built).tokens == built.tokens["estimate"]
    counted = built.replace(tokens={"estimate": 1, "counted": 21034, "minimum": 512})
    assert compile_prefix(counted).tokens == 21034


@pytest.mark.parametrize("route", [route for route in ROUTES if route != CONVERSE])
def test_travels_as_bytes(route: str) -> None:
    """One line that says where, then the bytes."""
    call = compile_prefix(prefix(route))
    data = call.to_bytes()
    assert WarmCall.from_bytes(data, "x") == call
    assert data.split(b"\n", 1)[1] == call.body


@given(st.integers(0, 4000))
def test_refuses_any_cut(at: int) -> None:
    """However little is missing."""
    data = compile_prefix(prefix()).to_bytes()
    cut = data[: at % len(data)]
    with pytest.raises(PrefixFileError, match=r"x\.warm: .*build it again"):
        WarmCall.from_bytes(cut, "x.warm")


@given(st.data())
def test_corrupt_files_are_read_or_refused(data: st.DataObject) -> None:
    """Bytes changed anywhere, fields of another kind: one kind of error."""
    line, _, body = compile_prefix(prefix()).to_bytes().partition(b"\n")
    head = json.loads(line)
    name = data.draw(st.sampled_from([*head, "extra"]))
    head[name] = data.draw(st.none() | st.integers() | st.text() | st.lists(st.integers()))
    whole = bytearray(json.dumps(head).encode() + b"\n" + body)
    at = data.draw(st.integers(0, len(whole)))
    whole[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    with suppress(PrefixFileError):
        call = WarmCall.from_bytes(bytes(whole), "x.warm")
        assert call.with_max_tokens(1) != call.body


@pytest.mark.parametrize("data", [b"", b"\n", b"{}", b"[" * 9999, b'{"format": "other/9"}\n{}'])
def test_refuses_what_it_is_not(data: bytes) -> None:
    """Empty, or of another version."""
    with pytest.raises(PrefixFileError, match=r"build it again|this version reads"):
        WarmCall.from_bytes(data, "x.warm")


@given(st.sampled_from([300, 3600]), st.sampled_from([0, 1]))
def test_a_body_in_a_file_is_sent_as_the_same_bytes(ttl: int, tokens: int) -> None:
    """Whatever TTL and limit are asked for, with diagnostics or without."""
    call = compile_prefix(prefix())
    with TemporaryDirectory() as folder:
        path = f"{folder}/support.warm"
        Path(path).write_bytes(call.to_bytes())
        in_file = WarmCall.from_file(path)
        assert in_file.least_tokens == call.least_tokens
        one, other = in_file.with_ttl(ttl), call.with_ttl(ttl)
        assert one.to_bytes() == other.to_bytes()
        for variant in ("with_max_tokens", "opted_in"):
            sent, expected = getattr(one, variant)(tokens), getattr(other, variant)(tokens)
            assert b"".join(chunks(sent)) == expected
            assert len(sent) == len(expected)


@pytest.mark.parametrize("kind", ["folder", "fifo", "large", "empty"])
def test_what_is_no_compiled_file_is_one_error(tmp_path: Path, kind: str) -> None:
    """It is neither waited for nor read."""
    path = tmp_path / "support.warm"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.touch()
        os.truncate(path, MAX_BYTES + 1 if kind == "large" else 0)
    with pytest.raises(PrefixFileError):
        WarmCall.from_file(str(path))
