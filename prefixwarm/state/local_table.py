"""A DynamoDB table in this process that evaluates the expressions of `update_expression`.

With it, memory and file stores run the same operations as the deployed table. It implements
conditions, SET, ADD and REMOVE, transactions, and the index query, and nothing else of
DynamoDB. Tests compare it with two other implementations.
"""

from __future__ import annotations

import re
from collections import deque
from decimal import Context, Decimal, InvalidOperation
from threading import RLock
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import StateError
from prefixwarm.state.table_call import ConditionFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prefixwarm.wire.deadline import Deadline

    Item = dict[str, Any]


_TOKEN = re.compile(r"[#:]?\w+|<>|<=|>=|[=<>(),]")
# The precision of DynamoDB numbers.
_DIGITS = Context(prec=38)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class LocalTable:
    """A thread-safe `DynamoCall`."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.items: dict[str, Item] = {}
        self._done: deque[str] = deque(maxlen=100)

    def __call__(
        self,
        operation: str,
        parameters: dict[str, Any],
        deadline: Deadline,  # noqa: ARG002 - it never waits
    ) -> dict[str, Any]:
        """See `DynamoCall`."""
        operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "GetItem": self._get,
            "BatchGetItem": self._get_several,
            "UpdateItem": self._update,
            "TransactWriteItems": self._update_together,
            "Query": self._due,
        }
        with self.lock:
            return operations[operation](parameters)

    def _get(self, parameters: dict[str, Any]) -> dict[str, Any]:
        item = self.items.get(parameters["Key"]["pk"]["S"])
        return {} if item is None else {"Item": dict(item)}

    def _get_several(self, parameters: dict[str, Any]) -> dict[str, Any]:
        ((table, asked),) = parameters["RequestItems"].items()
        replies = [self._get({"Key": key}) for key in asked["Keys"]]
        return {"Responses": {table: [reply["Item"] for reply in replies if reply]}}

    def _update(self, parameters: dict[str, Any]) -> dict[str, Any]:
        key, item = self._updated(parameters)
        self.items[key] = item
        return {"Attributes": dict(item)} if parameters.get("ReturnValues") == "ALL_NEW" else {}

    def _update_together(self, parameters: dict[str, Any]) -> dict[str, Any]:
        token = parameters["ClientRequestToken"]
        if token not in self._done:
            updates = [
                self._updated(operation["Update"]) for operation in parameters["TransactItems"]
            ]
            self.items.update(updates)
            self._done.append(token)
        return {}

    def _updated(self, parameters: dict[str, Any]) -> tuple[str, Item]:
        """The key and the updated item; raises ConditionFailed."""
        key = parameters["Key"]["pk"]["S"]
        before = self.items.get(key)
        item = before or {}
        condition = parameters.get("ConditionExpression")
        if condition and not _Expression(condition, parameters, item).holds():
            raise ConditionFailed(before)
        changes = _Expression(parameters["UpdateExpression"], parameters, item).changes()
        after = {"pk": {"S": key}, **item, **changes}
        return key, {name: value for name, value in after.items() if value is not None}

    def _due(self, parameters: dict[str, Any]) -> dict[str, Any]:
        condition = parameters["KeyConditionExpression"]
        waiting = [
            item for item in self.items.values() if _Expression(condition, parameters, item).holds()
        ]
        waiting.sort(key=lambda item: (Decimal(item["due_at"]["N"]), item["pk"]["S"]))
        return {"Items": [dict(item) for item in waiting[: parameters["Limit"]]]}


class _Expression:
    """Evaluates one expression against one item, from left to right."""

    def __init__(self, text: str, parameters: Mapping[str, Any], item: Item) -> None:
        self._tokens = _TOKEN.findall(text)[::-1]
        self._names = parameters.get("ExpressionAttributeNames", {})
        self._values = parameters.get("ExpressionAttributeValues", {})
        self._item = item

    def holds(self) -> bool:
        """Whether the condition is true: an OR of ANDs of comparisons."""
        result = self._all()
        while self._next("OR"):
            result = self._all() or result
        return result

    def changes(self) -> Item:
        """The attributes that an update sets; None for those that it removes."""
        changes: Item = {}
        verb = ""
        while self._tokens:
            if self._tokens[-1] in ("SET", "ADD", "REMOVE"):
                verb = self._tokens.pop()
            name = self._name(self._tokens.pop())
            if verb == "SET":
                self._expect("=")
                changes[name] = self._assigned()
            elif verb == "ADD":
                changes[name] = _sum(name, self._item.get(name), self._operand())
            else:
                changes[name] = None
            self._next(",")
        return changes

    def _all(self) -> bool:
        result = self._one()
        while self._next("AND"):
            result = self._one() and result
        return result

    def _one(self) -> bool:
        if self._next("("):
            result = self.holds()
            self._expect(")")
            return result
        for function, wanted in (("attribute_exists", True), ("attribute_not_exists", False)):
            if self._next(function):
                return (self._argument() in self._item) is wanted
        left = self._operand()
        return _compares(left, self._tokens.pop(), self._operand())

    def _assigned(self) -> object:
        if not self._next("if_not_exists"):
            return self._operand()
        self._expect("(")
        name = self._name(self._tokens.pop())
        self._expect(",")
        value = self._item.get(name, self._operand())
        self._expect(")")
        return value

    def _argument(self) -> str:
        self._expect("(")
        name = self._name(self._tokens.pop())
        self._expect(")")
        return name

    def _operand(self) -> object:
        token = self._tokens.pop()
        return self._values[token] if token[0] == ":" else self._item.get(self._name(token))

    def _name(self, token: str) -> str:
        name: str = self._names[token] if token[0] == "#" else token
        return name

    def _next(self, token: str) -> bool:
        if self._tokens and self._tokens[-1] == token:
            self._tokens.pop()
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._next(token):
            raise StateError(f"the table refused an expression: {token} is missing")


def _compares(left: object, operator: str, right: object) -> bool:
    """Compare as DynamoDB does: other types and missing values are only unequal."""
    kind, a = _plain(left)
    other, b = _plain(right)
    if operator in ("=", "<>"):
        return (kind == other and a == b and a is not None) is (operator == "=")
    return kind == other and a is not None and b is not None and _COMPARISONS[operator](a, b)


def _plain(value: object) -> tuple[str, Any]:
    """An attribute's type, and its value if it can be compared."""
    if not (isinstance(value, dict) and len(value) == 1):
        return "", None
    ((kind, held),) = value.items()
    if kind == "N":
        return "N", _number(held)
    if kind == "SS":
        return "SS", None
    return kind, held if isinstance(held, str) else None


def _number(text: object) -> Decimal | None:
    try:
        number = Decimal(str(text))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _sum(name: str, held: object, added: Any) -> dict[str, Any]:
    if held is None:
        return dict(added)
    ((kind, more),) = added.items()
    if kind == "SS" and isinstance(held, dict) and isinstance(held.get("SS"), list):
        return {"SS": sorted({*held["SS"], *more})}
    _, a = _plain(held)
    b = _number(more)
    if kind == "N" and isinstance(a, Decimal) and b is not None:
        return {"N": f"{_DIGITS.add(a, b):f}"}
    raise StateError(f"the table refused UpdateItem: ADD to {name}, which has another type")
