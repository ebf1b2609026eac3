"""Prefix files: written, read back, and refused in one clear line."""

from __future__ import annotations

import json
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefixwarm.errors import PrefixFileError, UsageError
from prefixwarm.prefix.prefix_file import (
    MAX_BYTES,
    PrefixFile,
    build,
    dumps,
    find,
    load,
    load_all,
    loads,
    write,
)
from tests.helpers.derived import derive
from tests.helpers.effort import EXAMPLES

HEADERS = {"anthropic-version": "2026-10-21"}
REQUEST: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 0,
    "tools": [{"name": "find", "input_schema": {"type": "object", "properties": {"z": 1, "a": 2}}}],
    "system": [
        {"type": "text", "text": "You héllp.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    ],
    "messages": [{"role": "user", "content": "warm"}],
}
PRICES = {
    "as_of": "2026-11-21",
    "source": "genai-prices 0.2.3",
    "usd_per_mtok": {"input": 2, "read": 0.1, "write_5m": 2.5, "write_1h": 4, "output": None},
}


def support(**changes: Any) -> PrefixFile:
    """A valid prefix file."""
    request = {**deepcopy(REQUEST), **changes}
    return build("support", request, headers=HEADERS, prices=PRICES)


def document(*path: str, **changes: Any) -> dict[str, Any]:
    """The file's document with something in it changed."""
    document: dict[str, Any] = json.loads(dumps(support()))
    inner = document
    for step in path:
        inner = inner[step]
    inner.update(changes)
    return document


def test_is_what_was_built() -> None:
    """Every field, and the prices by category."""
    built = support()
    assert (built.name, built.route, built.model, built.ttl) == (
        "support",
        "anthropic",
        "claude-sonnet-5-5",
        "1h",
    )
    assert built.usd_per_mtok["write_1h"] == 4
    # 13 tokens for 40 bytes: of texts alone, and of a tool's JSON.
    sizes = [len(block["text"].encode()) for block in REQUEST["system"]]
    sizes += [len(json.dumps(t, separators=(",", ":")).encode()) for t in REQUEST["tools"]]
    expected = sum(-(-size * 13 // 40) for size in sizes)
    assert built.tokens["estimate"] == pytest.approx(expected, abs=8)
    assert build("a", REQUEST, headers=HEADERS).usd_per_mtok == {}
    assert loads(dumps(built)) == built


def test_goes_to_disk_and_back(tmp_path: Path) -> None:
    """In UTF-8, key order kept, nothing left beside it."""
    path = write(support(), tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "support.prefix.json"
    assert list(path.parent.iterdir()) == [path]
    assert "You héllp." in path.read_text(encoding="utf-8")
    assert json.dumps(load(path).request) == json.dumps(REQUEST)
    assert load(path) == load(str(path)) == support()


def test_prompts_are_the_owners_alone(tmp_path: Path) -> None:
    """A file that the owner has opened to others stays so when it is captured again."""
    path = write(support(), tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    assert write(load(path), tmp_path).stat().st_mode & 0o777 == 0o644


def test_a_link_is_followed(tmp_path: Path) -> None:
    """Where the bytes lie does not matter."""
    store = write(support(), tmp_path / "store")
    hidden = store.rename(tmp_path / "store" / "sha256-abc")
    link = tmp_path / "support.prefix.json"
    link.symlink_to(hidden)
    assert load(link) == support()


def test_finds_the_files_of_a_folder(tmp_path: Path) -> None:
    """By name; other files are none of ours."""
    for name in ("b", "a", "c-1"):
        write(build(name, REQUEST, headers=HEADERS), tmp_path)
    (tmp_path / "notes.json").write_text("{}")
    assert [path.name for path in find(tmp_path)] == [
        "a.prefix.json",
        "b.prefix.json",
        "c-1.prefix.json",
    ]
    assert find(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("route", "headers"),
    [
        ("anthropic", {**HEADERS, "anthropic-beta": "context-1m"}),
        ("aws", {"anthropic-version": "2023-06-01"}),
        ("bedrock-mantle", HEADERS),
        ("bedrock", {}),
    ],
)
def test_every_route_has_its_headers(route: str, headers: dict[str, str]) -> None:
    """What the route needs is taken."""
    assert build("x", REQUEST, route=route, headers=headers).route == route


_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(0, 1) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=8,
)


@given(
    system=_WORDS.filter(bool),
    schemas=st.lists(st.dictionaries(_WORDS, _JSON, max_size=3), max_size=3),
    name=st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True),
    ttl=st.sampled_from(["5m", "1h"]),
)
def test_reads_what_it_writes(
    system: str, schemas: list[dict[str, Any]], name: str, ttl: str
) -> None:
    """Any agent's request, byte by byte."""
    tools = [{"name": f"t{i}", "input_schema": schema} for i, schema in enumerate(schemas)]
    request = derive({**REQUEST, "system": system, "tools": tools}, ttl=ttl)
    with suppress(PrefixFileError):  # a schema may hold a field named after a credential
        built = build(name, request, headers=HEADERS)
        again = loads(dumps(built))
        assert again == built
        assert json.dumps(again.request) == json.dumps(request)


MARKED = REQUEST["system"][0]
BAD: list[tuple[str, dict[str, Any], str, str]] = [
    ("format", document(format="prefixwarm/3"), "format", "'prefixwarm/1' and 'prefixwarm/2' only"),
    ("no-format", {}, "format", "is missing; build it with"),
    ("unknown-field", document(fingerprints={}), "fingerprints", "the fields are format, name"),
    ("no-name", {k: v for k, v in document().items() if k != "name"}, "name", "not text"),
    ("name-case", document(name="Support"), "name", "use 1 to 64 of a-z, 0-9 and -"),
    ("name-path", document(name="../etc"), "name", "use 1 to 64"),
    ("name-line", document(name="a\n"), "name", "use 1 to 64"),
    ("name-long", document(name="a" * 65), "name", "use 1 to 64"),
    ("name-empty", document(name=""), "name", "use 1 to 64"),
    ("name-number", document(name=5), "name", "missing or not text"),
    ("route", document(route="vertex"), "route", "'vertex' is unknown"),
    ("ttl", document(ttl="2h"), "ttl", "write 5m or 1h"),
    ("headers", document(headers=[]), "headers", "not an object"),
    ("request", document(request="x"), "request", "not an object"),
    ("model", document(model="claude-haiku-4-5"), "model", "is not the request's model"),
    ("tokens", document("tokens", counted=-1), "tokens.counted", "whole number or null"),
    ("tokens-bool", document("tokens", counted=True), "tokens.counted", "whole number or null"),
    ("api-key", document("headers", **{"x-api-key": "k"}), "headers.x-api-key", "is not allowed"),
    (
        "authorization",
        document("headers", authorization="Bearer x"),
        "headers.authorization",
        "allowed: anthropic-version, anthropic-beta",
    ),
    (
        "key-in-beta",
        document("headers", **{"anthropic-beta": "sk-ant-api03-abcdefghijkl"}),
        "headers.anthropic-beta",
        "holds no key",
    ),
    (
        "injection",
        document("headers", **{"anthropic-beta": "a\r\nb: c"}),
        "headers.anthropic-beta",
        "",
    ),
    ("beta-unicode", document("headers", **{"anthropic-beta": "é"}), "headers.anthropic-beta", ""),
    ("beta-list", document("headers", **{"anthropic-beta": ["a"]}), "headers.anthropic-beta", ""),
    (
        "version",
        document("headers", **{"anthropic-version": "2020-01-01"}),
        "headers.anthropic-version",
        "write one of 2023-06-01, 2026-10-21",
    ),
    ("no-version", document(headers={}), "headers.anthropic-version", "None: write one of"),
    ("no-model", document("request", model=None), "request.model", "missing or not a str"),
    ("max-tokens", document("request", max_tokens=1), "request.max_tokens", "a warm request has 0"),
    ("max-false", document("request", max_tokens=False), "request.max_tokens", "has 0"),
    ("stream", document("request", stream=True), "request.stream", "does not belong"),
    (
        "automatic",
        document("request", cache_control={}),
        "request.cache_control",
        "does not belong",
    ),
    (
        "thinking",
        document("request", thinking={"type": "enabled", "budget_tokens": 1024}),
        "request.thinking",
        "use adaptive thinking",
    ),
    (
        "tool-choice",
        document("request", tool_choice={"type": "any"}),
        "request.tool_choice",
        "does not allow max_tokens 0",
    ),
    (
        "structured",
        document("request", output_config={"format": {"type": "json_schema"}}),
        "request.output_config.format",
        "does not allow max_tokens 0",
    ),
    (
        "no-messages",
        document("request", messages=[]),
        "request.messages",
        "must end with the placeholder",
    ),
    ("messages-type", document("request", messages=["x"]), "request.messages", "list of objects"),
    ("tools-type", document("request", tools=5), "request.tools", "list of objects"),
    ("tools-items", document("request", tools=["x"]), "request.tools", "list of objects"),
    ("system-type", document("request", system=5), "request.system", "list of objects"),
    (
        "last-message",
        document("request", messages=[{"role": "assistant", "content": "x"}]),
        "request.messages",
        "must end with the placeholder, a user message",
    ),
    ("no-breakpoint", document("request", system="You help."), "request", "has no breakpoint"),
    ("five", document("request", system=[MARKED] * 5), "request", "5 breakpoints; the provider"),
    (
        "placeholder",
        document("request", messages=[{"role": "user", "content": [MARKED]}]),
        "request.messages[0].content[0]",
        "never read again",
    ),
    (
        "marker-ttl",
        document("request", system=[{**MARKED, "cache_control": {"type": "ephemeral"}}]),
        "request.system[0].cache_control",
        "must be ephemeral with the ttl 1h",
    ),
    (
        "mcp-token",
        document("request", mcp_servers=[{"authorization_token": "hush"}]),
        "request.mcp_servers[0].authorization_token",
        "holds a credential",
    ),
    (
        "key-in-prompt",
        document("request", system=[{**MARKED, "text": "use sk-ant-api03-abcdefghijkl"}]),
        "request.system[0].text",
        "shaped like an API key",
    ),
    (
        "aws-key-in-prompt",
        document("request", system=[{**MARKED, "text": "AKIAIOSFODNN7EXAMPLX"}]),
        "request.system[0].text",
        "shaped like an API key",
    ),
    (
        "changed-by-hand",
        document("request", system=[{**MARKED, "text": "You hinder."}]),
        "fingerprint.system",
        "build the file again",
    ),
    ("fingerprint", document("fingerprint", prefix="sha256:0"), "fingerprint.prefix", "not match"),
    ("prices", document(prices=5), "prices.usd_per_mtok", "must be an object"),
    ("price", document("prices", usd_per_mtok={"read": -1}), "prices.usd_per_mtok.read", "or null"),
    ("price-word", document("prices", usd_per_mtok={"red": 1}), "prices.usd_per_mtok.red", ""),
    ("price-text", document("prices", usd_per_mtok={"read": "1"}), "prices.usd_per_mtok.read", ""),
]


@pytest.mark.parametrize(
    ("broken", "field", "problem"), [b[1:] for b in BAD], ids=[b[0] for b in BAD]
)
def test_refuses(broken: dict[str, Any], field: str, problem: str) -> None:
    """One line: the file, the field, what to do."""
    with pytest.raises(PrefixFileError) as caught:
        loads(json.dumps(broken), "support.prefix.json")
    assert caught.value.field == field
    assert problem in caught.value.problem
    assert str(caught.value).startswith(f"support.prefix.json: {field}: ")
    assert "\n" not in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not JSON"),
        (dumps(support())[:-40], "may be cut short: build it again"),
        ("null", "is not a JSON object"),
        ("[]", "is not a JSON object"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"\x80", "is not JSON"),
        (dumps(support()).replace('"estimate": ', '"estimate": NaN, "x": '), "NaN is not a number"),
        (dumps(support()).replace(": 0.1,", ": 1e999,"), "too large"),
        (dumps(support()).replace("héllp", "h\\ud800llp"), "lone surrogate"),
        (dumps(support()).replace('"z": 1', '"z\\udfff": 1'), "lone surrogate"),
        ("[" * 100_000, "nested too deeply"),
        (
            dumps(support()).replace('"z": 1', '"z": ' + "[" * 900 + "]" * 900),
            "nested too deeply",
        ),
        (" " * (MAX_BYTES + 1), f"has {MAX_BYTES + 1} bytes; a prefix file has at most"),
    ],
)
def test_refuses_text(text: str | bytes, problem: str) -> None:
    """Cut short, of another encoding, too deep, too large."""
    with pytest.raises(PrefixFileError, match=problem) as caught:
        loads(text, "support.prefix.json")
    assert "\n" not in str(caught.value)


def test_a_file_may_be_copied_and_renamed(tmp_path: Path) -> None:
    """What the prefix is called stands in it; two of one name are refused where both are used."""
    path = write(support(), tmp_path).rename(tmp_path / "copy.json")
    assert load(path).name == "support"
    assert list(load_all([path])) == [path]
    other = write(support(), tmp_path)
    with pytest.raises(UsageError, match=r"both named 'support'; give one another"):
        load_all([path, tmp_path])
    assert list(load_all([tmp_path, other])) == [other]


def test_files_and_folders_are_found_or_named(tmp_path: Path) -> None:
    """What is not there, and a folder without any."""
    with pytest.raises(UsageError, match="does not exist; write it with"):
        load_all([tmp_path / "none.json"])
    with pytest.raises(UsageError, match=r"has no \*\.prefix\.json file"):
        load_all([tmp_path])
    assert load_all([]) == {}


def test_refuses_paths(tmp_path: Path) -> None:
    """Missing, a folder, unnamed, too large."""
    with pytest.raises(PrefixFileError, match=r"none\.prefix\.json: does not exist; write"):
        load(tmp_path / "none.prefix.json")
    with pytest.raises(PrefixFileError, match="cannot be read: Is a directory"):
        load(tmp_path)
    with pytest.raises(PrefixFileError, match="cannot be read: embedded null"):
        load("a\0b.prefix.json")
    with (tmp_path / "huge.prefix.json").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(PrefixFileError, match=f"at most {MAX_BYTES}"):
        load(tmp_path / "huge.prefix.json")
    with pytest.raises(PrefixFileError, match=f"at most {MAX_BYTES}"):
        load("/dev/zero")


def test_refuses_to_build_what_it_would_refuse_to_load() -> None:
    """The limit is on the file as written."""
    words = "x" * (MAX_BYTES - 500)
    with pytest.raises(PrefixFileError, match="at most"):
        support(system=[{**MARKED, "text": words}])
    with pytest.raises(PrefixFileError, match="'Support': use"):
        build("Support", REQUEST, headers=HEADERS)


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole or not at all."""
    path = write(support(), tmp_path)
    before = path.read_bytes()

    def full(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write(support(system=[{**MARKED, "text": "new"}]), tmp_path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@settings(max_examples=2 * EXAMPLES)
@given(st.data())
def test_mutated_files_are_read_or_refused(data: st.DataObject) -> None:
    """A value replaced, dropped or added anywhere, or bytes changed: one kind of error."""
    changed = document()
    inner: Any = changed
    while isinstance(inner, (dict, list)) and inner:
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(inner[key], (dict, list)) or data.draw(st.booleans()):
            inner[key] = data.draw(_JSON | st.just(float("inf")) | st.just("\ud800"))
            break
        inner = inner[key]
    text = bytearray(json.dumps(changed).encode())
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        read = loads(bytes(text))
    except PrefixFileError as error:
        assert "\n" not in str(error)  # noqa: PT017
        str(error).encode()
        assert len(str(error)) < 600  # noqa: PT017
    else:
        assert loads(dumps(read)) == read
