"""The Lambda handler of the workers, which SQS invokes with batches of messages."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)

from prefixwarm.errors import PrefixwarmError, StateError, UsageError
from prefixwarm.keepwarm.batch import Batch, HeldBackError
from prefixwarm.keepwarm.call_maker import CallMaker
from prefixwarm.keepwarm.handler import deadline_of, write
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.runtime import runtime
from prefixwarm.keepwarm.tick_report import TickReport

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext


# The event source's batch size.
_SIDE_BY_SIDE = 10

_processor = BatchProcessor(EventType.SQS)


def handler(event: object, context: LambdaContext) -> PartialItemFailureResponse:
    """Make the calls of one batch; return the messages to retry.

    Raises
    ------
    PrefixwarmError
        The event is not SQS's, or a setting, the manifest or the kill switch cannot be used; all
        messages are retried.
    BatchProcessingError
        All messages must be retried.
    """
    logger.append_keys(function_request_id=context.aws_request_id)
    own = None
    try:
        texts = texts_of(event)
        own = runtime()
        if reason := own.stopped():
            write(TickReport(stopped=reason, dropped=len(texts)), "batch", own)
            return {"batchItemFailures": []}
        catalog = own.catalog()
    except PrefixwarmError as error:
        logger.error("nothing is sent", why=str(error))
        write(TickReport(), "batch", own)
        raise
    report = TickReport()
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        ends = deadline_of(context)
        calls = CallMaker(own.dependencies, catalog, pool, ends, report)
        batch = Batch(own.dependencies, calls, ends, report)
        try:
            return _worked(cast("dict[str, Any]", event), texts, batch, pool)
        finally:
            calls.close()
            write(report, "batch", own)


def texts_of(event: object) -> dict[str, str]:
    """The messages of an event of SQS, by their ids.

    Raises
    ------
    UsageError
        When it is none: nothing can be answered about single messages.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or not records:
        raise UsageError("the event holds no records of SQS")
    texts = {}
    for record in records:
        values = record if isinstance(record, dict) else {}
        name, text = values.get("messageId"), values.get("body")
        if not isinstance(name, str) or not name or not isinstance(text, str):
            raise UsageError("the event holds a record without messageId or body")
        texts[name] = text
    return texts


def _worked(
    event: dict[str, Any], texts: dict[str, str], batch: Batch, pool: ThreadPoolExecutor
) -> PartialItemFailureResponse:
    """Process all messages concurrently; the processor then collects the results in order."""
    working = {name: pool.submit(batch.work, text) for name, text in texts.items()}

    def result(record: SQSRecord) -> None:
        try:
            working[record.message_id].result()
        except (StateError, HeldBackError) as error:
            logger.warning("message comes again", why=str(error))
            raise

    return process_partial_response(event, result, _processor)
