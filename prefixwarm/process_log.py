"""The logger of every process that is no Lambda function of ours."""

from __future__ import annotations

import logging

# Nothing is printed before the program has set its logging up: `logging.basicConfig` does.
logger = logging.getLogger("prefixwarm")
logger.addHandler(logging.NullHandler())
