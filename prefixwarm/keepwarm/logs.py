"""The function's log: JSON lines, never prompt text or keys."""

from __future__ import annotations

import json
from functools import partial

from aws_lambda_powertools import Logger

# ASCII: no character of a name or a reason can steer a terminal that shows the log.
logger = Logger(json_serializer=partial(json.dumps, default=str, separators=(",", ":")))
