"""The function's logger: JSON lines, never prompt text or keys."""

from __future__ import annotations

import json
from functools import partial

from aws_lambda_powertools import Logger

# ASCII, so that no character of a name or reason can control a terminal.
logger = Logger(json_serializer=partial(json.dumps, default=str, separators=(",", ":")))
