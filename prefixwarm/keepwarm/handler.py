"""The Lambda handler: what EventBridge Scheduler starts every minute, and what others ask."""

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


# Left of the invocation for what must still be written down when the last call ends.
MARGIN_SECONDS = 10.0


def deadline_of(context: LambdaContext) -> Deadline:
    """When the last call must have ended."""
    return Deadline.after(context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS)


def write(report: TickReport, message: str, own: Runtime | None) -> None:
    """Write a report's log line, which declares its metrics; `own` is None where it failed."""
    service = os.environ.get(DEPLOYMENT) or os.environ.get("POWERTOOLS_SERVICE_NAME", "")
    now = own.dependencies.clock() if own else time()
    full = own is not None and own.settings.full_metrics
    # Not by the logger: a level that the user sets must not keep a metric back.
    print(report.line(message, service=service, now=now, full=full), flush=True)  # noqa: T201


def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Run one tick, or warm what the event asks for.

    Raises
    ------
    PrefixwarmError
        When nothing may be sent in a tick: the function's `Errors` metric and its alarm show it.
        An ask is answered with its error.
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
    """The answer; no error of the function's own, so that nobody's ask raises its alarm."""
    logger.warning("ask refused", why=str(error))
    return refused(error)
