"""The logger of every process except prefixwarm's own Lambda functions."""

from __future__ import annotations

import logging

# Prints nothing until the program configures logging, for instance with `logging.basicConfig`.
logger = logging.getLogger("prefixwarm")
logger.addHandler(logging.NullHandler())
