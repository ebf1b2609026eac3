"""Where the demo can run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from prefixwarm.cli.command_group import run
from prefixwarm.local import checkout
from prefixwarm.local.checkout import Checkout
from prefixwarm.local.errors import LocalCloudError

if TYPE_CHECKING:
    from pathlib import Path


def test_checkout_has_the_app_and_the_agent() -> None:
    """The folders that the demo deploys from."""
    found = Checkout.here()
    assert (found.app / "app.py").exists()
    assert (found.agent / "handler.py").exists()


def test_installed_wheel_says_where_the_demo_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit code 1, and nothing started."""
    elsewhere = tmp_path / "site-packages" / "prefixwarm" / "demo" / "checkout.py"
    monkeypatch.setattr(checkout, "__file__", str(elsewhere))
    with pytest.raises(LocalCloudError, match="clone the repository and run scripts/demo"):
        Checkout.here()
    assert run(["demo", "--json"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
