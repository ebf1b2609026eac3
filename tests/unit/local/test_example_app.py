"""Where the example is, in a checkout and in a wheel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from prefixwarm.cli.command_group import run
from prefixwarm.local import example_app
from prefixwarm.local.errors import LocalCloudError
from prefixwarm.local.example_app import ExampleApp

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of `prefixwarm.local`, as a wheel installs it."""
    folder = tmp_path / "site-packages" / "prefixwarm" / "local"
    monkeypatch.setattr(example_app, "__file__", str(folder / "example_app.py"))
    return folder


def test_a_checkout_has_the_app_and_the_agent() -> None:
    """The folders that the demo deploys from."""
    example = ExampleApp.installed()
    assert (example.app / "app.py").exists()
    assert (example.agent / "handler.py").exists()


def test_a_wheel_has_its_own_copy(package: Path) -> None:
    """Laid out as in the repository, beside the module."""
    app = package / "example" / "cdk" / "app.py"
    app.parent.mkdir(parents=True)
    app.touch()
    assert ExampleApp.installed().app == app.parent


def test_an_incomplete_installation_is_one_line(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, and nothing started."""
    with pytest.raises(LocalCloudError, match="install prefixwarm again"):
        ExampleApp.installed()
    assert run(["demo", "--json"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
