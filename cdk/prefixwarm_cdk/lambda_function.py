"""Makes a Lambda function from the keep-warm code, with its role and log group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs

from prefixwarm_cdk.access import acknowledge
from prefixwarm_cdk.assets import keepwarm_code
from prefixwarm_cdk.inputs import argument_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_kms as kms
    from constructs import Construct


# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
_NETWORK_ACTIONS = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)


def network(
    vpc: ec2.IVpc | None,
    subnets: ec2.SubnetSelection | None,
    security_groups: Sequence[ec2.ISecurityGroup] | None,
) -> dict[str, Any]:
    """The arguments that place a function in a VPC; none without a VPC.

    Raises
    ------
    UsageError
        Subnets or security groups are given without a VPC.
    """
    within = {"vpc_subnets": subnets, "security_groups": security_groups}
    if vpc:
        return {"vpc": vpc, **within}
    for name, value in within.items():
        if value is not None:
            raise argument_error("PrefixWarmer", name, "is of no use without vpc=...; pass it too")
    return {}


@dataclass(frozen=True)
class FunctionOptions:
    """The user's options for the keep-warm function and its workers."""

    runtime: lambda_.Runtime
    log_retention: logs.RetentionDays
    tracing: bool
    network: Mapping[str, Any]
    encryption_key: kms.IKey | None = None
    reserved_concurrency: int | None = None


def keepwarm_lambda(
    scope: Construct, options: FunctionOptions, *, role_for: str, timeout: Duration, **own: Any
) -> lambda_.Function:
    """Make a function from the keep-warm code in `scope`, with its own role and log group."""
    log_group = _log_group(scope, options)
    role = iam.Role(
        scope,
        "Role",
        description=f"{role_for} of prefixwarm",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
    )
    log_group.grant_write(role)
    function = lambda_.Function(
        scope,
        "Function",
        code=keepwarm_code(scope),
        runtime=options.runtime,
        architecture=lambda_.Architecture.ARM_64,
        memory_size=512,
        timeout=timeout,
        role=role,
        log_group=log_group,
        tracing=lambda_.Tracing.ACTIVE if options.tracing else lambda_.Tracing.DISABLED,
        **options.network,
        **own,
    )
    if options.network:
        function.node.add_dependency(_network_policy(scope, role))
    return function


def _log_group(scope: Construct, options: FunctionOptions) -> logs.LogGroup:
    key = options.encryption_key
    log_group = logs.LogGroup(
        scope,
        "Logs",
        retention=options.log_retention,
        removal_policy=RemovalPolicy.DESTROY,
        encryption_key=key,
    )
    if key:
        # Allowed in the key's policy if the app creates the key; the owner of an imported key must
        # allow it:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        key.grant_encrypt_decrypt(
            iam.ServicePrincipal(f"logs.{Stack.of(scope).region}.amazonaws.com")
        )
    return log_group


def _network_policy(scope: Construct, role: iam.Role) -> iam.Policy:
    """The policy for network interfaces; Lambda creates them first, so none can be named."""
    statement = iam.PolicyStatement(actions=list(_NETWORK_ACTIONS), resources=["*"])
    policy = iam.Policy(scope, "Network", statements=[statement], roles=[role])
    reason = "Lambda makes the network interfaces of a VPC's functions with their role"
    acknowledge(policy, "IAM5[Resource::*]", reason)
    return policy


def dead_letters(scope: Construct, construct_id: str) -> sqs.Queue:
    """A dead-letter queue, kept for four days."""
    return sqs.Queue(
        scope,
        construct_id,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(4),
        removal_policy=RemovalPolicy.DESTROY,
    )
