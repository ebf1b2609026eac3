"""The Lambda handler: what EventBridge Scheduler starts every minute."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics

from prefixwarm.errors import PrefixwarmError, StateError
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.runtime import runtime
from prefixwarm.keepwarm.tick_report import TickReport
from prefixwarm.warm.log_line import NAMESPACE
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext


# Left of the invocation for what must still be written down when the last call ends.
MARGIN_SECONDS = 10.0

metrics = Metrics(namespace=NAMESPACE, service=os.environ.get("POWERTOOLS_SERVICE_NAME", NAMESPACE))


def deadline_of(context: LambdaContext) -> Deadline:
    """When the last call must have ended."""
    return Deadline.after(context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS)


def emit(report: TickReport) -> None:
    """Add a report to the invocation's metrics."""
    for name, (value, unit) in report.metrics().items():
        metrics.add_metric(name, unit, value)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run one tick.

    Raises
    ------
    PrefixwarmError
        When nothing may be sent: the function's `Errors` metric and its alarm show it.
    """
    del event
    report = TickReport()
    try:
        runtime().tick(deadline_of(context), report)
    except PrefixwarmError as error:
        if isinstance(error, StateError):
            report.state_error = str(error)
        logger.error("nothing is sent", why=str(error))
        raise
    finally:
        emit(report)
    logger.info("tick", **report.summary())
    return report.summary()
