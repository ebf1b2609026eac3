"""The Lambda handler: runs ticks, which EventBridge Scheduler starts every minute, and asks."""

from __future__ import annotations

import os
from time import time
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import PrefixwarmError, StateError, UsageError
from prefixwarm.keepwarm.ask_event import AskEvent, answer, refused
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.runtime import runtime
from prefixwarm.keepwarm.tick_report import TickReport
from prefixwarm.settings import DEPLOYMENT
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from prefixwarm.keepwarm.runtime import Runtime


# Time reserved in the invocation for recording after the last call.
MARGIN_SECONDS = 10.0


def deadline_of(context: LambdaContext) -> Deadline:
    """When the last call must have ended."""
    return Deadline.after(context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS)


def write(report: TickReport, message: str, own: Runtime | None) -> None:
    """Write a report's log line with its metrics; `own` is None if creating it failed."""
    service = os.environ.get(DEPLOYMENT) or os.environ.get("POWERTOOLS_SERVICE_NAME", "")
    now = own.dependencies.clock() if own else time()
    full = own is not None and own.settings.full_metrics
    # Not through the logger, because the user's log level must not suppress metrics.
    print(report.line(message, service=service, now=now, full=full), flush=True)  # noqa: T201


def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Run one tick, or warm the prefixes that the event requests.

    Raises
    ------
    PrefixwarmError
        Nothing may be sent in a tick; shows in the function's `Errors` metric and alarm. An ask
        gets the error as its answer.
    """
    logger.append_keys(function_request_id=context.aws_request_id)
    try:
        asked = AskEvent.of(event)
    except UsageError as error:
        return _refused(error)
    return _ticked(context) if asked is None else _asked(asked, context)


def _ticked(context: LambdaContext) -> dict[str, Any]:
    report, own = TickReport(), None
    try:
        own = runtime()
        own.tick(deadline_of(context), report)
    except PrefixwarmError as error:
        if isinstance(error, StateError):
            report.state_error = str(error)
        logger.error("nothing is sent", why=str(error))
        raise
    finally:
        write(report, "tick", own)
    return report.summary()


def _asked(asked: AskEvent, context: LambdaContext) -> dict[str, Any]:
    report, own = TickReport(), None
    try:
        own = runtime()
        outcomes = own.warm(asked, deadline_of(context), report)
    except PrefixwarmError as error:
        return _refused(error)
    finally:
        write(report, "ask", own)
    return answer(outcomes)


def _refused(error: PrefixwarmError) -> dict[str, Any]:
    """The answer to a failed ask; not a function error, so that asks cannot raise the alarm."""
    logger.warning("ask refused", why=str(error))
    return refused(error)
