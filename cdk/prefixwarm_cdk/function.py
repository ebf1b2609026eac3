"""The keep-warm function with its role, its log group and what starts it every minute."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Stack, Validations
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as events_targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from prefixwarm.core.dynamo import DUE_INDEX
from prefixwarm_cdk.assets import keepwarm_code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_dynamodb as dynamodb

__all__ = ["KeepWarmFunction"]

_HANDLER = "prefixwarm.keepwarm.handler.handler"
# A late or repeated tick is worth nothing: the next one comes within the minute.
_RETRIES = 0
_MAX_AGE = Duration.seconds(60)


class KeepWarmFunction(Construct):
    """Looks every minute what is due and warms it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        runtime: lambda_.Runtime,
        log_retention: logs.RetentionDays,
        tracing: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        self.log_group = logs.LogGroup(
            self, "Logs", retention=log_retention, removal_policy=RemovalPolicy.DESTROY
        )
        self.function = lambda_.Function(
            self,
            "Function",
            description="Keeps prompt-cache prefixes warm",
            code=keepwarm_code(self),
            handler=_HANDLER,
            runtime=runtime,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=512,
            timeout=Duration.seconds(60),
            retry_attempts=_RETRIES,
            max_event_age=_MAX_AGE,
            role=self._role(),
            log_group=self.log_group,
            tracing=lambda_.Tracing.ACTIVE if tracing else lambda_.Tracing.DISABLED,
        )
        self.undelivered = self._dead_letters()
        self._start_every_minute()
        self._start_after_deployments()

    def configure(self, environment: Mapping[str, str]) -> None:
        """Set environment variables."""
        for name, value in environment.items():
            self.function.add_environment(name, value)

    def grant_table(self, table: dynamodb.ITable) -> None:
        """Let it keep the state and the ledger."""
        self._allow(["dynamodb:GetItem", "dynamodb:UpdateItem"], [table.table_arn])
        self._allow(["dynamodb:Query"], [f"{table.table_arn}/index/{DUE_INDEX}"])

    def grant_objects(self, arns: Sequence[str]) -> None:
        """Let it read the manifest and the prefix files."""
        self._allow(["s3:GetObject"], arns)
        for arn in arns:
            if arn.endswith("*.json"):
                self._acknowledge(
                    f"IAM5[Resource::{_as_text(Stack.of(self).resolve(arn))}]",
                    "Objects of CDK's asset bucket, too many to list in a policy",
                )

    def grant_metrics(self) -> None:
        """Let it ask for the agents' invocations."""
        self._allow(["cloudwatch:GetMetricData"], ["*"])
        self._acknowledge("IAM5[Resource::*]", "cloudwatch:GetMetricData knows no resources")

    def grant_parameter(self, arn: str) -> None:
        """Let it read the parameter that stops it."""
        self._allow(["ssm:GetParameter"], [arn])

    def _allow(self, actions: Sequence[str], arns: Sequence[str]) -> None:
        iam.Grant.add_to_principal(
            grantee=self.function, actions=list(actions), resource_arns=list(arns)
        )

    def _acknowledge(self, rule: str, reason: str) -> None:
        """Answer a finding of cdk-nag, so that its users need not."""
        found = Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
        Validations.of(self).acknowledge(found)

    def _role(self) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            description="Keep-warm function of prefixwarm",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        self.log_group.grant_write(role)
        return role

    def _dead_letters(self) -> sqs.Queue:
        """Ticks that could not be delivered, with the reason; a tick itself holds nothing."""
        self._acknowledge("SQS3", "This is the schedule's dead-letter queue")
        return sqs.Queue(
            self,
            "Undelivered",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(4),
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _start_every_minute(self) -> None:
        scheduler.Schedule(
            self,
            "Schedule",
            description="When prefixwarm looks what is due",
            schedule=scheduler.ScheduleExpression.rate(Duration.minutes(1)),
            target=targets.LambdaInvoke(
                self.function,
                role=self._scheduler_role().without_policy_updates(),
                dead_letter_queue=self.undelivered,
                retry_attempts=_RETRIES,
                max_event_age=_MAX_AGE,
            ),
        )

    def _start_after_deployments(self) -> None:
        """So that new prefixes are warm before their first user comes.

        An event, and no custom resource: a provider that fails cannot fail the deployment.
        """
        events.Rule(
            self,
            "Deployed",
            description="Lets prefixwarm look what is due once its stack is deployed",
            event_pattern=events.EventPattern(
                source=["aws.cloudformation"],
                detail_type=["CloudFormation Stack Status Change"],
                detail={
                    "stack-id": [Stack.of(self).stack_id],
                    "status-details": {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]},
                },
            ),
            targets=[
                events_targets.LambdaFunction(
                    self.function, retry_attempts=_RETRIES, max_event_age=_MAX_AGE
                )
            ],
        )

    def _scheduler_role(self) -> iam.Role:
        """Not the target's own: that one may invoke every version and alias as well."""
        account = Stack.of(self).account
        principal = iam.ServicePrincipal(
            "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": account}}
        )
        role = iam.Role(
            self,
            "SchedulerRole",
            description="Starts the keep-warm function of prefixwarm",
            assumed_by=principal,
        )
        for action, arn in (
            ("lambda:InvokeFunction", self.function.function_arn),
            ("sqs:SendMessage", self.undelivered.queue_arn),
        ):
            iam.Grant.add_to_principal(grantee=role, actions=[action], resource_arns=[arn])
        return role


def _as_text(value: Any) -> str:
    """A resolved value as cdk-nag writes it: references in angle brackets."""
    if isinstance(value, str):
        return re.sub(r"\$\{(.+?)\}", r"<\1>", value)
    (function, argument), *_ = value.items()
    if function == "Fn::Join":
        return "".join(_as_text(part) for part in argument[1])
    return f"<{argument}>" if function == "Ref" else _as_text(argument)
