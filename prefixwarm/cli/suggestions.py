"""Suggests the intended command or value for a misspelt one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable


class SuggestingGroup(click.Group):
    """Commands that suggest the nearest name for a misspelt one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or suggest the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            meant = _suggestion(args[0], self.list_commands(ctx)) if args else ""
            if not meant or args[0].startswith("-"):
                raise
            raise click.UsageError(f"No such command {args[0]!r}.{meant}", error.ctx) from error


def suggested_choice(error: click.ClickException) -> str:
    """A sentence with the choice nearest to a refused value; empty if none is near."""
    kind = getattr(getattr(error, "param", None), "type", None)
    if not isinstance(error, click.BadParameter) or not isinstance(kind, click.Choice):
        return ""
    _, _, rest = error.message.partition("'")
    value, _, _ = rest.partition("' is not ")
    return _suggestion(value, map(str, kind.choices))


def _suggestion(value: str, choices: Iterable[str]) -> str:
    near = get_close_matches(value, list(choices), 1)
    return f" Did you mean {near[0]!r}?" if near else ""
