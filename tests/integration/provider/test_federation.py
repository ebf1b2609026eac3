"""Workload identity federation: from the role to a warm call, without any stored key."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import anthropic
import httpx2
import pytest

from prefixwarm.errors import CredentialsError, ProviderError
from prefixwarm.provider import federation
from prefixwarm.provider.federation import AccessTokens
from prefixwarm.simulator import Principal, running
from prefixwarm.wire.http import HttpTransport, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.provider.client import Provider
    from prefixwarm.simulator import Simulator
    from prefixwarm.wire.aws import AwsClient
    from prefixwarm.wire.deadline import Deadline
    from tests.integration.conftest import Bench

    MakeBench = Callable[..., Bench]

IDS = {
    "ANTHROPIC_FEDERATION_RULE_ID": "fdrl_1",
    "ANTHROPIC_ORGANIZATION_ID": Principal.organization,
    "ANTHROPIC_SERVICE_ACCOUNT_ID": "svac_1",
    "ANTHROPIC_WORKSPACE_ID": Principal.workspace,
}
EXCHANGE = "/v1/oauth/token"


@pytest.fixture
def strict() -> Iterator[Simulator]:
    """A provider that knows one workspace, and refuses what is no JWT."""
    with running(clock="manual", keys={"sk-agent": Principal()}) as sim:
        yield sim


@pytest.fixture
def keyless(bench: MakeBench, strict: Simulator, signed: AwsClient) -> Callable[..., Provider]:
    """Make providers that know ids alone; identity tokens come from the local STS."""

    def make(**environ: str) -> Provider:
        one = bench(at=strict)
        del one.environ["ANTHROPIC_API_KEY"]
        one.environ |= IDS | environ
        return one.provider(signed)

    return make


def paths(sim: Simulator) -> list[tuple[str, int]]:
    """What was asked of the provider, and how it answered."""
    return [(request["path"], request["status"]) for request in sim.requests()]


def test_a_role_warms_its_agents_cache(
    bench: MakeBench, keyless: Callable[..., Provider], strict: Simulator, soon: Deadline
) -> None:
    """The agent's SDK reads what was written; one exchange serves many calls."""
    provider, one = keyless(), bench(at=strict)
    written = provider.send(one.call, 0, soon).usage["cache_creation_input_tokens"]
    provider.send(one.call, 0, soon)
    assert paths(strict) == [(EXCHANGE, 200), ("/v1/messages", 200), ("/v1/messages", 200)]
    with anthropic.Anthropic(api_key="sk-agent", base_url=strict.url) as client:
        assert client.messages.create(**one.request).usage.cache_read_input_tokens == written


class Recording(HttpTransport):
    """Notes what is sent."""

    sent: list[Request]

    def send(self, request: Request, deadline: Deadline) -> Response:
        """See `HttpTransport`."""
        self.sent.append(request)
        return super().send(request, deadline)


def test_the_exchange_is_the_sdks(strict: Simulator, signed: AwsClient, soon: Deadline) -> None:
    """The same fields and headers, with and without the ids that may be left out."""
    for ids in (IDS, {name: IDS[name] for name in list(IDS)[:2]}):
        transport = Recording({})
        transport.sent = []
        environ = {**ids, "ANTHROPIC_IDENTITY_TOKEN": "a.b.c"}
        AccessTokens(strict.url, transport, signed, environ).current(soon)
        transport.close()
        theirs: list[httpx2.Request] = []
        with httpx2.Client(event_hooks={"request": [theirs.append]}) as client:
            credentials = anthropic.WorkloadIdentityCredentials(
                identity_token_provider=lambda: "a.b.c",
                federation_rule_id=ids["ANTHROPIC_FEDERATION_RULE_ID"],
                organization_id=ids["ANTHROPIC_ORGANIZATION_ID"],
                service_account_id=ids.get("ANTHROPIC_SERVICE_ACCOUNT_ID"),
                workspace_id=ids.get("ANTHROPIC_WORKSPACE_ID"),
                http_client=client,
            )
            credentials.bind_base_url(strict.url)
            credentials()
        (ours,), (reference,) = transport.sent, theirs
        assert json.loads(ours.body) == json.loads(reference.content)
        assert ours.url == str(reference.url)
        for name in ("anthropic-beta", "Content-Type"):
            assert ours.headers[name] == reference.headers[name]


def test_calls_carry_the_sdks_headers(
    bench: MakeBench, keyless: Callable[..., Provider], strict: Simulator, soon: Deadline
) -> None:
    """Access tokens need a flag, and flags may be part of the cache's key."""
    one = bench(at=strict)
    keyless().send(one.call, 0, soon)
    credentials = anthropic.WorkloadIdentityCredentials(
        identity_token_provider=lambda: "a.b.c",
        federation_rule_id="fdrl_1",
        organization_id=Principal.organization,
    )
    with (
        credentials,
        anthropic.Anthropic(credentials=credentials, base_url=strict.url) as client,
    ):
        client.messages.create(**one.request)
    ours, theirs = (r["headers"] for r in strict.requests() if r["path"] == "/v1/messages")
    assert ours["anthropic-beta"] == theirs["anthropic-beta"]


def test_betas_of_the_prefix_stay(
    bench: MakeBench, keyless: Callable[..., Provider], strict: Simulator, soon: Deadline
) -> None:
    """The flag of access tokens comes last, once."""
    provider, call = keyless(), bench(at=strict).call
    for named in ("files-api-2025-04-14", "oauth-2025-04-20"):
        provider.send(call.replace(headers={**call.headers, "anthropic-beta": named}), 0, soon)
    sent = [r["headers"]["anthropic-beta"] for r in strict.requests() if r["path"] != EXCHANGE]
    assert sent == ["files-api-2025-04-14,oauth-2025-04-20", "oauth-2025-04-20"]


def test_a_refused_token_is_renewed_once(
    bench: MakeBench, keyless: Callable[..., Provider], strict: Simulator, soon: Deadline
) -> None:
    """The provider let it end early; a second refusal is final."""
    provider, one = keyless(), bench(at=strict)
    provider.send(one.call, 0, soon)
    strict.advance(3600)
    provider.send(one.call, 0, soon)
    calls = [("/v1/messages", 401), (EXCHANGE, 200), ("/v1/messages", 200)]
    assert paths(strict)[2:] == calls
    strict.inject(kind="error", status=401, match={"path": "/v1/messages"})
    with pytest.raises(ProviderError, match="HTTP 401"):
        provider.send(one.call, 0, soon)
    assert [path for path, _ in paths(strict)[5:]] == ["/v1/messages", EXCHANGE, "/v1/messages"]


def test_a_token_is_renewed_before_it_ends(
    strict: Simulator, signed: AwsClient, soon: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two minutes before the hour is over."""
    began, shift = time.time(), 0.0
    monkeypatch.setattr(federation, "time", lambda: began + shift)
    transport = HttpTransport({})
    tokens = AccessTokens(strict.url, transport, signed, IDS)
    first = tokens.current(soon)
    shift = 3479.0
    assert tokens.current(soon) is first
    shift = 3481.0
    assert tokens.current(soon).key != first.key
    transport.close()


def test_threads_share_one_exchange(strict: Simulator, signed: AwsClient, soon: Deadline) -> None:
    """As those of the keep-warm function do."""
    transport = HttpTransport({})
    tokens = AccessTokens(strict.url, transport, signed, IDS)
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: tokens.current(soon).key, range(8)))
    assert len(set(keys)) == 1
    assert paths(strict) == [(EXCHANGE, 200)]
    transport.close()


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"ANTHROPIC_ORGANIZATION_ID": ""}, "RULE_ID is set without ANTHROPIC_ORGANIZATION_ID$"),
        (
            {"ANTHROPIC_WORKSPACE_ID": "wrkspc_other"},
            "no access token from 127.0.0.1: HTTP 401 invalid_grant; federation rule fdrl_1 must",
        ),
        ({"ANTHROPIC_IDENTITY_TOKEN": "hush"}, "HTTP 401 invalid_grant; federation rule fdrl_1"),
        ({"ANTHROPIC_BASE_URL": "http://example.test"}, "example.test: identity tokens are sent"),
        ({"ANTHROPIC_BASE_URL": "http://u:hush@127.0.0.1:1"}, "no access token from 127.0.0.1: "),
    ],
)
def test_no_access_token(
    bench: MakeBench,
    keyless: Callable[..., Provider],
    strict: Simulator,
    soon: Deadline,
    environ: dict[str, str],
    message: str,
) -> None:
    """One line says why, without any token, and no warm call is sent."""
    with pytest.raises(CredentialsError, match=message) as caught:
        keyless(**environ).send(bench(at=strict).call, 0, soon)
    assert "hush" not in str(caught.value)
    assert {path for path, _ in paths(strict)} <= {EXCHANGE}


@pytest.mark.parametrize("reply", [b"", b"[]", b'{"access_token": "hush"}', b'{"expires_in": 9}'])
def test_an_exchange_that_is_none(signed: AwsClient, soon: Deadline, reply: bytes) -> None:
    """Whatever answers there is no token endpoint."""

    class Says:
        def send(self, request: Request, deadline: Deadline) -> Response:
            assert request.url == "https://api.anthropic.com/v1/oauth/token"
            return Response(status=200, headers={}, body=reply, first_byte_after=0.0)

    environ = IDS | {"ANTHROPIC_IDENTITY_TOKEN": "hush"}
    tokens = AccessTokens("https://api.anthropic.com/", Says(), signed, environ)
    with pytest.raises(CredentialsError, match="it sent no access_token, expires_in") as caught:
        tokens.current(soon)
    assert "hush" not in str(caught.value)


def test_keys_come_before_federation(
    bench: MakeBench, keyless: Callable[..., Provider], strict: Simulator, soon: Deadline
) -> None:
    """The environment's, as in the SDK; and the AWS routes never ask for a token."""
    keyless(ANTHROPIC_API_KEY="sk-agent").send(bench(at=strict).call, 0, soon)
    assert paths(strict) == [("/v1/messages", 200)]


def test_signed_routes_know_no_federation(bench: MakeBench, sim: Simulator, soon: Deadline) -> None:
    """Their calls are signed, whatever ids are set."""
    one = bench("aws")
    one.environ |= IDS
    one.provider().send(one.call, 0, soon)
    assert [path for path, _ in paths(sim)] == ["/v1/messages"]


def test_tokens_are_never_shown(strict: Simulator, signed: AwsClient, soon: Deadline) -> None:
    """Neither by what holds them nor by what is returned."""
    transport = HttpTransport({})
    tokens = AccessTokens(strict.url, transport, signed, IDS)
    bearer = tokens.current(soon)
    assert bearer.key.startswith("sk-ant-oat01-")
    assert bearer.key not in f"{bearer!r} {tokens!r} {vars(tokens)!r}"
    transport.close()
