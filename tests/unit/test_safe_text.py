"""Text from outside steers no terminal and forges no line; keys and passwords are not repeated."""

from __future__ import annotations

import ast
import base64
import json
import random
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import prefixwarm.cli
from prefixwarm.cli.output import Styled, block, json_text, line, note, table
from prefixwarm.errors import ConnectError, SettingsError
from prefixwarm.keepwarm.logs import logger
from prefixwarm.pages.document import escaped_line
from prefixwarm.provider.client import error_of
from prefixwarm.safe_text import looks_like_key, masked, printable, quoted
from prefixwarm.settings import ASK, EXEC_WRAPPER, Settings
from prefixwarm.wire.aws import AwsError
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.http import HttpTransport, Request, Response
from prefixwarm.wire.url import split
from tests.helpers.effort import EXAMPLES

# Escapes, C1 controls, bidirectional marks, line separators, halves: more often than by chance.
STEERING = st.sampled_from("\x00\x07\x08\x1b\x7f\x85\x9b\x9d\u200f\u202e\u2028\u2066\ud800\r\n\t")
OUTSIDE = st.text(st.one_of(STEERING, st.characters()), max_size=60)

KEYS = (
    "sk-ant-api03-uM4-Tx_0aZ9b8y7C6d5E4f3G2h1I0j-AA",
    "ABSK" + base64.b64encode(b"BedrockAPIKey-abcd:" + bytes(40)).decode(),
    "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t",
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
)


@settings(max_examples=10 * EXAMPLES)
@given(OUTSIDE, st.integers(1, 100))
def test_printable(text: str, limit: int) -> None:
    """One line of visible characters, not longer than asked; plain text stays as it is."""
    shown = printable(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit
    assert printable(shown, limit) == shown
    if text.isprintable() and len(text) <= limit:
        assert shown == text


@settings(max_examples=4 * EXAMPLES)
@given(OUTSIDE, OUTSIDE)
def test_what_commands_print(first: str, second: str) -> None:
    """Lines, tables, notes and JSON hold no character that steers; JSON loses nothing."""
    with CliRunner().isolation() as (output, *_):
        line(first, Styled(second, "red"))
        note(first)
        table([{first: second}, {first: Styled(first, "red")}])
        shown = output.getvalue().decode()
    assert all(c.isprintable() or c == "\n" for c in click.unstyle(shown))
    assert shown.count("\n") == 4 + (output.getvalue() == b"")
    assert json.loads(json_text({first: second})) == json.loads(json.dumps({first: second}))
    assert json_text([first], indent=None).isprintable()


@settings(max_examples=EXAMPLES)
@given(OUTSIDE)
def test_a_block_of_lines(text: str) -> None:
    """As many lines as the text has."""
    with CliRunner().isolation() as (output, *_):
        block(text)
        shown = output.getvalue().decode()
    assert all(c.isprintable() or c == "\n" for c in shown)
    assert shown.count("\n") == len(text.splitlines())


def test_one_door() -> None:
    """Commands print through `prefixwarm.cli.output`; the line of what lasts is beside it."""
    folder = Path(str(prefixwarm.cli.__file__)).parent
    for path in sorted(folder.glob("*.py")):
        if path.name not in ("output.py", "progress.py"):
            calls = [node for node in ast.walk(ast.parse(path.read_text())) if _prints(node)]
            assert not calls, f"{path.name}:{calls[0].lineno}"  # type: ignore[attr-defined]


def _prints(node: ast.AST) -> bool:
    name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    return name in ("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write")


@settings(max_examples=EXAMPLES)
@given(OUTSIDE)
def test_pages_and_the_log_of_the_function(text: str) -> None:
    """Escaped for HTML too; a log line is ASCII."""
    assert escaped_line(text).isprintable()
    assert "<" not in escaped_line(text)
    formatted = logger.registered_formatter.serialize({"name": text})  # type: ignore[attr-defined]
    assert formatted.isascii()
    assert formatted.isprintable()


@pytest.mark.parametrize("value", [{"canary": 1}, ["canary"], 7, True, None])
def test_errors_that_are_no_text(value: Any) -> None:
    """A gateway's object is not echoed."""
    body = json.dumps({"error": {"type": value, "details": {"error_code": value}}}).encode()
    error = error_of(Response(status=500, headers={}, body=body, first_byte_after=0.0))
    assert (str(error), error.error_type, error.error_code) == ("HTTP 500", "", "")
    assert str(AwsError(500, {"__type": value})) == "HTTP 500"


@settings(max_examples=EXAMPLES)
@given(OUTSIDE)
def test_errors_of_the_provider(text: str) -> None:
    """Their words are printable when they come in."""
    body = json.dumps({"error": {"type": text, "details": {"error_code": text}}}).encode()
    error = error_of(Response(status=529, headers={}, body=body, first_byte_after=0.0))
    assert str(error).isprintable()
    assert len(str(error)) <= 2 * 80 * len("\\U0001f600") + 10


@pytest.mark.parametrize("key", KEYS)
def test_a_key_in_any_setting(key: str) -> None:
    """It is in no message, and no name that AWS is asked for."""
    for name in vars(prefixwarm.settings).values():
        if isinstance(name, str) and name.startswith("PREFIXWARM_"):
            for value in (key, f" {key} ", f'{{"a": "{key}"}}', f"x {key}"):
                message = _message(lambda: Settings.from_environment({name: value}))  # noqa: B023
                assert key not in message
                if value.strip() == key and name not in ("PREFIXWARM_PREFIXES", ASK, EXEC_WRAPPER):
                    assert name in message


@pytest.mark.parametrize("scheme", ["", "http://", "https://", "ftp://"])
@pytest.mark.parametrize(
    "rest",
    ["user:hunter2", "user:hunter2@host:x", "user:hun/ter2@host", "user:hunter2/v1/messages"],
)
def test_a_password_in_a_url(scheme: str, rest: str) -> None:
    """Whatever the URL lacks, its password is not repeated."""
    assert "ter2" not in masked(scheme + rest)
    assert "ter2" not in _message(lambda: split(scheme + rest))
    transport = HttpTransport({"HTTPS_PROXY": scheme + rest})
    request = Request(method="GET", url="https://example.invalid/")
    message = _message(lambda: transport.send(request, Deadline.after(0.5)))
    assert message
    assert "ter2" not in message


def _message(call: Any) -> str:
    try:
        call()
    except (SettingsError, ConnectError) as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "name",
    [
        "auto",
        "/prod/anthropic/Key1ForSupportAgents",
        "AnthropicKey2024ForSupportAgentsEU1",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prefixwarm/key-AbCdEf",
        "https://sqs.eu-west-1.amazonaws.com/123456789012/work",
        "http://localhost:8080/anthropic",
        "[::1]:8080",
        "Warmer-StateTableA1B2C3D4-1XYZ9ABCDEF23",
        "s3://cdk-hnb659fds-assets-123456789012-eu-west-1/manifest.json",
        '{"support": ["my-function"]}',
        "task-1",
    ],
)
def test_names_are_no_keys(name: str) -> None:
    """What a message is of use for stays."""
    assert not looks_like_key(name)
    assert quoted(name) == repr(name)


def test_random_keys() -> None:
    """Secret access keys of AWS, which have no sign of their own."""
    randoms = random.Random(1)
    keys = [base64.b64encode(randoms.randbytes(30)).decode() for _ in range(2000)]
    assert sum(looks_like_key(key) for key in keys) > 1900


def test_long_settings_are_cut() -> None:
    """A message stays a line that can be read."""
    assert len(quoted("x" * 10_000)) == 200
