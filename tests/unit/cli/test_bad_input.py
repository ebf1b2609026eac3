"""Bad input: which file, which field, what to do; exit code 2; one line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.prefix.prefix_file import MAX_BYTES

if TYPE_CHECKING:
    from pathlib import Path

FORCED = {"type": "tool", "name": "buy"}
SCHEMA = {"type": "json_schema", "schema": {"type": "object"}}
COMMANDS = (("check",), ("warm", "--dry-run"), ("warm",))


def refusal(ran: Any, path: Path) -> str:
    """What is said after the file's name."""
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    start = f"prefixwarm: {path}: "
    assert ran.err.startswith(start)
    return str(ran.err[len(start) :].strip())


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("format", "prefixwarm/3", "format: 'prefixwarm/3': this version reads 'prefixwarm/1'"),
        ("name", "Bad Name", "name: 'Bad Name': use 1 to 64 of a-z, 0-9 and -"),
        ("name", "x" * 65, "name: 'xxx"),
        ("route", "azure", "route: 'azure' is unknown"),
        ("ttl", "2h", "ttl: '2h': write 5m or 1h"),
        ("extra", 1, "extra: is not a field; the fields are"),
        ("headers__authorization", "Bearer x", "headers.authorization: is not allowed"),
        ("headers__x-api-key", "x", "headers.x-api-key: is not allowed"),
        (
            "headers__anthropic-beta",
            "sk-ant-api03-abcdefgh1234",
            "headers.anthropic-beta: must be one line of ASCII text that holds no key",
        ),
        (
            "request__mcp_servers",
            [{"url": "https://x", "authorization_token": "abc"}],
            "request.mcp_servers[0].authorization_token: holds a credential",
        ),
        (
            "request__thinking",
            {"type": "enabled", "budget_tokens": 2000},
            "request.thinking: a thinking budget forbids max_tokens 0; use adaptive",
        ),
        ("request__tool_choice", FORCED, "request.tool_choice: 'tool' does not allow max_tokens 0"),
        (
            "request__tool_choice",
            {"type": "any"},
            "request.tool_choice: 'any' does not allow max_tokens 0",
        ),
        (
            "request__output_config",
            {"format": SCHEMA},
            "request.output_config.format: 'json_schema' does not allow max_tokens 0",
        ),
        ("request__max_tokens", 100, "request.max_tokens: 100: a warm request has 0"),
        ("request__messages", [], "request.messages: must end with the placeholder"),
    ],
)
def test_a_field_is_wrong(
    cli: Any, spoil: Any, command: tuple[str, ...], field: str, value: Any, says: str
) -> None:
    """The field is named, and what to write."""
    path = spoil(**{field: value})
    assert refusal(cli(*command, path), path).startswith(says)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_request_is_no_prefix_file(cli: Any, tmp_path: Path, command: tuple[str, ...]) -> None:
    """What a newcomer has at hand; the message says how to make one."""
    path = tmp_path / "request.json"
    path.write_text('{"model": "claude-sonnet-5-5", "messages": []}')
    assert refusal(cli(*command, path), path) == (
        "format: is missing; build it with `prefixwarm capture`"
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_whole_file_is_wrong(
    cli: Any, prefix_path: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Missing, cut short, empty, not an object, not a file, or too large."""
    missing = tmp_path / "missing.prefix.json"
    reason = refusal(cli(*command, missing), missing)
    assert reason == "does not exist; write it with `prefixwarm capture`"
    if command[0] not in ("check", "warm"):  # These take folders.
        assert refusal(cli(*command, tmp_path), tmp_path) == "cannot be read: Is a directory"
    text = prefix_path.read_bytes()
    for broken in (text[: len(text) // 2], b"", b"\xff\xfe\x00"):
        prefix_path.write_bytes(broken)
        assert "it may be cut short: build it again" in refusal(
            cli(*command, prefix_path), prefix_path
        )
    prefix_path.write_text("[]")
    assert refusal(cli(*command, prefix_path), prefix_path).startswith("is not a JSON object")
    prefix_path.write_bytes(b" " * (MAX_BYTES + 1))
    assert f"at most {MAX_BYTES}" in refusal(cli(*command, prefix_path), prefix_path)


def test_a_file_that_was_edited(cli: Any, spoil: Any) -> None:
    """A prompt that no longer fits the fingerprint is refused: it would warm something else."""
    changed = [
        {
            "type": "text",
            "text": "You are rude.",
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
        }
    ]
    path = spoil(request__system=changed)
    assert "does not match the request; build the file again" in refusal(cli("check", path), path)


def test_a_file_under_another_name(cli: Any, prefix_path: Path) -> None:
    """The name inside counts."""
    path = prefix_path.rename(prefix_path.with_name("other.json"))
    assert cli("check", path).code == 0


def test_one_bad_file_stops_before_anything_is_sent(
    cli: Any, prefix_path: Path, tmp_path: Path
) -> None:
    """The good one is not warmed either: nothing is half done."""
    missing = tmp_path / "missing.prefix.json"
    assert refusal(cli("warm", prefix_path, missing), missing)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file"),
        ("{", "is not JSON"),
        ("[]", "messages: is missing; give the JSON body of a real request"),
        ('{"body": {"model": "x"}}', "messages: is missing"),
    ],
)
def test_a_bad_request_file(
    cli: Any, prefix_path: Path, tmp_path: Path, content: str | None, says: str
) -> None:
    """`check --request` names the request's file."""
    path = tmp_path / "request.json"
    if content is not None:
        path.write_text(content)
    assert refusal(cli("check", prefix_path, "--request", path), path).startswith(says)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PREFIXWARM_DISABLED", "maybe", "PREFIXWARM_DISABLED='maybe': write one of 1, y, yes"),
        ("PREFIXWARM_INIT", "later", "PREFIXWARM_INIT='later': write one of auto, always, off"),
        ("PREFIXWARM_DISABLED", "on", "PREFIXWARM_DISABLED is set: nothing is sent"),
    ],
)
def test_settings(
    cli: Any, prefix_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    """A setting that is not understood, or that forbids to send."""
    monkeypatch.setenv(name, value)
    ran = cli("warm", prefix_path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"prefixwarm: {says}")


def test_the_state_has_to_be_somewhere(cli: Any, tmp_path: Path) -> None:
    """Neither a table nor a file; or a file that is none."""
    ran = cli("status")
    assert (ran.code, "give --stack, --table or --state FILE" in ran.err) == (2, True)
    ran = cli("status", "--state", tmp_path / "none.json")
    assert (ran.code, "no such file" in ran.err) == (2, True)
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps({"states": [{}]}))
    ran = cli("status", "--state", broken)
    assert (ran.code, "is not a state file; delete it to start over" in ran.err) == (1, True)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("nocolon", "'nocolon': write MODULE:NAME"),
        ("no_such_module:P", "no_such_module:P: cannot be loaded: ModuleNotFoundError"),
        ("json:nothing", "json:nothing: cannot be loaded: AttributeError"),
        ("json:dumps", "json:dumps: is a function, not a prefixwarm.observe.Prefix"),
    ],
)
def test_build_of_what_is_no_prefix(cli: Any, source: str, says: str) -> None:
    """The object is named, and what it should be."""
    ran = cli("build", source)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert ran.err.startswith(f"prefixwarm: {says}")


def test_a_layer_without_prefix_files(cli: Any, tmp_path: Path) -> None:
    """A folder that holds none is a mistake."""
    ran = cli("layer", "build", "--out", tmp_path / "l.zip", "--prefixes", tmp_path)
    assert (ran.code, "has no *.prefix.json" in ran.err) == (2, True)
    assert not (tmp_path / "l.zip").exists()
