"""What contributors and the forge read agrees with what is there."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import prefixwarm

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[2]
FORGE = ROOT / ".github"


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def _python_versions() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pattern = r"Programming Language :: Python :: (3\.\d+)"
    matches = [re.fullmatch(pattern, text) for text in project["classifiers"]]
    versions = [match[1] for match in matches if match]
    assert project["requires-python"] == f">={versions[0]}"
    return versions


def test_ci_runs_on_every_version_that_the_package_claims() -> None:
    """And by the commands that the README names."""
    jobs = _yaml(FORGE / "workflows" / "ci.yml")["jobs"]
    assert jobs["quick"]["strategy"]["matrix"]["python"] == _python_versions()
    runs = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    scripts = [run.split()[0] for run in runs if not run.startswith("sudo")]
    assert all((ROOT / script).stat().st_mode & 0o100 for script in scripts)


def test_the_version_is_the_same_everywhere() -> None:
    """In the package, on the page of what is stable, in the README and in the changelog."""
    version = prefixwarm.__version__
    for name in ("docs/stability.md", "README.md"):
        assert f"ersion {version}" in (ROOT / name).read_text().replace("ersion is ", "ersion ")
    changelog = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## \[([^\]]+)\]", changelog, re.MULTILINE)
    assert headings[:2] == ["Unreleased", version]


def test_ci_has_both_ends_of_the_bounds_and_a_gate_of_coverage() -> None:
    """The lowest versions on the oldest Python, and a number below which coverage fails."""
    jobs = _yaml(FORGE / "workflows" / "ci.yml")["jobs"]
    runs = {name: " ".join(step.get("run", "") for step in jobs[name]["steps"]) for name in jobs}
    assert "scripts/test-lowest" in runs["lowest"]
    assert jobs["lowest"]["steps"][1]["with"]["python-version"] == _python_versions()[0]
    assert "--cov" in runs["coverage"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["coverage"]["report"]["fail_under"] >= 70


def test_the_commands_for_contributors_are_the_readmes() -> None:
    """Three, one after the other."""
    blocks = [
        re.search(r"## (?:Develop|Three commands)\n.*?```console\n(.*?)```", text, re.DOTALL)
        for text in ((ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md"))
    ]
    (readme, contributing) = [block[1] for block in blocks if block]
    assert readme == contributing
    assert len(contributing.splitlines()) == 3


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "CODE_OF_CONDUCT.md"])
def test_links_and_paths_lead_somewhere(name: str) -> None:
    """Of what stands at the root."""
    text = (ROOT / name).read_text()
    links = re.findall(r"\]\(([^)#]+)\)", text)
    paths = re.findall(r"`((?:prefixwarm|extension|layer|cdk|tests|scripts|docs)/[\w/.-]*)`", text)
    assert [path for path in links + paths if not (ROOT / path).exists()] == []


def test_forms_ask_for_no_secrets() -> None:
    """Every form has a name, a description and a body, and the bug form says what not to paste."""
    for form in ("bug", "idea"):
        content = _yaml(FORGE / "ISSUE_TEMPLATE" / f"{form}.yml")
        assert {"name", "description", "body"} <= set(content)
    assert "Never paste keys or prompts" in (FORGE / "ISSUE_TEMPLATE" / "bug.yml").read_text()


def test_a_release_needs_no_stored_token() -> None:
    """The index trusts the workflow, and hashes of wheel and layer are published."""
    publish = _yaml(FORGE / "workflows" / "release.yml")["jobs"]["publish"]
    assert publish["permissions"]["id-token"] == "write"
    text = (FORGE / "workflows" / "release.yml").read_text()
    assert "password" not in text
    assert "sha256sum * ../dist-layer/layer.zip" in text


def test_hooks_run_what_is_there() -> None:
    """With the project's own tools."""
    (repository,) = _yaml(ROOT / ".pre-commit-config.yaml")["repos"]
    entries = [hook["entry"] for hook in repository["hooks"]]
    assert all(entry.startswith(".venv/bin/") for entry in entries)
    assert any("scripts/check-structure" in entry for entry in entries)
