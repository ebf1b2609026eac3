"""What keeping a prefix warm would cost and bring, before anything is deployed."""

from prefixwarm.plan.advice import recommendation
from prefixwarm.plan.compare import Plan, Row, compare
from prefixwarm.plan.terms import Terms, terms_of
from prefixwarm.plan.traffic import Traffic, poisson, read

__all__ = [
    "Plan",
    "Row",
    "Terms",
    "Traffic",
    "compare",
    "poisson",
    "read",
    "recommendation",
    "terms_of",
]
