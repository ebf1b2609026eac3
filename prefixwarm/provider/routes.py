"""The routes to the model: addresses, authentication, and the body's shape.

Addresses and variables match the anthropic SDK 2.11 (`anthropic.lib.aws`,
`anthropic.lib.bedrock`) and boto3, so a base URL set for the agent also applies to its warm
calls.
"""

from __future__ import annotations

from prefixwarm.errors import CredentialsError, SettingsError
from prefixwarm.wire.aws import endpoint, partition_suffix, region_of
from prefixwarm.wire.record import Record
from prefixwarm.wire.url import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


CONVERSE = "bedrock-converse"
MESSAGES_PATH = "/v1/messages"
# The version in a body of InvokeModel.
INVOKE_MODEL_VERSION = "bedrock-2023-05-31"
# The headers that are part of the cache key.
SHAPING_HEADERS = ("anthropic-version", "anthropic-beta")
# The variable of Claude Platform on AWS.
AWS_WORKSPACE_ID = "ANTHROPIC_AWS_WORKSPACE_ID"
_VERSIONS = ("2023-06-01", "2026-10-21")


class Route(Record):
    """One route to the provider.

    `signing_service` is None if the route accepts only a key; `key_variables` are the environment
    variables that may hold one, in the SDK's order.
    """

    name: str
    base_url: str
    base_url_variable: str
    signing_service: str | None
    key_variables: tuple[str, ...]
    path: str = MESSAGES_PATH
    allowed_headers: tuple[str, ...] = SHAPING_HEADERS
    versions: tuple[str, ...] = _VERSIONS
    version_in_body: bool = False

    def url(self, model: str, environ: Mapping[str, str]) -> str:
        """The URL of a warm call."""
        return self.base(environ).rstrip("/") + self.path.format(model=quote(model, ":;"))

    def base(self, environ: Mapping[str, str]) -> str:
        """The base URL: from the environment, or else the provider's own."""
        if self.name == CONVERSE:
            return endpoint("bedrock-runtime", region_of(environ), environ)
        if own := environ.get(self.base_url_variable):
            return own
        region = region_of(environ) if "{region}" in self.base_url else ""
        return self.base_url.format(region=region, suffix=partition_suffix(region))

    def region(self, environ: Mapping[str, str]) -> str:
        """The cache's region; empty if the cache is not regional."""
        return region_of(environ) if self.signing_service else ""

    def key(self, environ: Mapping[str, str]) -> str | None:
        """The API key in the environment, if any."""
        return next((environ[name] for name in self.key_variables if environ.get(name)), None)

    def own_headers(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the headers this route needs besides the prefix file's and authentication.

        Raises
        ------
        CredentialsError
            Claude Platform on AWS requires a workspace and none is set.
        """
        headers = {"Content-Type": "application/json", "User-Agent": "prefixwarm"}
        if self.name == "aws":
            workspace = environ.get(AWS_WORKSPACE_ID)
            if not workspace:
                raise CredentialsError(f"{AWS_WORKSPACE_ID} is not set; the route aws needs it")
            headers["anthropic-workspace-id"] = workspace
        return headers


ROUTES: dict[str, Route] = {
    route.name: route
    for route in (
        Route(
            name="anthropic",
            base_url="https://api.anthropic.com",
            base_url_variable="ANTHROPIC_BASE_URL",
            signing_service=None,
            key_variables=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
        ),
        Route(
            name="aws",
            base_url="https://aws-external-anthropic.{region}.api.aws",
            base_url_variable="ANTHROPIC_AWS_BASE_URL",
            signing_service="aws-external-anthropic",
            key_variables=("ANTHROPIC_AWS_API_KEY",),
        ),
        Route(
            name="bedrock-mantle",
            base_url="https://bedrock-mantle.{region}.api.aws/anthropic",
            base_url_variable="ANTHROPIC_BEDROCK_MANTLE_BASE_URL",
            signing_service="bedrock-mantle",
            key_variables=("AWS_BEARER_TOKEN_BEDROCK", "ANTHROPIC_AWS_API_KEY"),
            allowed_headers=("anthropic-version",),
        ),
        Route(
            name="bedrock",
            base_url="https://bedrock-runtime.{region}.{suffix}",
            base_url_variable="ANTHROPIC_BEDROCK_BASE_URL",
            signing_service="bedrock",
            key_variables=("AWS_BEARER_TOKEN_BEDROCK",),
            path="/model/{model}/invoke",
            allowed_headers=(),
            versions=(INVOKE_MODEL_VERSION, "2026-10-21"),
            version_in_body=True,
        ),
        Route(
            name=CONVERSE,
            base_url="https://bedrock-runtime.{region}.{suffix}",
            base_url_variable="AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
            signing_service="bedrock",
            key_variables=("AWS_BEARER_TOKEN_BEDROCK",),
            path="/model/{model}/converse",
            allowed_headers=(),
            versions=(),
        ),
    )
}


def route_named(name: str) -> Route:
    """Return the route of that name.

    Raises
    ------
    SettingsError
        There is none.
    """
    if name not in ROUTES:
        raise SettingsError(f"unknown route {name!r}; write one of {', '.join(ROUTES)}")
    return ROUTES[name]
