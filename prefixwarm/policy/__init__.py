"""When to warm, with which TTL, and when to stop: pure functions, no input or output, no clock."""

from prefixwarm.policy.bound import optimum
from prefixwarm.policy.calendar import Calendar, Hours
from prefixwarm.policy.decide import carry_over, decide, learn, start_allowance
from prefixwarm.policy.evaluate import Decider, Replay, replay
from prefixwarm.policy.policy import RULES, Policy
from prefixwarm.policy.view import Action, Decision, Multipliers, View

__all__ = [
    "RULES",
    "Action",
    "Calendar",
    "Decider",
    "Decision",
    "Hours",
    "Multipliers",
    "Policy",
    "Replay",
    "View",
    "carry_over",
    "decide",
    "learn",
    "optimum",
    "replay",
    "start_allowance",
]
