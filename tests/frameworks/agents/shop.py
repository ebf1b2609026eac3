"""What the agents of all frameworks share: a prompt, a model, and the questions they are asked."""

from __future__ import annotations

import os
import sys

MODEL = os.environ.get("AGENT_MODEL", "claude-sonnet-5-5")
# Of a framework that forces a tool by default, which Sonnet 5.5 and Opus 5.5 refuse.
FORCED_MODEL = "claude-opus-5"
PROMPT = "You are a patient support agent of a bicycle shop. Look up, then answer. " * 100
QUESTIONS = sys.argv[1:]


def look_up(order: str) -> str:
    """Look an order up.

    Args:
        order: Number of the order.
    """
    return f"{order} is on its way"


def cancel(order: str, reason: str) -> str:
    """Cancel an order that is not on its way yet.

    Args:
        order: Number of the order.
        reason: What the customer says.
    """
    return f"{order} is cancelled: {reason}"
