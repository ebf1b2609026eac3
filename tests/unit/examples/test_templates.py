"""The templates for SAM and Terraform, as far as they can be checked without an account."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import hcl2
import pytest
from cfnlint import api as cfnlint

from prefixwarm.core import settings

EXAMPLES = Path(__file__).parents[3] / "examples"
TEMPLATE = EXAMPLES / "sam" / "template.yaml"
MODULE = EXAMPLES / "terraform" / "main.tf"


def known(names: set[str]) -> set[str]:
    """Those that the code reads."""
    return names & {getattr(settings, name) for name in settings.__all__ if name.isupper()}


@pytest.mark.parametrize("path", [TEMPLATE, MODULE], ids=["sam", "terraform"])
def test_templates_set_known_variables_only(path: Path) -> None:
    """And all that both functions need."""
    names = set(re.findall(r"PREFIXWARM_\w+", path.read_text()))
    assert names == known(names)
    needed = {settings.TABLE, settings.MANIFEST, settings.API_KEY_SECRET, settings.DEPLOYMENT}
    assert needed < names


def test_cfn_lint_finds_nothing_in_the_sam_template() -> None:
    """After SAM's transform."""
    found = cfnlint.lint(TEMPLATE.read_text(), regions=["eu-west-1", "us-east-1"])
    assert found == []


@pytest.mark.skipif(not shutil.which("sam"), reason="the SAM CLI is not installed")
def test_the_sam_cli_validates_the_template() -> None:
    """The real one."""
    command = ["sam", "validate", "--lint", "--region", "eu-west-1", "--template", str(TEMPLATE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_terraform_module_is_closed() -> None:
    """It parses, and every resource that it refers to is there."""
    text = MODULE.read_text()
    found = hcl2.loads(text)
    defined = {
        f"{kind}.{name}".replace('"', "")
        for block in ("resource", "data")
        for entry in found[block]
        for kind, bodies in entry.items()
        for name in bodies
    }
    assert set(re.findall(r"\baws_\w+\.\w+", text)) <= defined
    assert {f"var.{name.strip(chr(34))}" for entry in found["variable"] for name in entry} == set(
        re.findall(r"\bvar\.\w+", text)
    )


def test_the_terraform_module_has_the_table_of_the_state() -> None:
    """Keys and index are those of the construct."""
    tables = [e for e in hcl2.loads(MODULE.read_text())["resource"] if "dynamodb" in str(e.keys())]
    text = str(tables).replace('"', "")
    for words in ("hash_key': 'pk'", "name': 'due'", "due_shard", "due_at", "expires_at"):
        assert words in text
