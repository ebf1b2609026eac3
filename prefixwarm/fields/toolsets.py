"""Decides whether a set of tools is deferred: it is if all its enabled tools are.

Notes
-----
https://platform.claude.com/docs/en/agents-and-tools/mcp-connector, "Configuration merging";
https://platform.claude.com/docs/en/agents-and-tools/tool-use/tool-reference, "Client toolsets".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.fields.field_table import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefixwarm.fields.field_table import Field

_MCP = "mcp_toolset"
_SETTINGS = ("enabled", "defer_loading")


def is_deferred_toolset(tool: Mapping[str, Any], row: Field) -> bool:
    """Whether a tool is a set with nothing in the prompt.

    Parameters
    ----------
    tool : mapping
        An element of ``tools``.
    row : Field
        The row of its type.
    """
    settings = list(_mcp_tools(tool) if row.holds == _MCP else members(tool, row.holds))
    deferred = [setting["defer_loading"] for setting in settings if setting["enabled"]]
    return bool(settings) and all(deferred)


def _mcp_tools(toolset: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The settings of each named tool, and the defaults for the others."""
    default = _settings("mcp_tool_default_config", _object(toolset.get("default_config")))
    configs = _object(toolset.get("configs"))
    pinned = toolset.get("tools")
    if isinstance(pinned, list):
        names = [str(tool.get("name")) for tool in pinned if isinstance(tool, dict)]
        yield from ({**default, **_set(_object(configs.get(name)))} for name in names)
        return
    yield default
    yield from ({**default, **_set(_object(config))} for config in configs.values())


def members(toolset: Mapping[str, Any], shape: str | None) -> Iterator[dict[str, Any]]:
    """Yield the settings of each member: ``enabled`` and ``defer_loading``.

    Parameters
    ----------
    toolset : mapping
        A toolset that runs on the client, such as the computer's.
    shape : str or None
        Its shape in the table; a shape without members yields nothing.
    """
    toolset_shape = table().shapes.get(shape or "")
    configs = toolset_shape.rows.get("configs") if toolset_shape else None
    if configs is None or configs.holds is None:
        return
    member_configs = _object(toolset.get("configs"))
    for name, row in table().shapes[configs.holds].rows.items():
        yield _settings(str(row.holds), _object(member_configs.get(name)))


def _settings(shape: str, config: Mapping[str, Any]) -> dict[str, Any]:
    rows = table().shapes[shape].rows
    return {**{name: rows[name].default for name in _SETTINGS}, **_set(config)}


def _set(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: config[name] for name in _SETTINGS if config.get(name) is not None}


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
