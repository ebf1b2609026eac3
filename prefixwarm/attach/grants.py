"""The least that an attached function must be allowed, as IAM statements.

The construct and the command grant the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from prefixwarm.attach import runtimes
from prefixwarm.provider import identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from prefixwarm.prefix.prefix_file import PrefixFile


_INFERENCE = {
    "aws": "aws-external-anthropic:CreateInference",
    "bedrock-mantle": "bedrock-mantle:CreateInference",
    "bedrock": "bedrock:InvokeModel",
    "bedrock-converse": "bedrock:InvokeModel",
}
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
_KEY_ACTIONS = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey")


class Place(NamedTuple):
    """Where ARNs are; may hold tokens of CDK."""

    partition: str
    region: str
    account: str

    def arn(
        self,
        service: str,
        resource: str,
        *,
        region: str | None = None,
        account: str | None = None,
    ) -> str:
        """An ARN here, or of another region or account."""
        own_region = self.region if region is None else region
        own_account = self.account if account is None else account
        return f"arn:{self.partition}:{service}:{own_region}:{own_account}:{resource}"


@dataclass(frozen=True)
class Grant:
    """One statement that allows."""

    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Mapping[str, Any] | None = None

    def statement(self) -> dict[str, Any]:
        """As a policy holds it."""
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
        }
        return statement | ({"Condition": dict(self.conditions)} if self.conditions else {})


def state(table_arn: str, keys: Sequence[str], runtime: str) -> Grant:
    """Read and lease the states of these keys, and nothing else of the table.

    Where the runtime can only ask for a warm call, it need not lease.
    """
    work = ["dynamodb:GetItem", "dynamodb:UpdateItem"] if runtimes.may_warm(runtime) else []
    ask = ["dynamodb:BatchGetItem"] if runtimes.asks(runtime) else []
    condition = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(keys)}}
    return Grant([*work, *ask], [table_arn], condition)


def table_key(key_arn: str, region: str) -> Grant:
    """Read and write a table that this KMS key encrypts, and nothing else with it."""
    service = f"dynamodb.{region}.amazonaws.com"
    return Grant(_KEY_ACTIONS, [key_arn], {"StringEquals": {"kms:ViaService": service}})


def web_identity() -> Grant:
    """Tokens for the Claude API alone, and no longer lived than the ones that are asked for."""
    audience = "sts:IdentityTokenAudience"
    return Grant(
        ["sts:GetWebIdentityToken"],
        ["*"],
        {
            "ForAllValues:StringEquals": {audience: [identity.AUDIENCE]},
            "Null": {audience: "false"},
            "NumericLessThanEquals": {"sts:DurationSeconds": identity.LIFETIME_SECONDS},
        },
    )


def ask(function_arn: str) -> Grant:
    """Invoke the keep-warm function, but none of its versions and aliases."""
    return Grant(["lambda:InvokeFunction"], [function_arn])


def models(files: Iterable[PrefixFile], place: Place, workspace_id: str | None) -> list[Grant]:
    """Call the models of these prefixes with the function's own role.

    Parameters
    ----------
    workspace_id
        On Claude Platform on AWS; needed by the route ``aws`` only.
    """
    arns: dict[str, set[str]] = {}
    for file in sorted(files, key=lambda file: file.route):
        resources = _called(file, place, workspace_id)
        arns.setdefault(_INFERENCE[file.route], set()).update(resources)
        if guardrail := _guardrail(file, place):
            arns.setdefault("bedrock:ApplyGuardrail", set()).add(guardrail)
    return [Grant([action], sorted(resources)) for action, resources in arns.items()]


def _called(file: PrefixFile, place: Place, workspace_id: str | None) -> list[str]:
    if file.route == "aws":
        return [place.arn("aws-external-anthropic", f"workspace/{workspace_id}")]
    if file.route == "bedrock-mantle":
        return [place.arn("bedrock-mantle", "project/default")]
    return _model_arns(place, file.model)


def _model_arns(place: Place, model: str) -> list[str]:
    """The inference profile and, as its calls need, the model in the regions it spreads over."""
    if model.startswith("arn:"):
        return [model]
    geography, _, bare = model.partition(".")
    if geography == "anthropic":
        return [place.arn("bedrock", f"foundation-model/{model}", account="")]
    return [
        place.arn("bedrock", f"inference-profile/{model}"),
        place.arn("bedrock", f"foundation-model/{bare}", account="", region="*"),
    ]


def _guardrail(file: PrefixFile, place: Place) -> str | None:
    """The guardrail that a Converse request names, which its caller must be allowed to apply."""
    named = (file.request.get("guardrailConfig") or {}).get("guardrailIdentifier")
    if not named or named.startswith("arn:"):
        return named or None
    return place.arn("bedrock", f"guardrail/{named}")
