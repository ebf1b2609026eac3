"""Findings as SARIF 2.1.0, for code scanning of pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from prefixwarm import __version__
from prefixwarm.lint.finding import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from prefixwarm.lint.finding import Finding, Rule


_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_INDEX = {name: i for i, name in enumerate(RULES)}


def as_sarif(findings: Iterable[tuple[Path, Finding]]) -> dict[str, Any]:
    """One run with all findings, each with its file."""
    driver = {
        "name": "prefixwarm",
        "version": __version__,
        "rules": [_rule(rule) for rule in RULES.values()],
    }
    results = [_result(path, finding) for path, finding in findings]
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.summary},
        # GitHub's code scanning requires it.
        "fullDescription": {"text": rule.summary},
        "help": {"text": f"See {rule.docs}"},
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(path: Path, finding: Finding) -> dict[str, Any]:
    return {
        "ruleId": finding.rule.id,
        "ruleIndex": _INDEX[finding.rule.id],
        "level": finding.severity,
        "message": {"text": f"{finding.place}: {finding.message}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(path.as_posix())},
                    "region": {"startLine": 1},
                },
                "logicalLocations": [{"fullyQualifiedName": finding.place}],
            }
        ],
    }
