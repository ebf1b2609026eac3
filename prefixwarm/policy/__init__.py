"""Policies: when to warm, with which TTL, and when to stop. Pure functions, no I/O, no clock."""

from prefixwarm.policy.bound import optimum
from prefixwarm.policy.calendar import Calendar, Hours
from prefixwarm.policy.decide import (
    adopted,
    carry_over,
    decide,
    learn,
    left_behind,
    start_allowance,
)
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
    "adopted",
    "carry_over",
    "decide",
    "learn",
    "left_behind",
    "optimum",
    "replay",
    "start_allowance",
]
