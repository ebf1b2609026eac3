"""Prefix files from what an agent really sends, and what would keep them from being read."""

from prefixwarm.capture.captured_request import CapturedRequest
from prefixwarm.capture.extract import (
    Extracted,
    make_prefix,
    prefix_from_requests,
    prefixes_from_requests,
)
from prefixwarm.capture.recording import Recording, record, run
from prefixwarm.lint.rules import check
from prefixwarm.lint.verdict import Verdict, judge

__all__ = [
    "CapturedRequest",
    "Extracted",
    "Recording",
    "Verdict",
    "check",
    "judge",
    "make_prefix",
    "prefix_from_requests",
    "prefixes_from_requests",
    "record",
    "run",
]
