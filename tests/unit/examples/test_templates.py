"""The templates for SAM and Terraform, as far as they can be checked without an account."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import hcl2
import pytest

from prefixwarm import settings

EXAMPLES = Path(__file__).parents[3] / "examples"
TEMPLATE = EXAMPLES / "sam" / "template.yaml"
MODULE = EXAMPLES / "terraform"
HCL_FILES = sorted([*MODULE.glob("*.tf"), *MODULE.glob("tests/*.hcl")])


def declared(names: set[str]) -> set[str]:
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
    assert names == declared(names)
    needed = {settings.TABLE, settings.MANIFEST, settings.API_KEY_SECRET, settings.DEPLOYMENT}
    assert needed | {settings.QUEUE} < names


@pytest.mark.slow
def test_cfn_lint_finds_nothing_in_the_sam_template() -> None:
    """After SAM's transform."""
    # Dear to import.
    from cfnlint import api as cfnlint

    matches = cfnlint.lint(TEMPLATE.read_text(), regions=["eu-west-1", "us-east-1"])
    assert matches == []


@pytest.mark.skipif(not shutil.which("sam"), reason="the SAM CLI is not installed")
@pytest.mark.slow
def test_the_sam_cli_validates_the_template() -> None:
    """The real one."""
    command = ["sam", "validate", "--lint", "--region", "eu-west-1", "--template", str(TEMPLATE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Terraform:
    """The Terraform CLI in a copy of the module, with the real AWS provider."""

    def __init__(self, module: Path) -> None:
        self._module = module
        self._environ = {**os.environ, "CHECKPOINT_DISABLE": "1"}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the CLI."""
        command = ["terraform", f"-chdir={self._module}", *arguments]
        return subprocess.run(
            command, env=self._environ, capture_output=True, text=True, check=False
        )

    def initialise(self) -> str | None:
        """Install the provider, from a mirror below /opt or as configured; or say why not."""
        mirrors = Path("/opt").glob("*/registry.terraform.io/hashicorp/aws")
        for more in [*([f"-plugin-dir={mirror.parents[2]}"] for mirror in mirrors), []]:
            done = self.run("init", "-backend=false", "-input=false", "-no-color", *more)
            if done.returncode == 0:
                return None
        errors = [line for line in done.stderr.splitlines() if "Error:" in line]
        return " ".join(errors).lstrip("│ ") or done.stderr


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Terraform, or a skip with the reason where it or its AWS provider is not at hand."""
    if not shutil.which("terraform"):
        pytest.skip("the Terraform CLI is not installed: the module is parsed only")
    module = tmp_path_factory.mktemp("terraform") / "module"
    shutil.copytree(MODULE, module, ignore=shutil.ignore_patterns(".terraform*"))
    cli = Terraform(module)
    if reason := cli.initialise():
        pytest.skip(f"no AWS provider, the module is parsed only: {reason}")
    return cli


@pytest.mark.slow
def test_terraform_validates_the_module(terraform: Terraform) -> None:
    """Every argument, block and reference."""
    report = json.loads(terraform.run("validate", "-json").stdout)
    assert [d["summary"] for d in report["diagnostics"]] == []
    assert terraform.run("fmt", "-check", "-recursive").returncode == 0


@pytest.mark.slow
def test_the_modules_own_tests_pass(terraform: Terraform, tmp_path: Path) -> None:
    """Planned with both kinds of credentials, applied with workers and with asks; AWS is mocked."""
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "a.json").write_text("{}")
    for name in ("layer.zip", "keepwarm.zip"):
        (tmp_path / name).write_bytes(b"zip")
    deployment = {"ManifestKey": "prefixwarm/a.json", "StateKeys": ["a"], "CacheScope": "default"}
    (tmp_path / "deployment.json").write_text(json.dumps(deployment))
    done = terraform.run("test", "-no-color", "-var", f"build={tmp_path}")
    assert "5 passed, 0 failed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("file", HCL_FILES, ids=lambda path: path.name)
def test_the_terraform_module_is_valid_hcl(file: Path) -> None:
    """Checked everywhere, also without Terraform."""
    assert hcl2.loads(file.read_text())


def test_the_terraform_module_has_the_table_of_the_state() -> None:
    """Keys and index are those of the construct."""
    resources = hcl2.loads((MODULE / "main.tf").read_text())["resource"]
    text = str([entry for entry in resources if "dynamodb" in str(entry.keys())]).replace('"', "")
    for words in ("hash_key': 'pk'", "name': 'due'", "due_shard", "due_at", "expires_at"):
        assert words in text
