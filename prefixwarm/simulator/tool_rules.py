"""Validation of tool definitions and of the choice among them."""

from __future__ import annotations

import re
from typing import Any

from prefixwarm.simulator import checks
from prefixwarm.simulator.api_errors import invalid

Json = dict[str, Any]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_CUSTOM = {
    "type",
    "name",
    "description",
    "input_schema",
    "cache_control",
    "allowed_callers",
    "defer_loading",
    "eager_input_streaming",
    "input_examples",
    "strict",
}
_CHOICES = ("auto", "any", "tool", "none")


def tools(value: Any) -> None:
    """Check ``tools``."""
    names: set[str] = set()
    for index, tool in enumerate(checks.objects(value, "tools")):
        path = f"tools.{index}."
        checks.marker(tool, path)
        if tool.get("type") in (None, "custom"):
            _custom(tool, path)
        else:
            checks.text(tool["type"], f"{path}type")
        name = tool.get("name")
        if name in names:
            raise invalid("tools: Tool names must be unique.")
        if isinstance(name, str):
            names.add(name)


def _custom(tool: Json, path: str) -> None:
    checks.fields(tool, _CUSTOM, path)
    name = checks.text(checks.required(tool, "name", path), f"{path}name")
    if not _NAME.fullmatch(name):
        raise invalid(f"{path}name: String should match pattern '^{_NAME.pattern}$'")
    if "description" in tool:
        checks.text(tool["description"], f"{path}description")
    schema = checks.obj(checks.required(tool, "input_schema", path), f"{path}input_schema")
    kind = checks.required(schema, "type", f"{path}input_schema.")
    checks.choice(kind, ("object",), f"{path}input_schema.type")


def tool_choice(body: Json) -> None:
    """Check ``tool_choice`` against the tools there are."""
    choice = body.get("tool_choice")
    if choice is None:
        return
    checks.obj(choice, "tool_choice")
    named = checks.required(choice, "type", "tool_choice.")
    kind = checks.choice(named, _CHOICES, "tool_choice.type")
    if "disable_parallel_tool_use" in choice:
        parallel = choice["disable_parallel_tool_use"]
        checks.boolean(parallel, "tool_choice.disable_parallel_tool_use")
    if kind in ("any", "tool") and not body.get("tools"):
        raise invalid("tool_choice: may only be specified while providing tools")
    if kind == "tool":
        name = checks.text(checks.required(choice, "name", "tool_choice."), "tool_choice.name")
        if name not in [tool.get("name") for tool in body["tools"]]:
            raise invalid(f"Tool '{name}' not found in provided tools")
