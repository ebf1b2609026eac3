"""The fault matrix: whatever breaks, the function answers as if we were not there.

Each cell: the answer is the same as without the layer, nothing is held beyond the hold, one
structured line names the cause, and no output shows a key or prompt text.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trustme
from extension_bench import KEY, PROMPT
from faulty_server import FaultyServer, blurt, drip, endless, hang, reply, reset, send, silent

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    from extension_bench import Bench, Started

    from prefixwarm.demo.function import Function

HOLD_MS = 3000
# For what hangs: its whole length is waited for.
SHORT = "500"
# Wide, because other tests run beside; a hold that is not kept is longer by seconds.
MARGIN_MS = 4000
ENDED = "the environment ended before the reply came"
ANSWER = {"answer": "none of the extension's business", "event": {"n": 1}}


@pytest.fixture
def harmless(bench: Bench) -> Callable[[Function], Started]:
    """Start a function with the layer, and check what must hold in every cell."""

    def check(function: Function, **options: bool) -> Started:
        started = bench.start(function, {"n": 1}, **options)
        assert (started.answer.status, started.answer.payload) == (200, ANSWER)
        assert started.answer.init_ms is not None
        hold_ms = function.env.get("PREFIXWARM_INIT_HOLD_MS", "")
        assert started.answer.init_ms < MARGIN_MS + (int(hold_ms) if hold_ms.isdigit() else HOLD_MS)
        assert KEY not in started.log
        assert PROMPT.split(".")[0] not in started.log
        assert "Traceback" not in started.log
        return started

    return check


Harmless = "Callable[..., Started]"


def patience(reason: str) -> dict[str, str]:
    """A short hold for cells in which nothing ever comes."""
    return {"PREFIXWARM_INIT_HOLD_MS": SHORT} if reason == ENDED else {}


def test_without_the_layer(bench: Bench) -> None:
    """What the cells' answers are compared with."""
    bare = bench.start(bench.plain().without_layers(), {"n": 1})
    assert (bare.answer.status, bare.answer.payload) == (200, ANSWER)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": 400}, "HTTP 400 invalid_request_error"),
        ({"status": 401}, "HTTP 401 authentication_error"),
        ({"status": 403}, "HTTP 403 permission_error"),
        ({"status": 404}, "HTTP 404 not_found_error"),
        ({"status": 413}, "HTTP 413 request_too_large"),
        ({"status": 429, "retry_after": 7200}, "HTTP 429 rate_limit_error"),
        ({"status": 500}, "HTTP 500 api_error"),
        ({"status": 529}, "HTTP 529 overloaded_error"),
        ({"kind": "malformed"}, "the provider's reply is not JSON"),
        ({"kind": "reset"}, "127.0.0.1"),
        ({"kind": "lost"}, "127.0.0.1"),
        ({"kind": "slow", "seconds": 5}, ENDED),
    ],
    ids=lambda value: (
        str(value.get("status", value.get("kind"))) if isinstance(value, dict) else ""
    ),
)
def test_the_provider_fails(
    bench: Bench, harmless: Harmless, fault: dict[str, object], reason: str
) -> None:
    """The provider's own errors, from the simulator."""
    bench.provider.inject(**fault)
    started = harmless(bench.plain(**patience(reason)))
    assert started.line["outcome"] == "failed"
    assert reason in started.line["reason"]


def test_a_long_retry_after_is_kept_as_data(bench: Bench, harmless: Harmless) -> None:
    """Nobody sleeps on it, and the next start respects it without a call."""
    bench.provider.inject(status=429, retry_after=7200)
    harmless(bench.plain())
    second = harmless(bench.plain())
    assert second.line["outcome"] == "skipped"
    assert second.line["reason"].startswith("backing off after 1 failed calls: HTTP 429")
    assert len(bench.warm_calls()) == 1


BEHAVIOURS = [
    ("hang", hang, ENDED),
    ("drip", drip, ENDED),
    ("reset", reset, "127.0.0.1: "),
    ("closed", send(b""), "127.0.0.1: "),
    ("garbage", send(b"\x16\x03\x01 what is this\r\n\r\n"), "the reply is not HTTP/1"),
    ("truncated head", send(b"HTTP/1.1 200 OK\r\ncontent-le"), "cut short"),
    ("truncated body", send(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"), "cut short"),
    ("long head", send(b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000), "65536 bytes"),
    ("huge", send(b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n"), "9000000 bytes"),
    ("odd length", send(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"), "not a number"),
    ("redirect", reply(307, {}, location="http://127.0.0.1:9/"), "HTTP 307"),
    ("not JSON", reply(200, b"<html>"), "not JSON"),
    ("deep JSON", reply(200, b"[" * 200_000), "not JSON"),
    ("other JSON", reply(200, [1]), "not a JSON object"),
    ("no usage", reply(200, {"type": "message"}), "no usage"),
    ("odd usage", reply(200, {"usage": {"input_tokens": "x"}}), "nothing was cached"),
    ("unicode", reply(200, b"\xff\xfe"), "not JSON"),
]


@pytest.mark.parametrize(
    ("behaviour", "reason"), [b[1:] for b in BEHAVIOURS], ids=[b[0] for b in BEHAVIOURS]
)
def test_something_else_answers(
    bench: Bench, harmless: Harmless, behaviour: object, reason: str
) -> None:
    """Whatever comes instead of the provider's reply."""
    with FaultyServer(behaviour) as server:
        started = harmless(bench.plain(ANTHROPIC_BASE_URL=server.url, **patience(reason)))
    assert started.line["outcome"] in ("failed", "uncached")
    assert reason in started.line["reason"]


def test_an_endless_reply_is_cut_off(bench: Bench, harmless: Harmless) -> None:
    """At eight megabytes, or at the end of the environment."""
    with FaultyServer(endless) as server:
        started = harmless(bench.plain(ANTHROPIC_BASE_URL=server.url, **patience(ENDED)))
    assert started.line["outcome"] == "failed"
    assert "more than 8388608 bytes" in started.line["reason"] or started.line["reason"] == ENDED


@pytest.fixture(scope="module")
def unknown_authority() -> ssl.SSLContext:
    """TLS by an authority that nobody trusts."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    return context


@pytest.mark.parametrize("broken", ["untrusted", "plain text", "silent"])
def test_tls_fails(
    bench: Bench, harmless: Harmless, unknown_authority: ssl.SSLContext, broken: str
) -> None:
    """The handshake is verified, and bounded."""
    context = unknown_authority if broken == "untrusted" else None
    behaviour = silent if broken == "silent" else blurt
    expected = {"untrusted": "certificate", "plain text": "localhost", "silent": ENDED}[broken]
    with FaultyServer(behaviour, context) as server:
        started = harmless(bench.plain(ANTHROPIC_BASE_URL=server.tls_url, **patience(expected)))
    assert started.line["outcome"] == "failed"
    assert expected in started.line["reason"]


@pytest.mark.parametrize(
    "behaviour", [reply(407, b""), hang, send(b"")], ids=["407", "hang", "closed"]
)
def test_the_proxy_fails(bench: Bench, harmless: Harmless, behaviour: object) -> None:
    """Nothing is sent past a proxy that refuses."""
    with FaultyServer(behaviour) as server:
        function = bench.plain(
            ANTHROPIC_BASE_URL="https://api.anthropic.invalid",
            HTTPS_PROXY=server.url,
            **patience(ENDED if behaviour is hang else ""),
        )
        started = harmless(function)
    assert started.line["outcome"] == "failed"


def test_connection_refused(bench: Bench, harmless: Harmless) -> None:
    """Nobody listens there."""
    started = harmless(bench.plain(ANTHROPIC_BASE_URL="http://127.0.0.1:9"))
    assert "127.0.0.1:9: Connection refused" in started.line["reason"]


def test_no_network_at_all(bench: Bench, harmless: Harmless) -> None:
    """A subnet without a way out: the table cannot be asked, so nothing is sent."""
    started = harmless(bench.plain(), network=False)
    assert "nothing was sent: the table cannot be reached" in started.line["reason"]


def test_a_name_that_cannot_be_resolved(bench: Bench, harmless: Harmless) -> None:
    """DNS fails for the provider."""
    function = bench.plain(
        ANTHROPIC_BASE_URL="https://api.anthropic.invalid", PREFIXWARM_INIT="always"
    )
    started = harmless(function, network=False)
    assert "api.anthropic.invalid" in started.line["reason"]


def test_a_proxy_setting_that_is_no_address(bench: Bench, harmless: Harmless) -> None:
    """It is not passed by: what the network demands may be policy."""
    function = bench.plain(ANTHROPIC_BASE_URL="https://api.anthropic.invalid", HTTPS_PROXY="::::")
    assert harmless(function).line["outcome"] == "failed"


AWS_ERRORS = {
    "missing": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
    "denied": "com.amazon.coral.service#AccessDeniedException",
    "throttled": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
    "bad signature": "com.amazon.coral.service#InvalidSignatureException",
}
TABLE_FAULTS = [
    *(
        (name, reply(400, {"__type": word}), word.split("#")[1])
        for name, word in AWS_ERRORS.items()
    ),
    ("500", reply(500, {"__type": "x#InternalServerError"}), "InternalServerError"),
    ("hang", hang, "the table cannot be reached"),
    ("garbage", send(b"hello"), "the table cannot be reached"),
    ("not JSON", reply(200, b"<html>"), "without a JSON object"),
    ("odd item", reply(200, {"Item": {"warm_until": {"S": "soon"}}}), "unexpected"),
]


@pytest.mark.parametrize(
    ("behaviour", "reason"), [f[1:] for f in TABLE_FAULTS], ids=[f[0] for f in TABLE_FAULTS]
)
def test_the_table_fails(bench: Bench, harmless: Harmless, behaviour: object, reason: str) -> None:
    """Without the state nothing is sent."""
    with FaultyServer(behaviour) as server:
        function = bench.plain(AWS_ENDPOINT_URL_DYNAMODB=server.url, PREFIXWARM_INIT_HOLD_MS="1500")
        started = harmless(function)
    assert started.line["outcome"] == "failed"
    assert reason in started.line["reason"]
    assert bench.warm_calls() == []


SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:anthropic"


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (reply(400, {"__type": "ResourceNotFoundException"}), "ResourceNotFoundException"),
        (reply(400, {"__type": "AccessDeniedException"}), "AccessDeniedException"),
        (reply(200, {"SecretBinary": "eA=="}), "holds no text"),
        (reply(200, {"SecretString": "{}"}), "holds no key"),
        (hang, ENDED),
    ],
    ids=["missing", "denied", "binary", "empty", "hang"],
)
def test_the_secret_fails(bench: Bench, harmless: Harmless, behaviour: object, reason: str) -> None:
    """Without a key nothing is sent, and the reference is named."""
    with FaultyServer(behaviour) as server:
        function = bench.plain(
            AWS_ENDPOINT_URL_SECRETS_MANAGER=server.url,
            ANTHROPIC_API_KEY="",
            PREFIXWARM_API_KEY_SECRET=SECRET,
            **patience(reason),
        )
        started = harmless(function)
    assert started.line["outcome"] == "failed"
    assert reason in started.line["reason"]
    assert bench.warm_calls() == []


def test_a_secret_that_the_provider_refuses_is_not_shown(bench: Bench, harmless: Harmless) -> None:
    """It is fetched once more, as it may have rotated, and then given up."""
    bench.provider.inject(status=401)
    secrets = bench.aws.client("secretsmanager")
    arn = secrets.create_secret(Name=bench.scope, SecretString="sk-ant-rotated-away")["ARN"]
    started = harmless(bench.plain(ANTHROPIC_API_KEY="", PREFIXWARM_API_KEY_SECRET=arn))
    assert "HTTP 401" in started.line["reason"]
    assert "rotated-away" not in started.log
    assert len(bench.warm_calls()) == 2


WARM = b'{"format":"prefixwarm-warm/1"}\n{"max_tokens":0}'
PREFIX_FAULTS: list[tuple[str, str, bytes, str]] = [
    ("empty", "a.warm", b"", "is not a compiled prefix"),
    ("garbage", "a.warm", os.urandom(999), "is not a compiled prefix"),
    ("fields missing", "a.warm", WARM, "is not a compiled prefix"),
    ("another version", "a.warm", b'{"format":"prefixwarm-warm/9"}\n{}', "this version reads"),
    ("list", "a.warm", b"[]\n{}", "is not a compiled prefix"),
    ("empty JSON", "a.prefix.json", b"", "a.prefix.json"),
    ("truncated JSON", "a.prefix.json", b'{"format": "prefixwarm/1", "na', "a.prefix.json"),
    ("another format", "a.prefix.json", b'{"format": "prefixwarm/9"}', "a.prefix.json"),
]


@pytest.mark.parametrize(
    ("name", "data", "reason"), [f[1:] for f in PREFIX_FAULTS], ids=[f[0] for f in PREFIX_FAULTS]
)
def test_a_prefix_file_is_broken(
    bench: Bench, harmless: Harmless, name: str, data: bytes, reason: str
) -> None:
    """The line names the file and what to do."""
    function = bench.plain(PREFIXWARM_PREFIXES="/var/task/prefixes")
    (function.code / "prefixes").mkdir()
    (function.code / "prefixes" / name).write_bytes(data)
    started = harmless(function)
    assert started.line["outcome"] == "failed"
    assert started.line["reason"].startswith(f"/var/task/prefixes/{name}")
    assert reason in started.line["reason"]


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3 << 30)


def _unreadable(path: Path) -> None:
    if os.geteuid():
        pytest.skip("the function runs as the user of this test, who may read what is his")
    path.write_bytes(WARM)
    path.chmod(0)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_huge, "is larger than"),
        (_unreadable, "Permission denied"),
        (lambda path: path.mkdir(), "Is a directory"),
    ],
    ids=["huge", "unreadable", "folder"],
)
def test_a_prefix_file_cannot_be_read(
    bench: Bench, harmless: Harmless, make: Callable[[Path], None], reason: str
) -> None:
    """Neither memory nor rights are taken for granted."""
    function = bench.plain(PREFIXWARM_PREFIXES="/var/task/prefixes")
    (function.code / "prefixes").mkdir()
    make(function.code / "prefixes" / "a.warm")
    started = harmless(function)
    assert reason in started.line["reason"]


def test_a_truncated_prefix_is_not_sent_and_the_others_are(
    bench: Bench, harmless: Harmless
) -> None:
    """One broken file costs the others nothing."""
    compiled = bench.layer / "prefixwarm" / "prefixes" / "support.warm"
    function = bench.plain(PREFIXWARM_PREFIXES="/var/task/prefixes")
    (function.code / "prefixes").mkdir()
    (function.code / "prefixes" / "cut.warm").write_bytes(compiled.read_bytes()[:-1])
    shutil.copy(compiled, function.code / "prefixes" / "whole.warm")
    started = harmless(function)
    assert sorted(line["outcome"] for line in started.lines) == ["failed", "written"]


def test_forty_prefix_files(bench: Bench, harmless: Harmless) -> None:
    """The first twenty are looked at; as they are the same prefix, one call is made."""
    compiled = bench.layer / "prefixwarm" / "prefixes" / "support.warm"
    function = bench.plain(PREFIXWARM_PREFIXES="/var/task/prefixes", PREFIXWARM_INIT_HOLD_MS="3000")
    (function.code / "prefixes").mkdir()
    for number in range(40):
        shutil.copy(compiled, function.code / "prefixes" / f"p{number}.warm")
    started = harmless(function)
    reasons = [line["reason"] for line in started.lines if line["outcome"] == "failed"]
    assert reasons == ["/var/task/prefixes: holds more than 20 prefixes"]
    assert len(started.lines) == 21
    assert len(bench.warm_calls()) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PREFIXWARM_INIT", "sometimes"),
        ("PREFIXWARM_INIT_HOLD_MS", "3s"),
        ("PREFIXWARM_INIT_HOLD_MS", "99999"),
        ("PREFIXWARM_INIT_HINT_MS", "-1"),
        ("PREFIXWARM_DISABLED", "perhaps"),
        ("PREFIXWARM_LATENCY_VALUE", "much"),
        ("PREFIXWARM_CACHE_SCOPE", "a/b"),
        ("ANTHROPIC_BASE_URL", "ftp://nowhere"),
        ("ANTHROPIC_BASE_URL", "http://[bad"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "nonsense"),
    ],
)
def test_a_setting_is_not_understood(
    bench: Bench, harmless: Harmless, name: str, value: str
) -> None:
    """One line, and nothing is sent."""
    started = harmless(bench.plain(**{name: value}))
    assert started.line["outcome"] == "failed"
    assert bench.warm_calls() == []


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "AWS_ACCESS_KEY_ID", "AWS_REGION"])
def test_a_setting_is_missing(bench: Bench, harmless: Harmless, name: str) -> None:
    """No key, no credentials, no region."""
    function = bench.plain()
    env = {key: value for key, value in function.env.items() if key != name}
    env |= {"AWS_DEFAULT_REGION": ""} if name == "AWS_REGION" else {}
    blank = {} if name == "ANTHROPIC_API_KEY" else {name: ""}
    started = harmless(replace(function, env={**env, **blank}))
    assert started.line["outcome"] == "failed"
    assert bench.warm_calls() == []


def test_the_home_is_read_only(bench: Bench, harmless: Harmless) -> None:
    """Nothing is written there, nor anywhere but a mark in ``/tmp``."""
    assert harmless(bench.plain(HOME="/var/task")).line["outcome"] == "written"


def test_the_function_has_less_time_than_the_warm_call(bench: Bench) -> None:
    """Where the init phase counts towards the time-out, half of it is the most that is held."""
    bench.provider.inject(kind="slow", seconds=5)
    function = replace(bench.plain(PREFIXWARM_INIT_HOLD_MS="9000"), timeout=1)
    started = bench.start(function, {"n": 1})
    assert (started.answer.status, started.answer.payload) == (200, ANSWER)
    assert started.line["reason"] == ENDED
