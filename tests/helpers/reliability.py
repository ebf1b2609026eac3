"""Writes docs/reliability.md from the runs of the tests that try faults.

A module is recorded when all of its tests ran: by `scripts/test --full`, or with another effort
where the variable RECORD_RELIABILITY is set. What was recorded of others stays.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.helpers.tried import notes

if TYPE_CHECKING:
    from collections.abc import Iterable


ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
_EXTENSION = "tests/integration/extension"
MODULES = (
    "tests/unit/test_boundaries.py",
    "tests/unit/test_aws_boundaries.py",
    "tests/unit/test_input_boundaries.py",
    "tests/unit/cdk/test_input_boundaries.py",
    "tests/unit/layer/test_ask_boundaries.py",
    "tests/unit/state/test_item.py",
    "tests/unit/observe/test_never_raises.py",
    "tests/unit/cli/test_no_traceback.py",
    "tests/unit/cli/test_hostile.py",
    "tests/unit/warm/test_lease_model.py",
    "tests/unit/wire/test_http.py",
    "tests/unit/wire/test_http_deadlines.py",
    "tests/unit/wire/test_http_tls.py",
    "tests/integration/state/test_lease_protocol.py",
    "tests/integration/state/test_state_failures.py",
    "tests/integration/keepwarm/test_killed_ticks.py",
    "tests/integration/keepwarm/test_guards.py",
    *(
        f"{_EXTENSION}/test_{name}.py"
        for name in (
            *("storms", "memory", "fleet", "processes", "launcher", "launcher_mutants", "mutants"),
            *("fault_aws", "fault_network", "fault_prefixes", "fault_provider", "fault_sandbox"),
            "fault_settings",
        )
    ),
)
_HEAD = """# What was tried, and what came of it

Each line is a module of tests that try faults, as its last recorded run wrote it: how many cases,
what they went through, with which effort (`ci` for every change, `full` by `scripts/test --full`),
and how many did not hold. A default run of the tests checks that no module is missing, and that
none that is recorded has changed its tests since.

| what is tried | cases | in numbers | effort | did not hold | tests |
|---|---|---|---|---|---|
"""
_DATA = re.compile(r"<!-- (\{.*\}) -->")


def subject(module: str) -> str:
    """What a module's tests are about: the first line of its docstring."""
    text = ast.get_docstring(ast.parse((ROOT / module).read_text())) or ""
    return text.splitlines()[0]


def names(module: str) -> set[str]:
    """The names of a module's tests."""
    tree = ast.parse((ROOT / module).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {n.name for n in tree.body if isinstance(n, functions) and n.name.startswith("test_")}


def digest(module: str) -> str:
    """What tells a module's tests from those of another version of it."""
    return hashlib.sha256("\n".join(sorted(names(module))).encode()).hexdigest()[:12]


def rows() -> dict[str, dict[str, Any]]:
    """What is recorded, by module."""
    text = PAGE.read_text() if PAGE.exists() else ""
    return {row["module"]: row for row in map(json.loads, _DATA.findall(text))}


def record(reports: Iterable[Any], effort: str) -> None:
    """Write down the modules of which all tests are among these reports."""
    recorded = rows()
    of_module: dict[str, list[Any]] = {}
    for report in reports:
        module = report.nodeid.partition("::")[0]
        if module in MODULES and (report.when == "call" or report.failed):
            of_module.setdefault(module, []).append(report)
    if not of_module:
        return
    for module, own in of_module.items():
        ran = {re.split(r"[\[:]", report.nodeid.partition("::")[2])[0] for report in own}
        if not names(module) <= ran:
            continue
        tried = [text for report in own for text in notes(report)]
        recorded[module] = {
            "module": module,
            "cases": len(own),
            "failed": sum(report.failed for report in own),
            "tried": tried,
            "effort": effort,
            "digest": digest(module),
        }
    _write({module: recorded[module] for module in MODULES if module in recorded})


def _write(recorded: dict[str, dict[str, Any]]) -> None:
    lines = [_line(module, recorded.get(module)) for module in MODULES]
    data = [f"<!-- {json.dumps(row, sort_keys=True)} -->\n" for row in recorded.values()]
    PAGE.write_text(_HEAD + "".join(lines) + "\n" + "".join(data))


def _line(module: str, row: dict[str, Any] | None) -> str:
    place = f"`{module.removeprefix('tests/')}`"
    if row is None:
        return f"| {subject(module)} | - | - | not recorded yet | - | {place} |\n"
    numbers = "<br>".join(row["tried"]) or "-"
    held = row["failed"] or "none"
    return (
        f"| {subject(module)} | {row['cases']} | {numbers} | {row['effort']} | {held} | {place} |\n"
    )
