"""docs/constructs/*.md: each public class of `prefixwarm_cdk`, from its docstrings."""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Any

from prefixwarm.local.toolchain import Tools
from references.docstrings import call, document
from references.pages import with_part

if TYPE_CHECKING:
    from collections.abc import Iterator

# By page: the class. What is inherited of CDK itself is in CDK's own reference.
PAGES = {
    "prefix-warmer": "PrefixWarmer",
    "keep-warm": "KeepWarm",
    "budget": "Budget",
    "credentials": "Credentials",
}
# What users need of what a warmer has, by its class.
HELD = {"PrefixWarmer": ("keep_warm", "prefixwarm_cdk.function", "KeepWarmFunction")}


def pages() -> dict[str, str]:
    """The pages with the reference of today."""
    # CDK's kernel reads these when it starts.
    os.environ.setdefault("JSII_NODE", str(Tools().node()))
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "18,20,21,23")
    import prefixwarm_cdk

    made = {}
    for page, name in PAGES.items():
        cls = getattr(prefixwarm_cdk, name)
        text = "\n".join(_class(name, cls))
        made[f"constructs/{page}.md"] = with_part(f"constructs/{page}.md", "reference", text)
    return made


def _class(name: str, cls: Any) -> Iterator[str]:
    own = call(cls) if inspect.getdoc(cls) and "Parameters\n" in str(inspect.getdoc(cls)) else ""
    yield f"### `{name}{own}`\n\n{document(cls, typed=bool(own), folder='../')}"
    for member, value in _members(cls):
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        shown = "" if isinstance(value, property) else call(function)
        text = document(function, typed=bool(shown), folder="../")
        yield f"#### `{name}.{member}{shown}`\n\n{text}"


def _members(cls: Any) -> Iterator[tuple[str, Any]]:
    """Public methods and properties that ours declare, the class's own first."""
    seen = set[str]()
    for owner in cls.__mro__:
        if not owner.__module__.startswith("prefixwarm_cdk"):
            continue
        for name, value in vars(owner).items():
            function = getattr(value, "__func__", value)
            described = isinstance(value, property) or inspect.isfunction(function)
            internal = getattr(function, "__isabstractmethod__", False) or name in _INTERNAL
            if not (name.startswith("_") or name in seen or internal) and described:
                seen.add(name)
                yield name, value


# What the constructs ask each other.
_INTERNAL = {"check", "policy"}
