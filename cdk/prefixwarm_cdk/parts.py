"""What the keep-warm function and its workers have in common: code, role, log group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs

from prefixwarm_cdk.assets import keepwarm_code

if TYPE_CHECKING:
    from constructs import Construct

__all__ = ["Runtime", "dead_letters", "keepwarm_lambda"]


@dataclass(frozen=True)
class Runtime:
    """What the user chose for both."""

    runtime: lambda_.Runtime
    log_retention: logs.RetentionDays
    tracing: bool


def keepwarm_lambda(
    scope: Construct, options: Runtime, *, role_for: str, timeout: Duration, **own: Any
) -> lambda_.Function:
    """A function of the keep-warm code in `scope`, with a role and a log group of its own."""
    log_group = logs.LogGroup(
        scope, "Logs", retention=options.log_retention, removal_policy=RemovalPolicy.DESTROY
    )
    role = iam.Role(
        scope,
        "Role",
        description=f"{role_for} of prefixwarm",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
    )
    log_group.grant_write(role)
    return lambda_.Function(
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
        **own,
    )


def dead_letters(scope: Construct, construct_id: str) -> sqs.Queue:
    """A queue for what nobody could take, kept for four days."""
    return sqs.Queue(
        scope,
        construct_id,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(4),
        removal_policy=RemovalPolicy.DESTROY,
    )
