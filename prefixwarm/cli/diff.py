"""`prefixwarm diff`: show where two prefix files or requests differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefixwarm.amounts import dollars, tokens
from prefixwarm.cli.output import Styled, emit, finish, json_option, line
from prefixwarm.cli.request_files import Input, read_input
from prefixwarm.life import TTL_SECONDS
from prefixwarm.lint.miss_cost import lost_tokens
from prefixwarm.usage.miss_price import miss_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.prefix.difference import Difference


@click.command(epilog="Example: prefixwarm diff old/support.prefix.json support.prefix.json")
@click.argument("first_path", type=click.Path(path_type=Path), metavar="A")
@click.argument("second_path", type=click.Path(path_type=Path), metavar="B")
@json_option
def diff(first_path: Path, second_path: Path, as_json: bool) -> None:
    """Show where two prefix files or requests differ, and what it costs.

    A and B are prefix files or JSON bodies of real requests. Shows the first difference of each
    tier. Exits 1 if there is a difference.
    """
    first, second = read_input(first_path), read_input(second_path)
    changes = _differences(first, second)
    not_shared = lost_tokens(first.prompt, second.prompt, changes) if changes else 0
    ttl = next((side.prefix.ttl for side in (first, second) if side.prefix), "5m")
    cost = miss_usd(not_shared, second.usd_per_mtok, TTL_SECONDS[ttl])
    document = {
        "equal": not changes,
        "differences": [vars(change) for change in changes],
        "lost_tokens": not_shared,
        "miss_usd": cost if changes else 0.0,
    }
    emit(document, as_json, lambda: _show(changes, not_shared, cost))
    finish(ok=not changes)


def _differences(first: Input, second: Input) -> list[Difference]:
    """The differences; against a prefix file, only within the prefix."""
    if second.prefix and not first.prefix:
        changes = second.prompt.differences(first.prompt, as_prefix=True)
        return [difference.reversed() for difference in changes]
    is_file = bool(first.prefix and not second.prefix)
    return first.prompt.differences(second.prompt, as_prefix=is_file)


def _show(changes: Sequence[Difference], count: int, cost: float | None) -> None:
    if not changes:
        line("no difference: each reads the other's cache entry")
        return
    for change in changes:
        _show_one(vars(change))
    line(
        f"not shared: {tokens(count, estimated=True)} tokens; each miss costs {dollars(cost)} more"
    )


def _show_one(change: dict[str, Any]) -> None:
    at = "" if change["character"] is None else f", character {change['character']}"
    line(f"{change['tier']}: {change['place']}{at}: {change['why']}")
    line(Styled(f"  - {change['left']}", "red"))
    line(Styled(f"  + {change['right']}", "green"))
