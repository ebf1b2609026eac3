"""The minimum IAM permissions of an attached function, as statements.

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
    """Partition, region and account of ARNs; may hold CDK tokens."""

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
        """Return an ARN here, or in another region or account."""
        own_region = self.region if region is None else region
        own_account = self.account if account is None else account
        return f"arn:{self.partition}:{service}:{own_region}:{own_account}:{resource}"


@dataclass(frozen=True)
class Grant:
    """One allowing statement."""

    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Mapping[str, Any] | None = None

    def statement(self) -> dict[str, Any]:
        """The statement in a policy's form."""
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
        }
        return statement | ({"Condition": dict(self.conditions)} if self.conditions else {})


def state(table_arn: str, keys: Sequence[str], runtime: str) -> Grant:
    """Allow reading and leasing the states with these keys, and nothing else in the table.

    A runtime that can only ask for warm calls needs no lease.
    """
    work = ["dynamodb:GetItem", "dynamodb:UpdateItem"] if runtimes.may_warm(runtime) else []
    ask = ["dynamodb:BatchGetItem"] if runtimes.asks(runtime) else []
    condition = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(keys)}}
    return Grant([*work, *ask], [table_arn], condition)


def table_key(key_arn: str, region: str) -> Grant:
    """Allow using a table's KMS key to read and write the table, and for nothing else."""
    service = f"dynamodb.{region}.amazonaws.com"
    return Grant(_KEY_ACTIONS, [key_arn], {"StringEquals": {"kms:ViaService": service}})


def web_identity() -> Grant:
    """Allow identity tokens for the Claude API alone, with at most the requested lifetime."""
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
    """Allow invoking the keep-warm function, but not its versions and aliases."""
    return Grant(["lambda:InvokeFunction"], [function_arn])


def models(files: Iterable[PrefixFile], place: Place, workspace_id: str | None) -> list[Grant]:
    """Allow calling the models of these prefixes with the function's own role.

    Parameters
    ----------
    workspace_id
        The workspace on Claude Platform on AWS; only the route ``aws`` needs it.
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
    """The inference profile and, as its calls need it, the model in the profile's regions."""
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
    """The guardrail of a Converse request; its caller needs permission to apply it."""
    named = (file.request.get("guardrailConfig") or {}).get("guardrailIdentifier")
    if not named or named.startswith("arn:"):
        return named or None
    return place.arn("bedrock", f"guardrail/{named}")
