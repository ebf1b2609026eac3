"""Routes: the addresses and variables of the anthropic SDK and of boto3."""

from __future__ import annotations

from typing import Any

import anthropic
import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm.errors import CredentialsError, SettingsError
from prefixwarm.provider.routes import ROUTES, route_named
from prefixwarm.wire.url import split


class Runtime:
    """boto3's client, for Converse."""

    @property
    def base_url(self) -> str:
        """Where it sends to."""
        client = boto3.Session().client("bedrock-runtime", region_name="eu-west-1")
        try:
            return str(client.meta.endpoint_url)
        finally:
            client.close()


REGION = {"AWS_REGION": "eu-west-1"}
CLIENTS: dict[str, Any] = {
    "anthropic": lambda: anthropic.Anthropic(api_key="k"),
    "aws": lambda: anthropic.AnthropicAWS(workspace_id="w", api_key="k"),
    "bedrock-mantle": lambda: anthropic.AnthropicBedrockMantle(api_key="k"),
    "bedrock": lambda: anthropic.AnthropicBedrock(api_key="k"),
    "bedrock-converse": Runtime,
}
PATHS = {"bedrock": "/model/m/invoke", "bedrock-converse": "/model/m/converse"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own settings."""
    for route in ROUTES.values():
        for name in (route.base_url_variable, *route.key_variables):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


@pytest.mark.parametrize("name", ROUTES)
def test_sends_where_the_sdk_sends(name: str) -> None:
    """The same base URL, and the path that the SDK adds."""
    base = str(CLIENTS[name]().base_url).rstrip("/")
    assert ROUTES[name].url("m", REGION) == base + PATHS.get(name, "/v1/messages")


@pytest.mark.parametrize("name", ROUTES)
def test_honours_the_sdks_base_url(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base URL set for the agent holds for its warm calls too."""
    variable = ROUTES[name].base_url_variable
    monkeypatch.setenv(variable, "http://127.0.0.1:8080/gateway/")
    assert str(CLIENTS[name]().base_url).rstrip("/") == "http://127.0.0.1:8080/gateway"
    url = ROUTES[name].url("m", {variable: "http://127.0.0.1:8080/gateway/", **REGION})
    assert url == "http://127.0.0.1:8080/gateway" + PATHS.get(name, "/v1/messages")


def test_boto3s_other_variables_hold_for_converse(monkeypatch: pytest.MonkeyPatch) -> None:
    """The endpoint of all services, and FIPS."""
    for settings in ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, {"AWS_USE_FIPS_ENDPOINT": "true"}):
        with monkeypatch.context() as patch:
            for variable, value in settings.items():
                patch.setenv(variable, value)
            wanted = Runtime().base_url + "/model/m/converse"
        assert ROUTES["bedrock-converse"].url("m", {**REGION, **settings}) == wanted


@pytest.mark.parametrize("name", ["aws", "bedrock-mantle", "bedrock", "bedrock-converse"])
def test_regional_routes_need_a_region(name: str) -> None:
    """The message names the variable."""
    with pytest.raises(SettingsError, match="AWS_REGION is not set"):
        ROUTES[name].url("m", {})
    assert ROUTES[name].region(REGION) == "eu-west-1"
    assert ROUTES["anthropic"].region(REGION) == ""


@pytest.mark.parametrize(
    ("model", "encoded"),
    [
        ("anthropic.claude-haiku-4-5-v1:0", "anthropic.claude-haiku-4-5-v1:0"),
        (
            "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.x",
            "arn:aws:bedrock:eu-west-1:1:inference-profile%2Feu.x",
        ),
        ("a b?c#d", "a%20b%3Fc%23d"),
    ],
)
def test_encodes_the_model_as_the_sdk_does(model: str, encoded: str) -> None:
    """A model id is one segment of the path."""
    url = ROUTES["bedrock"].url(model, REGION)
    assert split(url).path == f"/model/{encoded}/invoke"


@given(st.text(min_size=1).map(lambda text: text.encode("utf-8", "ignore").decode()))
def test_no_model_leaves_its_segment(model: str) -> None:
    """Nor breaks the request line."""
    path = split(ROUTES["bedrock"].url(model, REGION)).path
    assert path.count("/") == 3
    assert path.isascii()
    assert path.isprintable()


def test_finds_the_key_as_the_sdk_does() -> None:
    """In its order."""
    both = {"ANTHROPIC_API_KEY": "a", "ANTHROPIC_AUTH_TOKEN": "b"}
    assert ROUTES["anthropic"].key(both) == "a"
    assert ROUTES["anthropic"].key({"ANTHROPIC_API_KEY": "", "ANTHROPIC_AUTH_TOKEN": "b"}) == "b"
    assert ROUTES["anthropic"].key({}) is None
    mantle = {"ANTHROPIC_AWS_API_KEY": "a", "AWS_BEARER_TOKEN_BEDROCK": "b"}
    assert ROUTES["bedrock-mantle"].key(mantle) == "b"
    assert ROUTES["bedrock"].key({"ANTHROPIC_AWS_API_KEY": "a"}) is None


def test_the_platform_on_aws_needs_a_workspace() -> None:
    """It goes into a header."""
    headers = ROUTES["aws"].own_headers({"ANTHROPIC_AWS_WORKSPACE_ID": "w"})
    assert headers["anthropic-workspace-id"] == "w"
    with pytest.raises(CredentialsError, match="ANTHROPIC_AWS_WORKSPACE_ID is not set"):
        ROUTES["aws"].own_headers({})


def test_refuses_other_routes() -> None:
    """The known ones are listed."""
    with pytest.raises(SettingsError, match="write one of anthropic, aws, bedrock-mantle, bedrock"):
        route_named("vertex")
