"""Findings on the screen and in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from prefixwarm.cli.output import severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prefixwarm.lint.finding import Finding


def as_json(found: Finding) -> dict[str, Any]:
    """One finding's stable keys."""
    return {
        "rule": found.rule.id,
        "severity": found.severity,
        "place": found.place,
        "message": found.message,
        "docs": found.rule.docs,
    }


def show(found: Iterable[Finding], source: object) -> None:
    """One line per finding: where, how bad, which rule, what to do."""
    for each in found:
        word = severity(each.severity)
        click.echo(f"{source}: {each.place}: {word} {each.rule.id}: {each.message}")
