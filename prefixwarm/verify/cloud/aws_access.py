"""The account that is verified in, as boto3 and the CDK CLI reach it."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING, Any

from prefixwarm.attach.aws_errors import aws_errors
from prefixwarm.errors import CredentialsError, DeploymentError

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config

_BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
# Where AWS is, beside keys and region: endpoints of one's own and their certificates.
_PLACE = ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_USE_FIPS_ENDPOINT")


class AwsAccess:
    """Clients of the account, made once each, for any thread.

    Attributes
    ----------
    account, region, caller : str
        Whose account, which region, and who asks.

    Raises
    ------
    CredentialsError
        When there are no credentials or no region.
    """

    def __init__(self, session: boto3.Session) -> None:
        self._session: Any = session
        self._clients: dict[str, Any] = {}
        self._creating = Lock()
        if not session.region_name:
            raise CredentialsError("AWS: no region is named: set AWS_REGION, or give --region")
        self.region: str = session.region_name
        with aws_errors("AWS"):
            identity = self.client("sts").get_caller_identity()
        self.account: str = identity["Account"]
        self.caller: str = identity["Arn"]

    def client(self, service: str) -> Any:
        """The low-level client of a service."""
        with self._creating:
            if service not in self._clients:
                self._clients[service] = self._session.client(service, config=_patient())
            return self._clients[service]

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

    def require_bootstrap(self) -> None:
        """Check that the CDK can deploy here.

        Raises
        ------
        DeploymentError
            When it cannot; the message says how to prepare the account.
        """
        try:
            with aws_errors("ssm"):
                self.client("ssm").get_parameter(Name=_BOOTSTRAP_VERSION)
        except DeploymentError as error:
            raise DeploymentError(
                f"the CDK has not been set up in account {self.account}, region {self.region}: run "
                f"`npx cdk bootstrap aws://{self.account}/{self.region}` first ({error})"
            ) from error

    def variables(self) -> dict[str, str]:
        """Environment variables that lead another program to the same account."""
        keys = self._session.get_credentials()
        if keys is None:
            raise CredentialsError("AWS: no credentials")
        frozen = keys.get_frozen_credentials()
        token = {"AWS_SESSION_TOKEN": frozen.token} if frozen.token else {}
        place = {name: os.environ[name] for name in os.environ if name.startswith(_PLACE)}
        return {
            **place,
            **dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), self.region),
            "AWS_ACCESS_KEY_ID": str(frozen.access_key),
            "AWS_SECRET_ACCESS_KEY": str(frozen.secret_key),
            **token,
        }


def _patient() -> Config:
    """Not to invoke a function twice that takes its time, and to wait where AWS is busy."""
    from botocore.config import Config

    return Config(read_timeout=180, retries={"mode": "standard", "max_attempts": 8})
