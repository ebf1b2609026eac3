"""Keys and tokens that authenticate a request, and where they come from."""

from __future__ import annotations

from prefixwarm.errors import CredentialsError
from prefixwarm.provider.routes import ROUTES
from prefixwarm.wire.credentials import fetch_secret
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from prefixwarm.wire.aws import AwsClient
    from prefixwarm.wire.deadline import Deadline

    class KeySource(Protocol):
        """The source of a key that is not in the environment."""

        def current(self, deadline: Deadline) -> Bearer:
            """Return the latest key; raise CredentialsError if there is none."""

        def forget(self, refused: Bearer) -> None:
            """Never return this key again: it was refused."""


# The anthropic SDK's name for it; if it is set, keys come from workload identity.
FEDERATION_RULE_ID = "ANTHROPIC_FEDERATION_RULE_ID"

_BETA = "anthropic-beta"


class Bearer(Record):
    """A key or access token; `beta` is the beta flag that its requests need, if any."""

    key: str
    beta: str = ""

    def __repr__(self) -> str:
        return "Bearer(...)"

    def added_to(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers plus those that authenticate.

        Raises
        ------
        CredentialsError
            The key cannot be used in a header.
        """
        if not (self.key.isascii() and self.key.isprintable()):
            raise CredentialsError("the API key has line breaks or is not ASCII; set it again")
        added = {**headers, "Authorization": f"Bearer {self.key}"}
        flags = [flag.strip() for flag in headers.get(_BETA, "").split(",") if flag.strip()]
        if self.beta and self.beta not in flags:
            added[_BETA] = ",".join([*flags, self.beta])
        return added


class StoredKey:
    """The API key in a secret or parameter, fetched once, and again after a refusal."""

    def __init__(self, reference: str, aws: AwsClient) -> None:
        self.reference = reference
        self._aws = aws
        self._held: Bearer | None = None

    def current(self, deadline: Deadline) -> Bearer:
        """Return the key.

        Raises
        ------
        CredentialsError
            It cannot be fetched.
        """
        held = self._held
        if held is None:
            held = self._held = Bearer(key=fetch_secret(self.reference, self._aws, deadline))
        return held

    def forget(self, refused: Bearer) -> None:
        """Fetch again next time: the key was refused, so it may have rotated."""
        if refused is self._held:
            self._held = None


def stored_keys(references: str | None, aws: AwsClient) -> dict[str, StoredKey]:
    """Return the stored keys by route; the empty name holds the key for all other routes.

    Parameters
    ----------
    references
        The Secrets Manager ARN or SSM parameter of one key for all routes, or several
        ``ROUTE=REFERENCE`` separated by blanks.
    """
    named = references_by_route(references or "")
    return {route: StoredKey(reference, aws) for route, reference in named.items()}


def references_by_route(text: str) -> dict[str, str]:
    """Return the references of `stored_keys` by route, before anything is fetched.

    Only a route's name makes an equals sign a separator: a secret's own name may hold one.
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
    """
    named = {}
    for entry in text.split():
        route, equals, reference = entry.partition("=")
        if equals and route in ROUTES:
            named[route] = reference
        else:
            named[""] = entry
    return named
