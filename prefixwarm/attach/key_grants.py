"""The permissions with which an attached function fetches its credentials for warm calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.attach import grants
from prefixwarm.attach.aws_errors import aws_errors
from prefixwarm.attach.deployed import client_of
from prefixwarm.attach.grants import Grant
from prefixwarm.provider.keys import FEDERATION_RULE_ID, references_by_route
from prefixwarm.provider.routes import AWS_WORKSPACE_ID, route_named
from prefixwarm.settings import API_KEY_SECRET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import boto3

    from prefixwarm.attach.grants import Place
    from prefixwarm.prefix.prefix_file import PrefixFile


# AWS's own key for parameters, which needs no grant.
_OWN_KEY = "alias/aws/ssm"


def credential_grants(
    environment: Mapping[str, str],
    files: Sequence[PrefixFile],
    place: Place,
    session: boto3.Session,
) -> list[Grant]:
    """Return the permissions a function needs to authenticate calls of these prefixes.

    Parameters
    ----------
    environment
        The variables through which the deployment's functions find their credentials.

    Raises
    ------
    UsageError
        A secret or parameter named there does not exist.
    DeploymentError
        AWS does not reveal which KMS key encrypts it.
    """
    references = references_by_route(environment.get(API_KEY_SECRET, ""))
    routes = sorted({file.route for file in files})
    stored = {references.get(route) or references.get("") for route in routes} - {None}
    own: list[Grant] = []
    for reference in sorted(filter(None, stored)):
        own += _stored(reference, place, session)
    if environment.get(FEDERATION_RULE_ID) and "anthropic" in routes:
        own.append(grants.web_identity())
    keyless = [file for file in files if _signs(file.route, references)]
    return own + grants.models(keyless, place, environment.get(AWS_WORKSPACE_ID))


def _signs(route: str, references: Mapping[str, str]) -> bool:
    """Whether calls of this route are signed with the function's own role."""
    stored = route in references or "" in references
    return route_named(route).signing_service is not None and not stored


def _stored(reference: str, place: Place, session: boto3.Session) -> list[Grant]:
    with aws_errors(f"{API_KEY_SECRET} {reference}"):
        if ":secretsmanager:" in reference:
            secret = client_of(session, "secretsmanager").describe_secret(SecretId=reference)
            allowed = Grant(["secretsmanager:GetSecretValue"], [secret["ARN"]])
            return [allowed, *_decrypt(secret.get("KmsKeyId"), "secretsmanager", place, session)]
        name = reference.rpartition(":parameter/")[2] if reference.startswith("arn:") else reference
        arn = place.arn("ssm", f"parameter/{name.removeprefix('/')}")
        return [
            Grant(["ssm:GetParameter"], [arn]),
            *_decrypt(_key_of_parameter(reference, name, session), "ssm", place, session),
        ]


def _key_of_parameter(reference: str, name: str, session: boto3.Session) -> str | None:
    wanted = f"/{name}" if reference.startswith("arn:") and "/" in name else name
    filters: Any = [{"Key": "Name", "Option": "Equals", "Values": [wanted]}]
    (parameter, *_) = client_of(session, "ssm").describe_parameters(ParameterFilters=filters)[
        "Parameters"
    ] or [{}]
    key = parameter.get("KeyId")
    return None if key == _OWN_KEY else key


def _decrypt(key: str | None, service: str, place: Place, session: boto3.Session) -> list[Grant]:
    """Allow using the KMS key that encrypts it, unless it is AWS's own."""
    if not key:
        return []
    if key.startswith("alias/") or ":alias/" in key:
        key = str(client_of(session, "kms").describe_key(KeyId=key)["KeyMetadata"]["Arn"])
    arn = key if key.startswith("arn:") else place.arn("kms", f"key/{key}")
    through = {"StringEquals": {"kms:ViaService": f"{service}.{place.region}.amazonaws.com"}}
    return [Grant(["kms:Decrypt"], [arn], through)]
