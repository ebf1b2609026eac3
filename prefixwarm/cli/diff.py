"""`prefixwarm diff`: where two prefix files or requests differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefixwarm.cli.inputs import Input, read_input
from prefixwarm.cli.output import dollars, emit, finish, json_option, tokens
from prefixwarm.lint.miss_cost import lost_tokens, miss_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.prefix.difference import Difference


@click.command(epilog="Example: prefixwarm diff old/support.prefix.json support.prefix.json")
@click.argument("left", type=click.Path(path_type=Path), metavar="A")
@click.argument("right", type=click.Path(path_type=Path), metavar="B")
@json_option
def diff(left: Path, right: Path, as_json: bool) -> None:
    """Show where two prefix files or requests differ, and what it costs.

    A and B are prefix files or JSON bodies of real requests. Names the first difference of each
    tier. Exits 1 when there is one.
    """
    ours, theirs = read_input(left), read_input(right)
    found = _differences(ours, theirs)
    lost = lost_tokens(ours.prompt, theirs.prompt, found) if found else 0
    ttl = next((s.prefix.ttl for s in (ours, theirs) if s.prefix), "5m")
    cost = miss_usd(lost, theirs.usd_per_mtok, ttl)
    document = {
        "equal": not found,
        "differences": [vars(each) for each in found],
        "lost_tokens": lost,
        "miss_usd": cost if found else 0.0,
    }
    emit(document, as_json, lambda: _show(found, lost, cost))
    finish(ok=not found)


def _differences(ours: Input, theirs: Input) -> list[Difference]:
    """With a prefix file on one side, only as far as the prefix reaches."""
    if theirs.prefix and not ours.prefix:
        found = theirs.prompt.differences(ours.prompt, as_prefix=True)
        return [difference.reversed() for difference in found]
    return ours.prompt.differences(theirs.prompt, as_prefix=bool(ours.prefix and not theirs.prefix))


def _show(found: Sequence[Difference], lost: int, cost: float | None) -> None:
    if not found:
        click.echo("no difference: each reads what the other writes")
        return
    for each in found:
        _show_one(vars(each))
    click.echo(f"not shared: about {tokens(lost)} tokens; each miss costs {dollars(cost)} more")


def _show_one(each: dict[str, Any]) -> None:
    at = "" if each["character"] is None else f", character {each['character']}"
    click.echo(f"{each['tier']}: {each['place']}{at}: {each['why']}")
    click.echo(click.style(f"  - {each['left']}", fg="red"))
    click.echo(click.style(f"  + {each['right']}", fg="green"))
