"""Checks the fields of a request body against the table of fields.

The table lists every field and block type of the Messages API, and where a breakpoint may be.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from prefixwarm.fields.block_rules import can_be_marked
from prefixwarm.fields.breakpoint_field import MARKER
from prefixwarm.fields.field_table import table
from prefixwarm.simulator import checks
from prefixwarm.simulator.api_errors import ApiError, invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.fields.field_table import Field, Shape

Json = dict[str, Any]

_JSON = "json"
_MAP = "map:"
# Larger values (in bytes) are checked every time instead of being cached.
_LARGE = 4096
# Fields that hold a list of objects; all others hold one.
_LISTS = frozenset(
    (
        "edits",
        "mcp_servers",
        "messages",
        "skills",
        "state_changes",
        "tabs",
        "tool_changes",
        "tool_references",
        "tools",
        "system",
    )
)
_LISTS_OR_OBJECTS = ("content", "fallbacks")
# Shapes that only lists hold, in fields that may otherwise hold an object.
_LISTED = ("citation", "result_content", "search_result_content", "source_content")
_OR_TEXT = ("container", "content", "fallback_credit_token", "system")
_IDS = ("file_id", "id", "previous_message_id", "tool_use_id")
_FLAGS = ("defer_loading", "disable_parallel_tool_use", "enabled", "is_error", "strict", "stream")
# The kinds of values that fields take; a field that is not here takes any.
_FIELDS_BY_KIND: dict[Callable[[Any, str], object], tuple[str, ...]] = {
    checks.text: (*_IDS, "data", "model", "name", "source", "thinking", "url"),
    checks.text_or_null: ("context", "signature", "title"),
    checks.content_text: ("text",),
    checks.stop_sequences: ("stop_sequences",),
    checks.boolean: _FLAGS,
    checks.texts: ("allowed_callers",),
    checks.integer: ("max_tokens", "top_k"),
    checks.fraction: ("temperature", "top_p"),
    checks.obj: ("input", "schema"),
}
_KINDS = {name: check for check, names in _FIELDS_BY_KIND.items() for name in names}
# The choices of blocks that are not inside other blocks.
_OUTER = ("system_block", "content", "system_content")


class _Check:
    """Checks one body.

    Parameters
    ----------
    inner_markers : str
        ``refused`` if a breakpoint inside a tool result is.
    """

    def __init__(self, inner_markers: str) -> None:
        self._inner_markers = inner_markers

    def field(self, value: Any, row: Field, path: str) -> None:
        """Check a field's value: allowed values, its contents, or its kind."""
        # The names of custom tools have a path of their own, see `tool_rules`.
        is_custom_name = row.shape == "custom_tool" and row.name == "name"
        check = None if is_custom_name else _KINDS.get(row.name)
        if row.name == MARKER:
            return
        if value is None and not (row.required and (check or row.holds in _LISTED)):
            return
        if row.values and isinstance(value, str):
            checks.choice(value, row.values, path)
        elif row.holds is not None and row.holds != _JSON:
            self._held(value, row, path)
        elif check is not None:
            check(value, path)

    def _held(self, value: Any, row: Field, path: str) -> None:
        if isinstance(value, str) and row.name in _OR_TEXT and row.shape != "search_result":
            return
        listed = row.name in _LISTS or row.holds in _LISTED
        if listed or (row.name in _LISTS_OR_OBJECTS and isinstance(value, list)):
            for index, item in enumerate(checks.objects(value, path)):
                if not self._passed_before(item, str(row.holds)):
                    self.item(item, str(row.holds), f"{path}.{index}")
        else:
            self.item(value, str(row.holds), path)

    def _passed_before(self, value: Json, holds: str) -> bool:
        """Return whether a small value has been checked before, or passes now."""
        raw = orjson.dumps(value)
        return len(raw) <= _LARGE and _passes(raw, holds, self._inner_markers)

    def item(self, value: Any, holds: str, path: str) -> None:
        """Check an object of a shape."""
        if holds.startswith(_MAP):
            for key, inner in checks.obj(value, path).items():
                self.item(inner, holds.removeprefix(_MAP), f"{path}.{key}")
            return
        shape = table().shapes[holds]
        checks.obj(value, path)
        if shape.by is None:
            self.fields(value, shape, f"{path}.")
            return
        member = self._member(value, shape, path)
        if value.get(MARKER) is not None:
            self._marker(value, shape.name, path)
            checks.marker(value, f"{path}.")
        if member.holds is not None:
            self.fields(value, table().shapes[member.holds], f"{path}.")

    def _member(self, value: Json, shape: Shape, path: str) -> Field:
        by = str(shape.by)
        if value.get(by) is None and shape.otherwise is None:
            checks.required(value, by, f"{path}.")
        name = checks.choice(shape.member_of(value), tuple(shape.rows), f"{path}.{by}")
        return shape.rows[name]

    def _marker(self, block: Json, choice: str, path: str) -> None:
        answer = can_be_marked(block, choice)
        if answer == "yes" or (answer == "unsettled" and self._inner_markers != "refused"):
            return
        kind = block.get("type")
        where = f"{path}.{MARKER}"
        if kind == "text" and block.get("text") == "":
            raise invalid(f"{where}: cannot be set for empty text blocks")
        if choice == "tool":
            raise invalid(f"{where}: cannot be set for a tool with defer_loading=true")
        if choice in _OUTER:
            raise invalid(f"{where}: cannot be set for `{kind}` blocks here")
        raise invalid(f"{where}: cannot be set inside a block; mark the outer block")

    def fields(self, value: Json, shape: Shape, path: str) -> None:
        """Check an object's fields: names, required fields, allowed values and contents."""
        for name, inner in value.items():
            row = shape.rows.get(name)
            if row is None:
                raise _unknown(name, path)
            self.field(inner, row, path + name)
        for name, row in shape.rows.items():
            if row.required:
                checks.required(value, name, path)


def _unknown(name: str, path: str) -> Exception:
    if name == MARKER:
        return invalid(f"{path}{name}: cannot be set inside a block; mark the outer block")
    return invalid(f"{path}{name}: Extra inputs are not permitted")


def check(request: Json, *, inner_markers: str) -> None:
    """Refuse fields, block types and breakpoints that the provider does not accept.

    Parameters
    ----------
    request : dict
        The body.
    inner_markers : str
        See `prefixwarm.simulator.Switches`.

    Raises
    ------
    ApiError
        400.
    """
    shape = table().shapes["request"]
    checker = _Check(inner_markers)
    try:
        for name, value in request.items():
            if name not in shape.rows:
                raise _unknown(name, "")
            checker.field(value, shape.rows[name], name)
    except orjson.JSONEncodeError as error:
        raise invalid("The request body is nested too deeply") from error


@lru_cache(maxsize=4096)
def _passes(raw: bytes, holds: str, inner_markers: str) -> bool:
    """Return whether a value matches the table; cached, as other requests may hold it too."""
    try:
        _Check(inner_markers).item(orjson.loads(raw), holds, "")
    except ApiError:
        return False
    return True
