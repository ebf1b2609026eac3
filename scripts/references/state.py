"""docs/state.md: the table of attributes, from the schema of the warm state."""

from __future__ import annotations

import ast
import inspect
from typing import TYPE_CHECKING

from prefixwarm.state import schema
from prefixwarm.state.warm_state import FIELDS, GROUPS
from references.pages import with_part

if TYPE_CHECKING:
    from prefixwarm.state.schema import Group


def meanings() -> dict[str, str]:
    """What each attribute means, by its name: the text below it in the schema."""
    texts = {"name": "the prefix's name"}
    for group in ast.walk(ast.parse(inspect.getsource(schema))):
        if not isinstance(group, ast.ClassDef):
            continue
        for line, below in zip(group.body, group.body[1:], strict=False):
            if isinstance(line, ast.AnnAssign) and isinstance(line.value, ast.Call):
                attribute = ast.literal_eval(line.value.args[0])
                text = ast.literal_eval(below.value) if isinstance(below, ast.Expr) else ""
                texts[attribute] = " ".join(text.split())
    return texts


def table() -> str:
    """The attributes in their groups, as Markdown."""
    lines, texts = ["| attribute | type | |", "|---|---|---|"], meanings()
    shown: type[Group] | None = None
    for attribute, field in FIELDS.items():
        group = GROUPS.get(field.group)
        if group is not shown and group is not None:
            shown = group
            lines.append(f"| **{field.group.replace('_', ' ')}** | | {group.__doc__} |")
        hidden = " (internal)" if field.internal else ""
        lines.append(
            f"| `{attribute}` | {field.kind.attribute_type}: {field.kind.what} "
            f"| {texts[attribute]}{hidden} |"
        )
    return "\n".join(lines)


def pages() -> dict[str, str]:
    """The page with the table of today."""
    return {"state.md": with_part("state.md", "attributes", table())}
