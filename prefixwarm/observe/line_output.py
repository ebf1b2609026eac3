"""Writes observations to a Lambda function's log, or to the logger of other processes."""

from __future__ import annotations

import json
import logging
import os
import sys
from contextlib import suppress
from typing import Any

from prefixwarm.process_log import logger


def emit_line(text: str) -> None:
    """Write one log line: in a Lambda function, JSON that CloudWatch turns into metrics.

    Elsewhere it is a `logging` record without metrics, so that nothing is printed unless the
    program wants it.
    """
    if in_lambda():
        _write(sys.stdout, text)
        return
    with suppress(Exception):
        record = json.loads(text)
        record.pop("_aws", None)
        level = logging.WARNING if record.get("level") == "WARNING" else logging.INFO
        logger.log(level, "%s", json.dumps(record, separators=(",", ":")))


def warn(text: str) -> None:
    """Write one line about a problem with observing requests."""
    if in_lambda():
        _write(sys.stderr, f"prefixwarm: {text}")
    else:
        logger.warning("%s", text)


def in_lambda() -> bool:
    """Whether this process runs in a Lambda function."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def _write(stream: Any, text: str) -> None:
    """Write a line without the stream's buffer, so that a failed write is not retried at exit."""
    line_bytes = f"{text}\n".encode(errors="backslashreplace")
    with suppress(Exception):
        stream.flush()
        raw = getattr(getattr(stream, "buffer", None), "raw", None)
        if raw is None:
            stream.write(line_bytes.decode())
            stream.flush()
        else:
            raw.write(line_bytes)
