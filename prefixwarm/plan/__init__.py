"""What keeping a prefix warm would cost and bring, before anything is deployed."""

from prefixwarm.plan.advice import recommendation
from prefixwarm.plan.arrivals import Traffic, poisson, read
from prefixwarm.plan.comparison import Plan, Row, compare
from prefixwarm.plan.costs import PrefixCosts, costs_of

__all__ = [
    "Plan",
    "PrefixCosts",
    "Row",
    "Traffic",
    "compare",
    "costs_of",
    "poisson",
    "read",
    "recommendation",
]
