"""Checks tool definitions, the tool choice, and references to tools."""

from __future__ import annotations

import re
from typing import Any

from prefixwarm.fields.block_rules import is_rendered, message_blocks
from prefixwarm.fields.toolsets import members
from prefixwarm.simulator import checks, schema_rules, tool_references
from prefixwarm.simulator.api_errors import invalid

Json = dict[str, Any]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_CLIENT_TOOLSETS = {
    "computer_toolset_20260801": "computer",
    "browser_toolset_20260801": "browser",
}
_NOT_ON_TOOLSETS = ("strict", "input_examples", "defer_loading", "name")
_MOST_STRICT = 20
_DIRECT = "direct"


def check(request: Json) -> None:
    """Refuse tools that conflict with each other or with the rest of the request.

    Parameters
    ----------
    request : dict
        The body; each tool is an object with known fields.

    Notes
    -----
    https://platform.claude.com/docs/en/agents-and-tools/tool-use/tool-reference,
    .../tool-use/tool-search-tool, .../tool-use/programmatic-tool-calling and
    .../agents-and-tools/mcp-connector.

    Raises
    ------
    ApiError
        400.
    """
    tools: list[Json] = request.get("tools") or []
    for index, tool in enumerate(tools):
        path = f"tools.{index}."
        if tool.get("type") in _CLIENT_TOOLSETS:
            _check_toolset(tool, path)
        elif tool.get("type") in (None, "custom"):
            _check_custom(tool, f"{path}custom.")
    _check_names(tools)
    if tools and not any(is_rendered(tool, "tool") for tool in tools):
        raise invalid(
            "At least one tool must have defer_loading=false. All tools cannot be deferred."
        )
    _check_strict(request, tools)
    _check_servers(request, tools)
    _check_references(request)


def _check_custom(tool: Json, path: str) -> None:
    if not _NAME.fullmatch(checks.text(tool["name"], f"{path}name")):
        raise invalid(f"{path}name: String should match pattern '^{_NAME.pattern}$'")
    schema = checks.obj(tool["input_schema"], f"{path}input_schema")
    kind = checks.required(schema, "type", f"{path}input_schema.")
    checks.choice(kind, ("object",), f"{path}input_schema.type")
    schema_rules.check_input(schema, f"{path}input_schema")
    programmatic = [name for name in tool.get("allowed_callers") or () if name != _DIRECT]
    if programmatic and tool.get("strict"):
        raise invalid(f"{path}strict: not supported with programmatic tool calling")
    if programmatic and schema_rules.is_recursive(schema):
        raise invalid(f"{path}input_schema: Circular $ref detected")


def _check_toolset(tool: Json, path: str) -> None:
    for name in _NOT_ON_TOOLSETS:
        if tool.get(name):
            raise invalid(f"{path}{name}: not supported on a toolset")
    if any(name != _DIRECT for name in tool.get("allowed_callers") or ()):
        raise invalid(f"{path}allowed_callers: a toolset takes 'direct' only")
    shape = f"{_CLIENT_TOOLSETS[tool['type']]}_toolset"
    deferred = [member["defer_loading"] for member in members(tool, shape) if member["enabled"]]
    if not deferred:
        raise invalid(f"{path}configs: at least one member must be enabled")
    if len(set(deferred)) > 1:
        raise invalid(f"{path}configs: defer_loading must be the same for every enabled member")


def _check_names(tools: list[Json]) -> None:
    names: set[str] = set()
    for tool in tools:
        name = _CLIENT_TOOLSETS.get(str(tool.get("type"))) or tool.get("name")
        if name in names:
            raise invalid("tools: Tool names must be unique.")
        if isinstance(name, str):
            names.add(name)


def _check_strict(request: Json, tools: list[Json]) -> None:
    strict = [(index, tool) for index, tool in enumerate(tools) if tool.get("strict")]
    if len(strict) > _MOST_STRICT:
        raise invalid(f"tools: at most {_MOST_STRICT} tools may be strict")
    schemas = []
    for index, tool in strict:
        if isinstance(tool.get("input_schema"), dict):
            schema_rules.check_output(tool["input_schema"], f"tools.{index}.custom.input_schema")
            schemas.append(tool["input_schema"])
    config = request.get("output_config") or {}
    form = config.get("format") or request.get("output_format")
    if form is not None:
        schemas.append(form["schema"])
    schema_rules.check_strict_limits(schemas)


def _check_servers(request: Json, tools: list[Json]) -> None:
    """Check that each MCP server has one toolset, if toolsets are used at all."""
    toolsets = [str(t.get("mcp_server_name")) for t in tools if t.get("type") == "mcp_toolset"]
    if not toolsets:
        return
    servers = [str(server.get("name")) for server in request.get("mcp_servers") or ()]
    for name in toolsets:
        if name not in servers:
            raise invalid(f"tools: MCP server '{name}' is not in mcp_servers")
    for name in servers:
        if toolsets.count(name) != 1:
            raise invalid(f"mcp_servers: '{name}' must be referenced by exactly one mcp_toolset")


def _check_references(request: Json) -> None:
    tools: list[Json] = request.get("tools") or []
    names = {str(tool.get("name")) for tool in tools}
    # The members of toolsets are not in the request.
    open_ended = any("name" not in tool for tool in tools) or bool(request.get("mcp_servers"))
    for _, _, block in message_blocks(request["messages"]):
        for name in tool_references.referenced(block):
            if name not in names and not open_ended:
                raise invalid(f"Tool reference '{name}' not found in available tools")


def check_choice(request: Json) -> None:
    """Refuse a ``tool_choice`` that does not fit the tools.

    Raises
    ------
    ApiError
        400.
    """
    choice = request.get("tool_choice")
    if choice is None:
        return
    kind = choice["type"]
    tools: list[Json] = request.get("tools") or []
    if kind in ("any", "tool") and not tools and not request.get("mcp_servers"):
        raise invalid("tool_choice: may only be specified while providing tools")
    if choice.get("disable_parallel_tool_use") and any(_is_programmatic(tool) for tool in tools):
        raise invalid(
            "tool_choice.disable_parallel_tool_use: not supported with programmatic tool calling"
        )
    if kind in ("any", "tool") and (request.get("thinking") or {}).get("type") == "enabled":
        raise invalid("Thinking may not be enabled when tool_choice forces tool use.")
    if kind == "tool":
        _check_named(request, tools)


def _check_named(request: Json, tools: list[Json]) -> None:
    choice = request["tool_choice"]
    name = choice["name"]
    matching = [tool for tool in tools if tool.get("name") == name]
    if not matching:
        raise invalid(f"Tool '{name}' not found in provided tools")
    callers = matching[0].get("allowed_callers")
    if callers is not None and _DIRECT not in callers:
        raise invalid(f"tool_choice: tool '{name}' cannot be called directly")


def _is_programmatic(tool: Json) -> bool:
    return any(name != _DIRECT for name in tool.get("allowed_callers") or ())
