"""Builds the expressions of DynamoDB's UpdateItem."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Change:
    """The expressions of one UpdateItem, built part by part.

    Parameters
    ----------
    **values
        Attributes to set, by name.
    """

    def __init__(self, **values: str | float) -> None:
        self._values: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        self._clauses: dict[str, list[str]] = {"SET": [], "ADD": [], "REMOVE": []}
        self._conditions: list[str] = []
        self.set(**values)

    @property
    def empty(self) -> bool:
        """Whether it changes nothing."""
        return not any(self._clauses.values())

    def set(self, **values: str | float) -> None:
        """Set attributes, by name."""
        self._clauses["SET"] += [
            f"{self._name(name)} = {self._held(value)}" for name, value in values.items()
        ]

    def default(self, name: str, value: str | float) -> None:
        """Set an attribute if it is absent."""
        held = self._name(name)
        self._clauses["SET"].append(f"{held} = if_not_exists({held}, {self._held(value)})")

    def add(self, **values: float) -> None:
        """Add to numbers, by name; an absent one counts as 0."""
        self._clauses["ADD"] += [
            f"{self._name(name)} {self._held(value)}" for name, value in values.items()
        ]

    def add_to_set(self, name: str, value: str) -> None:
        """Add a string to a set of strings."""
        held = self._held(value)
        self._values[held] = {"SS": [value]}
        self._clauses["ADD"].append(f"{self._name(name)} {held}")

    def remove(self, *names: str) -> None:
        """Remove attributes."""
        self._clauses["REMOVE"] += [self._name(name) for name in names]

    def require(self, condition: str) -> None:
        """Add a condition that must hold as well."""
        self._conditions.append(f"({condition})")

    def compare(self, name: str, operator: str, value: str | float) -> str:
        """The condition that an attribute exists and compares so."""
        return f"{self._name(name)} {operator} {self._held(value)}"

    def absent_or(self, name: str, operator: str, value: str | float) -> str:
        """The condition that an attribute is absent or compares so."""
        comparison = self.compare(name, operator, value)
        return f"attribute_not_exists({self._name(name)}) OR {comparison}"

    def is_other(self, name: str, value: str) -> str:
        """The condition that an attribute exists and has another value."""
        there = self._name(name)
        return f"(attribute_exists({there}) AND {there} <> {self._held(value)})"

    def parameters(self) -> dict[str, Any]:
        """The parameters of UpdateItem, except table and key."""
        clauses = [f"{verb} {', '.join(what)}" for verb, what in self._clauses.items() if what]
        parameters: dict[str, Any] = {"UpdateExpression": " ".join(clauses)}
        if self._names:
            parameters["ExpressionAttributeNames"] = self._names
        if self._values:
            parameters["ExpressionAttributeValues"] = self._values
        if self._conditions:
            parameters["ConditionExpression"] = " AND ".join(self._conditions)
            parameters["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return parameters

    def _name(self, name: str) -> str:
        self._names[f"#{name}"] = name
        return f"#{name}"

    def _held(self, value: str | float) -> str:
        held = f":v{len(self._values)}"
        self._values[held] = typed(value)
        return held


def typed(value: str | float) -> dict[str, str]:
    """A value in DynamoDB's API form; numbers with nine decimal places."""
    return {"S": value} if isinstance(value, str) else {"N": _decimal(value)}


def _decimal(value: float) -> str:
    text = f"{value:.9f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return "0" if text in ("", "-0") else text
