"""The templates for SAM and Terraform, as far as they can be checked without an account."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import hcl2
import pytest
from cfnlint import api as cfnlint
from terraform_provider import SCHEMA, serving

from prefixwarm import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Terraform = Callable[..., subprocess.CompletedProcess[str]]

EXAMPLES = Path(__file__).parents[3] / "examples"
TEMPLATE = EXAMPLES / "sam" / "template.yaml"
MODULE = EXAMPLES / "terraform"

needs_terraform = pytest.mark.skipif(
    not shutil.which("terraform"), reason="the Terraform CLI is not installed"
)


def known(names: set[str]) -> set[str]:
    """Those that the code reads."""
    return names & set(map(str, vars(settings).values()))


def module_text() -> str:
    """All files of the Terraform module."""
    return "\n".join(path.read_text() for path in sorted(MODULE.glob("*.tf")))


@pytest.mark.parametrize("template", ["sam", "terraform"])
def test_templates_set_known_variables_only(template: str) -> None:
    """And all that the functions need."""
    text = TEMPLATE.read_text() if template == "sam" else module_text()
    names = set(re.findall(r"PREFIXWARM_\w+", text))
    assert names == known(names)
    needed = {settings.TABLE, settings.MANIFEST, settings.API_KEY_SECRET, settings.DEPLOYMENT}
    assert needed | {settings.QUEUE} < names


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


@pytest.fixture
def terraform(tmp_path: Path) -> Iterator[Terraform]:
    """The real CLI in a copy of the module, with a provider that only knows the schema."""
    module = tmp_path / "module"
    shutil.copytree(MODULE, module)
    with serving(tmp_path) as leading:
        environment = {**os.environ, **leading, "CHECKPOINT_DISABLE": "1"}
        environment.pop("TF_CLI_CONFIG_FILE", None)

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = ["terraform", f"-chdir={module}", *arguments]
            return subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False
            )

        run("init", "-backend=false", "-input=false")
        yield run


@needs_terraform
def test_terraform_validates_the_module(terraform: Terraform) -> None:
    """Every argument, block and reference."""
    done = terraform("validate", "-json")
    found = json.loads(done.stdout)
    assert [d["summary"] for d in found["diagnostics"]] == []
    assert terraform("fmt", "-check", "-recursive").returncode == 0


WRONG = {
    "argument": ("memory_size      = 512", "memory_mb        = 512"),
    "missing": ('  function_name    = "${var.name}-keep-warm"\n', ""),
    "type": ("maximum_retry_attempts       = 0", 'maximum_retry_attempts       = "none"'),
    "attribute": ("aws_dynamodb_table.state.arn", "aws_dynamodb_table.state.amazon_name"),
    "block": ("flexible_time_window {", "flexible_window {"),
}


@needs_terraform
@pytest.mark.parametrize("mistake", WRONG)
def test_terraform_sees_a_mistake(terraform: Terraform, tmp_path: Path, mistake: str) -> None:
    """So that the stand-in provider proves something."""
    file = tmp_path / "module" / "keep_warm.tf"
    right, wrong = WRONG[mistake]
    text = file.read_text()
    assert right in text
    file.write_text(text.replace(right, wrong))
    assert terraform("validate").returncode == 1


@needs_terraform
def test_the_modules_own_tests_pass(terraform: Terraform, tmp_path: Path) -> None:
    """Planned with each kind of credentials, and with workers."""
    build = tmp_path / "build"
    (build / "objects").mkdir(parents=True)
    (build / "objects" / "a.json").write_text("{}")
    for name in ("layer.zip", "keepwarm.zip"):
        (build / name).write_bytes(b"zip")
    deployment = {"ManifestKey": "prefixwarm/a.json", "StateKeys": ["a"], "CacheScope": "default"}
    (build / "deployment.json").write_text(json.dumps(deployment))
    done = terraform("test", "-no-color", "-var", f"build={build}")
    assert "4 passed, 0 failed" in done.stdout, done.stdout + done.stderr


def test_the_schema_has_every_type_of_the_module() -> None:
    """Otherwise scripts/update-terraform-schema was not run."""
    used = re.findall(r'^(resource|data) "(\w+)"', module_text(), re.MULTILINE)
    schema = json.loads(SCHEMA.read_text())
    assert {(kind, name) for kind in ("resource", "data") for name in schema[kind]} == set(used)


def test_the_terraform_module_has_the_table_of_the_state() -> None:
    """Keys and index are those of the construct."""
    found = hcl2.loads((MODULE / "main.tf").read_text())["resource"]
    text = str([entry for entry in found if "dynamodb" in str(entry.keys())]).replace('"', "")
    for words in ("hash_key': 'pk'", "name': 'due'", "due_shard", "due_at", "expires_at"):
        assert words in text
