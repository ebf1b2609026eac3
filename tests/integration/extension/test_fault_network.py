"""The fault matrix: connections, TLS, proxies and names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trustme
from extension_bench import ENDED, patience
from faulty_server import FaultyServer, blurt, hang, reply, send, silent
from inside import silent_resolver

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from extension_bench import Bench, Started

    from prefixwarm.local.emulator import Environment

    Harmless = Callable[..., Started]


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


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({"AWS_ENDPOINT_URL": ""}, "dynamodb.us-east-1.amazonaws.com:443: the name was not"),
        (
            {"PREFIXWARM_INIT": "always", "PREFIXWARM_TABLE": "", "ANTHROPIC_BASE_URL": ""},
            "api.anthropic.com:443: the name was not resolved in time",
        ),
    ],
    ids=["table", "provider"],
)
def test_a_resolver_hangs(
    bench: Bench, harmless: Harmless, tmp_path: Path, env: dict[str, str], reason: str
) -> None:
    """The system's resolver knows no deadline, and waits for ten seconds; nobody waits for it."""
    tmp_path.chmod(0o755)
    function = replace(bench.plain(PREFIXWARM_INIT_HOLD_MS="1500", **env), timeout=20)

    def prepared(environment: Environment) -> AbstractContextManager[None]:
        return silent_resolver(environment, tmp_path)

    started = harmless(function, network=False, prepared=prepared)
    assert started.line["outcome"] == "failed"
    assert reason in started.line["reason"] or started.line["reason"] == ENDED
