"""`prefixwarm doctor` on this machine: what is missing is named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from prefixwarm.doctor.machine import machine


@pytest.mark.parametrize(
    ("modules", "names"),
    [
        (["ministack"], "demo"),
        (["ministack", "anthropic", "aws_lambda_powertools"], "demo"),
        (["aws_cdk", "ministack"], "cdk,demo"),
        (["genai_prices"], "simulator"),
    ],
)
def test_missing_part_of_an_extra_is_found(
    modules: list[str], names: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any module of it, not the first alone."""
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    extras = next(one for one in machine(Path("nowhere")) if one.check == "extras")
    assert extras.level == "warning"
    assert extras.detail == f"{names}: not installed: {', '.join(sorted(modules))}"
    assert extras.remedy == f"pip install 'prefixwarm[{names}]'"
