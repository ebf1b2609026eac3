"""What authenticates a request in its header, and where it comes from."""

from __future__ import annotations

from prefixwarm.errors import CredentialsError
from prefixwarm.wire.credentials import fetch_secret
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from prefixwarm.wire.aws import AwsClient
    from prefixwarm.wire.deadline import Deadline

    class KeySource(Protocol):
        """Where a key comes from that the environment does not hold."""

        def current(self, deadline: Deadline) -> Bearer:
            """The latest key; raise CredentialsError when there is none."""

        def forget(self, refused: Bearer) -> None:
            """This one was refused: do not return it again."""


# Under which the anthropic SDK knows it: where it is set, keys come by workload identity.
FEDERATION_RULE_ID = "ANTHROPIC_FEDERATION_RULE_ID"

_BETA = "anthropic-beta"


class Bearer(Record):
    """A key or an access token; `beta` is the flag that requests with it need, if any."""

    key: str
    beta: str = ""

    def __repr__(self) -> str:
        return "Bearer(...)"

    def added_to(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers, and those that authenticate.

        Raises
        ------
        CredentialsError
            When the key cannot stand in a header.
        """
        if not (self.key.isascii() and self.key.isprintable()):
            raise CredentialsError("the API key holds line breaks or is not ASCII; set it anew")
        added = {**headers, "Authorization": f"Bearer {self.key}"}
        flags = [flag.strip() for flag in headers.get(_BETA, "").split(",") if flag.strip()]
        if self.beta and self.beta not in flags:
            added[_BETA] = ",".join([*flags, self.beta])
        return added


class StoredKey:
    """The API key in a secret or parameter, fetched once and again after a refusal."""

    def __init__(self, reference: str, aws: AwsClient) -> None:
        self._reference = reference
        self._aws = aws
        self._held: Bearer | None = None

    def current(self, deadline: Deadline) -> Bearer:
        """The key.

        Raises
        ------
        CredentialsError
            When it cannot be fetched.
        """
        held = self._held
        if held is None:
            held = self._held = Bearer(key=fetch_secret(self._reference, self._aws, deadline))
        return held

    def forget(self, refused: Bearer) -> None:
        """Fetch anew: the key was refused, as it may have rotated."""
        if refused is self._held:
            self._held = None


def stored_keys(references: str | None, aws: AwsClient) -> dict[str, StoredKey]:
    """The stored keys by route; under an empty name the one that holds for every other route.

    Parameters
    ----------
    references
        The Secrets Manager ARN or SSM parameter of one key for all routes, or several of the form
        ``ROUTE=REFERENCE`` with blanks between them.
    """
    keys = {}
    for entry in (references or "").split():
        route, _, reference = entry.rpartition("=")
        keys[route] = StoredKey(reference, aws)
    return keys
