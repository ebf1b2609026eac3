"""docs/settings.md: every variable of ours, from prefixwarm/settings.py and from who reads it."""

from __future__ import annotations

import ast
import inspect
import re
from itertools import pairwise

from prefixwarm import settings
from references.pages import ROOT, row, with_part

# Who reads a setting, by the folder of the code that does.
READERS = {
    "extension/prefixwarm_extension": ("layer",),
    "layer/prefixwarm_layer": ("layer",),
    "prefixwarm/keepwarm": ("keep-warm function",),
    "prefixwarm/observe": ("observe",),
    "prefixwarm/library": ("library",),
    "prefixwarm/cli": ("command line",),
    # The connections of all that make warm calls.
    "prefixwarm/warm": ("layer", "keep-warm function", "command line"),
}
ORDER = ("layer", "keep-warm function", "observe", "library", "command line")


def texts() -> dict[str, str]:
    """The text below each constant, by its name."""
    body = ast.parse(inspect.getsource(settings)).body
    return {
        line.targets[0].id: inspect.cleandoc(below.value.value)
        for line, below in pairwise(body)
        if isinstance(line, ast.Assign)
        and isinstance(line.targets[0], ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
    }


def readers(constant: str) -> list[str]:
    """Who reads the variable: by its field of the settings, or by its own name."""
    own = getattr(settings, constant)
    sign = re.compile(rf"settings\.{constant.lower()}\b|[^\w]{own}\b|\b{constant}\b")
    if constant == "METRICS":
        sign = re.compile(r"settings\.(full_)?metrics\b")
    names = {
        reader
        for folder, reading in READERS.items()
        for file in (ROOT / folder).rglob("*")
        if file.suffix in (".py", ".sh", ".cjs") and sign.search(_code(file.read_text("utf-8")))
        for reader in reading
    }
    return sorted(names, key=ORDER.index)


def _code(text: str) -> str:
    """Without comments and docstrings, which only speak of a variable."""
    return re.sub(r'"""[\s\S]*?"""|^\s*(#|//).*$', "", text, flags=re.MULTILINE)


def default(constant: str) -> str:
    """What counts where the variable is not set."""
    value = getattr(settings.Settings, constant.lower(), None)
    if value in (None, "", {}, []):
        return "none"
    return "no" if value is False else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def table() -> str:
    """The variables in the order of the code."""
    lines = [row("variable", "default", "unit", "read by", "meaning"), "|---|---|---|---|---|"]
    for constant, text in texts().items():
        meaning, _, facts = text.partition("\n\n")
        stated = dict(re.findall(r"^(Unit|Default): (.+)$", facts, re.MULTILINE))
        cells = (
            f"`{getattr(settings, constant)}`",
            stated.get("Default", default(constant)),
            stated.get("Unit", ""),
            ", ".join(readers(constant)),
            " ".join(meaning.split()),
        )
        lines.append(row(*cells))
    return "\n".join(lines)


def pages() -> dict[str, str]:
    """The page with the table of today."""
    return {"settings.md": with_part("settings.md", "settings", table())}
