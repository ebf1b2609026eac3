"""Finds an app's functions with prefixwarm attached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm import settings
from prefixwarm.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.local.cloud_assembly import AssembledFunction

_ADD = (
    "add `PrefixWarmer(...)` of prefixwarm_cdk to a stack and `.attach(function)` to the agent's "
    "(`prefixwarm init` prints the lines, docs/deploy.md explains them)"
)


def is_keep_warm(function: AssembledFunction) -> bool:
    """Whether it is one of prefixwarm's own functions."""
    return str(function.properties.get("Handler", "")).startswith("prefixwarm.keepwarm.")


def is_attached(function: AssembledFunction) -> bool:
    """Whether it has the layer and its settings."""
    return settings.INIT in function.variables and not is_keep_warm(function)


def choose(every: Sequence[AssembledFunction], name: str | None) -> AssembledFunction:
    """Choose the attached function with this name, or the only one.

    Raises
    ------
    UsageError
        If there is none, or the choice is ambiguous.
    """
    own = [function for function in every if not is_keep_warm(function)]
    attached = [function for function in own if is_attached(function)]
    if not attached:
        raise UsageError(f"no function of this app uses prefixwarm: {_ADD}{_listed(own)}")
    if name is None:
        matching = attached
    else:
        matching = [function for function in attached if function.answers_to(name)]
        if not matching and any(function.answers_to(name) for function in own):
            raise UsageError(f"--function {name}: prefixwarm is not attached to it: {_ADD}")
    if len(matching) == 1:
        return matching[0]
    problem = f"--function {name}: matches" if name else "prefixwarm is attached to"
    if not matching:
        raise UsageError(
            f"--function {name}: no attached function has this name{_listed(attached)}"
        )
    raise UsageError(f"{problem} several functions; choose one with --function{_listed(matching)}")


def _listed(functions: Sequence[AssembledFunction]) -> str:
    names = ", ".join(sorted(function.path for function in functions))
    return f"; functions: {names}" if names else ""
