"""Builds values that fit a JSON schema, for tools and structured outputs that a request forces."""

from __future__ import annotations

import math
from typing import Any

from prefixwarm.simulator.described_constraints import described_constraints
from prefixwarm.simulator.sample_texts import integer_of, sample_text

_DEEPEST = 16
_ALTERNATIVES = ("anyOf", "oneOf")
_MERGED = ("properties", "$defs", "definitions")

Json = dict[str, Any]


def sample(schema: Any) -> Any:
    """Build a small value that fits a schema.

    Parameters
    ----------
    schema : object
        A JSON schema; an unintelligible one gives a text.

    Returns
    -------
    object
        JSON: constants, the first of several choices, only required properties, and no more items
        than required. Recursive schemas end at some depth.
    """
    return _sample(schema, schema, 0)


def _sample(schema: Any, root: Any, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return sample_text({})
    whole = _whole(schema, root)
    whole = {**described_constraints(whole), **whole}
    if "const" in whole:
        return whole["const"]
    if isinstance(whole.get("enum"), list) and whole["enum"]:
        return whole["enum"][0]
    for name in _ALTERNATIVES:
        if isinstance(whole.get(name), list) and whole[name]:
            base = {key: value for key, value in whole.items() if key != name}
            return _sample(_merged(base, _simplest(whole[name], depth)), root, depth + 1)
    if "default" in whole and _is_of(whole["default"], whole):
        return whole["default"]
    return _typed(whole, root, depth)


def _whole(schema: Json, root: Any) -> Json:
    """Return a schema with its ``$ref`` and ``allOf`` merged in."""
    whole = dict(schema)
    for _ in range(_DEEPEST):
        reference, parts = whole.pop("$ref", None), whole.pop("allOf", None)
        if reference is None and not parts:
            break
        if isinstance(reference, str):
            whole = _merged(_resolve(reference, root), whole)
        for part in parts if isinstance(parts, list) else ():
            whole = _merged(whole, part)
    return whole


def _resolve(reference: str, root: Any) -> Any:
    target = root
    for part in reference.lstrip("#/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if name and isinstance(target, dict):
            target = target.get(name)
    return target


def _merged(one: Any, two: Any) -> Json:
    if not isinstance(one, dict) or not isinstance(two, dict):
        return one if isinstance(one, dict) else two if isinstance(two, dict) else {}
    merged = {**one, **two}
    for name in _MERGED:
        if isinstance(one.get(name), dict) and isinstance(two.get(name), dict):
            merged[name] = {**one[name], **two[name]}
    if isinstance(one.get("required"), list) and isinstance(two.get("required"), list):
        merged["required"] = list(dict.fromkeys([*one["required"], *two["required"]]))
    return merged


def _simplest(choices: list[Any], depth: int) -> Any:
    """Return the first choice; deep inside, one that ends."""
    ending = (x for x in choices if isinstance(x, dict) and not _may_nest(x))
    return next(ending, choices[0]) if depth > _DEEPEST // 2 else choices[0]


def _may_nest(schema: Json) -> bool:
    return bool({"$ref", "allOf", *_ALTERNATIVES, "properties", "items"} & set(schema))


def _type(schema: Json) -> str:
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if not isinstance(kind, str):
        kind = "object" if isinstance(schema.get("properties"), dict) else "string"
    return kind


def _is_of(value: Any, schema: Json) -> bool:
    """Return whether a value has the schema's type; true if the schema names no known type."""
    # Imported here: only needed for a tool's reply, and takes a tenth of a second.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import UnknownType

    typed = {"type": schema["type"]} if "type" in schema else {}
    try:
        return Draft202012Validator(typed).is_valid(value)
    except (UnknownType, TypeError):
        return True


def _typed(schema: Json, root: Any, depth: int) -> Any:
    kind = _type(schema)
    if kind == "object":
        return _object(schema, root, depth)
    if kind == "array":
        return _array(schema, root, depth)
    if kind in ("integer", "number"):
        return _number(schema, whole=kind == "integer")
    if kind in ("boolean", "null"):
        return True if kind == "boolean" else None
    return sample_text(schema)


def _object(schema: Json, root: Any, depth: int) -> Json:
    declared = schema.get("properties")
    properties = declared if isinstance(declared, dict) else {}
    required = schema.get("required")
    names = [str(name) for name in required] if isinstance(required, list) else []
    for name in properties:
        if len(names) < integer_of(schema, "minProperties", 0) and name not in names:
            names.append(name)
    return {name: _sample(properties.get(name, {}), root, depth + 1) for name in names}


def _array(schema: Json, root: Any, depth: int) -> list[Any]:
    fixed = schema.get("prefixItems")
    least = integer_of(schema, "minItems", 0)
    leading = fixed[:least] if isinstance(fixed, list) else []
    items = [_sample(item, root, depth + 1) for item in leading]
    for number in range(len(items), min(least, 100)):
        item = _sample(schema.get("items", {}), root, depth + 1)
        items.append(_distinct(item, number) if schema.get("uniqueItems") else item)
    return items


def _distinct(item: Any, number: int) -> Any:
    if isinstance(item, (int, float)) and not isinstance(item, bool):
        return item + number
    return f"{item}{number}" if isinstance(item, str) and number else item


def _number(schema: Json, *, whole: bool) -> float:
    """Return 1, or the nearest number within the bounds."""
    step = _bound(schema, "multipleOf") or (1.0 if whole else 0.0)
    low, high = _limits(schema, step)
    value = min(max(1.0, low), high)
    if low > high:
        value = (_limits(schema, 0)[0] + _limits(schema, 0)[1]) / 2
    if step:
        up = math.ceil(value / step) * step
        value = up if up <= high else math.floor(value / step) * step
    return int(value) if whole else value


def _limits(schema: Json, step: float) -> tuple[float, float]:
    """Return the lowest and highest value; an exclusive bound is moved by one step."""
    away = step or 0.5
    above = _bound(schema, "exclusiveMinimum", -math.inf) + away
    below = _bound(schema, "exclusiveMaximum", math.inf) - away
    low = max(_bound(schema, "minimum", -math.inf), above)
    return low, min(_bound(schema, "maximum", math.inf), below)


def _bound(schema: Json, name: str, default: float = 0.0) -> float:
    value = schema.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return default
    return value
