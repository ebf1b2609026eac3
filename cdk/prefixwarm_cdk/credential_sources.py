"""Sources of the warm calls' credentials, as references: no key ever enters a template."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from prefixwarm import settings
from prefixwarm.attach import grants
from prefixwarm.errors import UsageError
from prefixwarm.provider import federation, keys
from prefixwarm.provider.routes import AWS_WORKSPACE_ID, ROUTES
from prefixwarm_cdk import kinds
from prefixwarm_cdk.access import acknowledge, allow
from prefixwarm_cdk.inputs import takes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_secretsmanager as secretsmanager
    from aws_cdk import aws_ssm as ssm
    from constructs import IConstruct

    from prefixwarm.prefix.prefix_file import PrefixFile


_RUNTIME = ("bedrock", "bedrock-converse")
_POLICY = "PrefixWarmIdentity"
# The variable of each id, which the anthropic SDK reads as well.
_VARIABLES = {
    "federation_rule_id": keys.FEDERATION_RULE_ID,
    "organization_id": federation.ORGANIZATION_ID,
    "service_account_id": federation.SERVICE_ACCOUNT_ID,
    "workspace_id": federation.WORKSPACE_ID,
}
_IDS = {
    "federation_rule_id": kinds.pattern(r"fdrl_\w+", "fdrl_01Abc"),
    "organization_id": kinds.pattern(
        r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        "6d1f3a52-0000-4000-8000-000000000001",
    ),
    "service_account_id": kinds.pattern(r"svac_\w+", "svac_01Abc"),
    "workspace_id": kinds.pattern(r"wrkspc_\w+|default", "wrkspc_01Abc"),
}
_PLAIN = "the {} construct, so that the key stays out of the template"
_SECRET = {"secret": kinds.construct("secret_arn", _PLAIN.format("secretsmanager.Secret"))}
_PARAMETER = {"parameter": kinds.construct("parameter_name", _PLAIN.format("ssm.StringParameter"))}
_WORKSPACE_ID = {"workspace_id": kinds.text("wrkspc_01Abc", tokens=True)}


class Credentials(ABC):
    """Credentials of the warm calls.

    Make one with `secret`, `ssm_parameter`, `function_role` or `workload_identity`.
    """

    @staticmethod
    @takes("Credentials.secret", _SECRET)
    def secret(secret: secretsmanager.ISecret) -> Credentials:
        """Use an API key in Secrets Manager: the key itself, or JSON with the field ``api_key``.

        The keep-warm function and every attached function may read it.
        """
        return _Stored(secret, secret.secret_arn)

    @staticmethod
    @takes("Credentials.ssm_parameter", _PARAMETER)
    def ssm_parameter(parameter: ssm.IStringParameter) -> Credentials:
        """Use an API key in an SSM parameter, preferably a SecureString."""
        return _Stored(parameter, parameter.parameter_name)

    @staticmethod
    @takes("Credentials.function_role", _WORKSPACE_ID)
    def function_role(*, workspace_id: str | None = None) -> Credentials:
        """Sign with the function's own role, without a stored key; for the AWS routes.

        Parameters
        ----------
        workspace_id
            Workspace on Claude Platform on AWS, ``wrkspc_...``; only for the route ``aws``.
        """
        return _FunctionRole(workspace_id)

    @staticmethod
    @takes("Credentials.workload_identity", _IDS)
    def workload_identity(
        *,
        federation_rule_id: str,
        organization_id: str,
        service_account_id: str | None = None,
        workspace_id: str | None = None,
    ) -> Credentials:
        """Use the Claude API without a stored key: AWS signs the function's identity.

        The account's outbound web identity federation must be on, and the federation rule must
        match the roles of the keep-warm function and of every attached function.

        Parameters
        ----------
        federation_rule_id
            From the Claude Console, ``fdrl_...``.
        organization_id
            The organization's UUID.
        service_account_id
            ``svac_...``. Default: the rule's.
        workspace_id
            ``wrkspc_...`` or ``default``: the workspace whose cache is warmed; must be the
            agent's. Default: the rule's.

        Raises
        ------
        UsageError
            An id has another form.
        """
        ids = {
            "federation_rule_id": federation_rule_id,
            "organization_id": organization_id,
            "service_account_id": service_account_id,
            "workspace_id": workspace_id,
        }
        return _WorkloadIdentity({name: value for name, value in ids.items() if value})

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The variables through which the deployed code finds the credentials."""

    @abstractmethod
    def check(self, files: Iterable[PrefixFile]) -> None:
        """Refuse prefixes that these credentials cannot reach.

        Raises
        ------
        UsageError
            The message names the prefix and suitable credentials.
        """

    @abstractmethod
    def grant(self, function: lambda_.Function, files: Iterable[PrefixFile]) -> None:
        """Allow a function to use them for these prefixes."""

    @abstractmethod
    def owners(self) -> tuple[IConstruct, ...]:
        """The constructs that hold keys, if the app itself creates them."""


class _Stored(Credentials):
    """A stored key, read at run time."""

    def __init__(
        self, holder: secretsmanager.ISecret | ssm.IStringParameter, reference: str
    ) -> None:
        self._holder = holder
        self._reference = reference

    def environment(self) -> dict[str, str]:
        return {settings.API_KEY_SECRET: self._reference}

    def check(self, files: Iterable[PrefixFile]) -> None:
        """Refuse prefixes of routes that need different keys."""
        first: PrefixFile | None = None
        for file in files:
            first = first or file
            if not _share_a_key(first.route, file.route):
                raise UsageError(
                    f"prefixes {first.name} and {file.name}: the routes {first.route!r} and "
                    f"{file.route!r} need different keys; give credentials by route: "
                    f'{{"{first.route}": ..., "{file.route}": ...}}'
                )

    def grant(self, function: lambda_.Function, files: Iterable[PrefixFile]) -> None:
        del files
        self._holder.grant_read(function)

    def owners(self) -> tuple[IConstruct, ...]:
        return (self._holder,) if self._holder.node.default_child else ()


class _FunctionRole(Credentials):
    """Signatures with the function's own role."""

    def __init__(self, workspace_id: str | None) -> None:
        self._workspace_id = workspace_id

    def environment(self) -> dict[str, str]:
        return {AWS_WORKSPACE_ID: self._workspace_id} if self._workspace_id else {}

    def check(self, files: Iterable[PrefixFile]) -> None:
        for file in files:
            if file.route == "anthropic":
                raise UsageError(
                    f"prefix {file.name}: the route 'anthropic' does not accept AWS signatures; "
                    "use Credentials.workload_identity(...), .secret(...) or .ssm_parameter(...)"
                )
            if file.route == "aws" and not self._workspace_id:
                raise UsageError(
                    f"prefix {file.name}: the route 'aws' needs a workspace; "
                    "use Credentials.function_role(workspace_id='wrkspc_...')"
                )

    def grant(self, function: lambda_.Function, files: Iterable[PrefixFile]) -> None:
        files, stack = list(files), Stack.of(function)
        place = grants.Place(stack.partition, stack.region, stack.account)
        allow(function, *grants.models(files, place, self._workspace_id))
        for model in sorted({file.model for file in files if file.route in _RUNTIME}):
            arn = f"arn:<AWS::Partition>:bedrock:*::foundation-model/{model.partition('.')[2]}"
            reason = "An inference profile calls its model in any of its regions"
            acknowledge(function.role or function, f"IAM5[Resource::{arn}]", reason)

    def owners(self) -> tuple[IConstruct, ...]:
        return ()


class _WorkloadIdentity(Credentials):
    """Access tokens in exchange for identity tokens that AWS signs."""

    def __init__(self, ids: dict[str, str]) -> None:
        self._ids = ids

    def environment(self) -> dict[str, str]:
        return {_VARIABLES[name]: value for name, value in self._ids.items()}

    def check(self, files: Iterable[PrefixFile]) -> None:
        for file in files:
            if file.route != "anthropic":
                raise UsageError(
                    f"prefix {file.name}: the route {file.route!r} has no federation; its calls "
                    "are signed: use Credentials.function_role()"
                )

    def grant(self, function: lambda_.Function, files: Iterable[PrefixFile]) -> None:
        """A separate policy, so that the acknowledged wildcard applies only to it."""
        del files
        if function.role is None or function.node.try_find_child(_POLICY):
            return
        statement = iam.PolicyStatement.from_json(grants.web_identity().statement())
        policy = iam.Policy(function, _POLICY, statements=[statement], roles=[function.role])
        reason = "sts:GetWebIdentityToken has no resources; its audience is fixed"
        acknowledge(policy, "IAM5[Resource::*]", reason)

    def owners(self) -> tuple[IConstruct, ...]:
        return ()


def _share_a_key(one: str, other: str) -> bool:
    """Whether one key can authenticate both routes."""
    return bool({*ROUTES[one].key_variables} & {*ROUTES[other].key_variables})
