"""docs/api.md: every public name of the library, from its docstring."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

from references.docstrings import call, document, one_line, written

if TYPE_CHECKING:
    from collections.abc import Iterator

# What users import from, in the order of the page.
PACKAGES = ("prefixwarm", "prefixwarm.observe", "prefixwarm.testing", "prefixwarm.prices")
HEAD = """# API of the library

Made from the docstrings by `scripts/update-references`. How the names go together is told in
[library](library.md), [schedule](schedule.md), [observe](observe.md), [testing](testing.md),
[stats](stats.md), [cost gate](cost-gate.md), [conversation](conversation.md) and [ask](ask.md).
The constructs have [pages of their own](constructs/prefix-warmer.md).
"""
# What their methods give; nobody imports these.
RESULTS = {
    "CacheSummary": "prefixwarm.library.cache_summary",
    "Advice": "prefixwarm.library.hit_advice",
    "LowHits": "prefixwarm.library.hit_alert",
    "CallEstimate": "prefixwarm.library.call_estimate",
    "GatedCall": "prefixwarm.library.gated_call",
    "Fitted": "prefixwarm.library.conversation_fit",
    "Dropped": "prefixwarm.library.conversation_fit",
    "Usage": "prefixwarm.state.outcome",
}


def pages() -> dict[str, str]:
    """The page of today."""
    parts, shown = [HEAD], set[int]()
    for package in PACKAGES:
        module = import_module(package)
        parts.append(f"## `{package}`\n\n{one_line(module.__doc__ or '')}\n")
        for name in sorted((n for n in module.__all__ if not n.startswith("_")), key=str.lower):
            value = getattr(module, name)
            # A name of two packages stands in the first.
            if id(value) not in shown:
                parts += _entry(name, value)
                shown.add(id(value))
    parts.append("## What `CacheStats`, `CostGate` and `fit` return\n")
    for name, place in RESULTS.items():
        parts += _entry(name, getattr(import_module(place), name), made_by_users=False)
    parts.append(_errors())
    return {"api.md": "\n".join(parts)}


def _errors() -> str:
    module = import_module("prefixwarm.errors")
    head, _, tree = (module.__doc__ or "").partition("::\n")
    return f"## `prefixwarm.errors`\n\n{head.strip()}\n\n```text\n{inspect.cleandoc(tree)}\n```\n"


def _entry(name: str, value: Any, *, made_by_users: bool = True) -> Iterator[str]:
    """A name with its docstring, and those of a class's members."""
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        return
    yield f"### `{name}{call(value) if made_by_users else ''}`\n\n{document(value)}"
    classes = written(value) if inspect.isclass(value) else ()
    members = {name: held for one in classes for name, held in vars(one).items()}
    for member, held in members.items():
        function = held.fget if isinstance(held, property) else getattr(held, "__func__", held)
        text = getattr(function, "__doc__", None) or ""
        # What is there for another module of ours is described where it is asked for.
        if member.startswith("_") or not inspect.isfunction(function) or text.startswith("See `"):
            continue
        own = "" if isinstance(held, property) else call(function)
        yield f"#### `{name}.{member}{own}`\n\n{document(function)}"
