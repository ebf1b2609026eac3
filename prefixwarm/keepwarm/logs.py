"""The function's log: JSON lines, never prompt text or keys."""

from __future__ import annotations

from aws_lambda_powertools import Logger

logger = Logger()
