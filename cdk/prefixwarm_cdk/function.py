"""The keep-warm function with its role, log group and schedule."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as events_targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from prefixwarm import settings
from prefixwarm.attach.grants import Grant
from prefixwarm.state.changes import DUE_INDEX
from prefixwarm_cdk import kinds
from prefixwarm_cdk.access import acknowledge, allow
from prefixwarm_cdk.inputs import takes
from prefixwarm_cdk.lambda_function import dead_letters, keepwarm_lambda
from prefixwarm_cdk.workers import Workers
from prefixwarm_layer.layout import KEEPWARM_HANDLER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_lambda as lambda_

    from prefixwarm_cdk.lambda_function import FunctionOptions


# The source of events that ask for warm calls.
_ASK_SOURCE = "prefixwarm.ask"
# A late or repeated tick is useless: the next one comes within the minute.
_RETRIES = 0
_MAX_AGE = Duration.seconds(60)


class KeepWarmFunction(Construct):
    """Checks every minute which prefixes are due and warms them."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        options: FunctionOptions,
        *,
        workers: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = keepwarm_lambda(
            self,
            options,
            role_for="Keep-warm function",
            description="Keeps prompt-cache prefixes warm",
            handler=KEEPWARM_HANDLER,
            timeout=Duration.seconds(60),
            retry_attempts=_RETRIES,
            max_event_age=_MAX_AGE,
            reserved_concurrent_executions=options.reserved_concurrency,
        )
        acknowledge(self, "SQS3", "This is a dead-letter queue")
        self.workers = self._with_workers(options) if workers else None
        # Undeliverable ticks with the reason; a tick itself has no content.
        self.undelivered = dead_letters(self, "Undelivered")
        self._start_every_minute()
        self._start_after_deployments()

    @property
    def functions(self) -> tuple[lambda_.Function, ...]:
        """All functions that make warm calls: this one and its workers, if any."""
        return (self.function, self.workers.function) if self.workers else (self.function,)

    @takes("configure", {"environment": kinds.variables()})
    def configure(self, environment: Mapping[str, str]) -> None:
        """Set environment variables."""
        for function in self.functions:
            for name, value in environment.items():
                function.add_environment(name, value)

    def grant_table(self, table: dynamodb.ITable) -> None:
        """Allow them to use the state and the ledger; only the tick queries what is due."""
        self._allow(["dynamodb:GetItem", "dynamodb:UpdateItem"], [table.table_arn])
        _grant(self.function, "dynamodb:Query", f"{table.table_arn}/index/{DUE_INDEX}")

    def grant_objects(self, arns: Sequence[str]) -> None:
        """Allow them to read the manifest and the prefix files."""
        self._allow(["s3:GetObject"], arns)
        for arn in arns:
            if "*" in arn:
                acknowledge(
                    self,
                    f"IAM5[Resource::{_as_text(Stack.of(self).resolve(arn))}]",
                    "Prefix files in CDK's asset bucket, by name: all versions of each",
                )

    def grant_metrics(self) -> None:
        """Allow the tick to query the agents' invocations."""
        _grant(self.function, "cloudwatch:GetMetricData", "*")
        acknowledge(self, "IAM5[Resource::*]", "cloudwatch:GetMetricData knows no resources")

    def grant_invoke(self, grantee: iam.IGrantable) -> None:
        """Allow a grantee to invoke the function, but not its versions and aliases."""
        _grant(grantee, "lambda:InvokeFunction", self.function.function_arn)

    def answer_events(self, event_bus: events.IEventBus | None) -> events.Rule:
        """Accept asks as events on a bus, by default the account's default bus."""
        return events.Rule(
            self,
            f"Asked{event_bus.node.addr[-8:]}" if event_bus else "Asked",
            description="Asks prefixwarm for warm calls",
            event_bus=event_bus,
            event_pattern=events.EventPattern(source=[_ASK_SOURCE]),
            targets=[self._event_target()],
        )

    def grant_parameter(self, arn: str) -> None:
        """Allow them to read the kill switch parameter."""
        self._allow(["ssm:GetParameter"], [arn])

    def _allow(self, actions: Sequence[str], arns: Sequence[str]) -> None:
        for function in self.functions:
            allow(function, Grant(actions, arns))

    def _with_workers(self, options: FunctionOptions) -> Workers:
        """Add workers, which take over the calls beyond one tick."""
        workers = Workers(self, "Workers", options)
        self.function.add_environment(settings.QUEUE, workers.queue.queue_url)
        _grant(self.function, "sqs:SendMessage", workers.queue.queue_arn)
        return workers

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
        """Start a tick after deployments, so that new prefixes are warm before the first user.

        Uses an event instead of a custom resource, so that a failing provider cannot fail the
        deployment.
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
            targets=[self._event_target()],
        )

    def _event_target(self) -> events_targets.LambdaFunction:
        return events_targets.LambdaFunction(
            self.function,
            dead_letter_queue=self.undelivered,
            retry_attempts=_RETRIES,
            max_event_age=_MAX_AGE,
        )

    def _scheduler_role(self) -> iam.Role:
        """A separate role, because the target's own may invoke every version and alias."""
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
        self.grant_invoke(role)
        _grant(role, "sqs:SendMessage", self.undelivered.queue_arn)
        return role


def _grant(grantee: iam.IGrantable, action: str, arn: str) -> None:
    allow(grantee, Grant([action], [arn]))


def _as_text(value: Any) -> str:
    """A resolved value in cdk-nag's form, with references in angle brackets."""
    if isinstance(value, str):
        return re.sub(r"\$\{(.+?)\}", r"<\1>", value)
    (function, argument), *_ = value.items()
    if function == "Fn::Join":
        return "".join(_as_text(part) for part in argument[1])
    return f"<{argument}>" if function == "Ref" else _as_text(argument)
