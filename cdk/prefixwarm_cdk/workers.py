"""Workers, which make the calls beyond one tick of the keep-warm function, through SQS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from prefixwarm_cdk.lambda_function import dead_letters, keepwarm_lambda
from prefixwarm_layer.layout import WORKER_HANDLER

if TYPE_CHECKING:
    from prefixwarm_cdk.lambda_function import FunctionOptions


_TIMEOUT = Duration.seconds(45)
_RECEIVES = 3
# With ten messages each: a hundred concurrent calls.
_SIDE_BY_SIDE = 10
_BATCH = 10


class Workers(Construct):
    """A queue of warm calls, and the function that makes them."""

    def __init__(self, scope: Construct, construct_id: str, options: FunctionOptions) -> None:
        super().__init__(scope, construct_id)
        self.undelivered = dead_letters(self, "DeadLetters")
        self.queue = self._queue()
        self.function = keepwarm_lambda(
            self,
            options,
            role_for="Keep-warm workers",
            description="Makes the warm calls that are beyond one tick",
            handler=WORKER_HANDLER,
            timeout=_TIMEOUT,
            reserved_concurrent_executions=_SIDE_BY_SIDE if options.reserved_concurrency else None,
        )
        self._consume()

    def _queue(self) -> sqs.Queue:
        """The queue; a message expires after 90 seconds, so a retry must come soon.

        Hence the shortest visibility timeout that Lambda allows, instead of the usual six timeouts;
        if a message comes back too early, the warm state's lease prevents a second call.
        """
        return sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=_TIMEOUT,
            retention_period=Duration.minutes(10),
            removal_policy=RemovalPolicy.DESTROY,
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.undelivered, max_receive_count=_RECEIVES
            ),
        )

    def _consume(self) -> None:
        mapping = lambda_.EventSourceMapping(
            self,
            "Source",
            target=self.function,
            event_source_arn=self.queue.queue_arn,
            batch_size=_BATCH,
            max_concurrency=_SIDE_BY_SIDE,
            report_batch_item_failures=True,
        )
        grant = iam.Grant.add_to_principal(
            grantee=self.function,
            actions=["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            resource_arns=[self.queue.queue_arn],
        )
        grant.apply_before(mapping)
