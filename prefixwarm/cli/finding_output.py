"""Prints findings, as lines and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.cli.output import line, severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prefixwarm.lint.finding import Finding


def as_json(finding: Finding) -> dict[str, Any]:
    """One finding with its stable keys."""
    return {
        "rule": finding.rule.id,
        "severity": finding.severity,
        "place": finding.place,
        "message": finding.message,
        "docs": finding.rule.docs,
    }


def show(findings: Iterable[Finding], source: object) -> None:
    """Print one line per finding: place, severity, rule, remedy."""
    for finding in findings:
        label = severity(finding.severity)
        line(f"{source}: {finding.place}: ", label, f" {finding.rule.id}: {finding.message}")
