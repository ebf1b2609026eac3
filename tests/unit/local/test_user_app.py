"""What is read of a user's CDK app before anything is started."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.errors import UsageError
from prefixwarm.local.user_app import CdkApp

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, name: str, document: Any) -> Path:
    """A JSON file."""
    (folder / name).write_text(json.dumps(document))
    return folder


def test_folder_with_a_cdk_json_is_an_app(tmp_path: Path) -> None:
    """Its name is the folder's."""
    app = CdkApp.at(write(tmp_path, "cdk.json", {"app": "python3 app.py", "profile": "prod"}))
    assert (app.name, app.command, app.profile) == (tmp_path.name, None, "prod")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "no such file"),
        ("{}", 'has no "app"'),
        ("{", "cannot be read"),
        ("[]", "is not a JSON object"),
    ],
)
def test_folder_that_is_no_app_is_said_in_one_line(
    tmp_path: Path, text: str | None, problem: str
) -> None:
    """With the file and what is wrong with it."""
    if text is not None:
        (tmp_path / "cdk.json").write_text(text)
    with pytest.raises(UsageError, match=f"cdk.json: {problem}"):
        CdkApp.at(tmp_path)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    """Before its cdk.json is."""
    with pytest.raises(UsageError, match="nowhere: no such folder"):
        CdkApp.at(tmp_path / "nowhere")


def test_command_stands_for_the_one_of_cdk_json(tmp_path: Path) -> None:
    """So that an app without one can be tried."""
    assert CdkApp.at(tmp_path, "npx ts-node app.ts").command == "npx ts-node app.ts"


def test_values_are_looked_up_where_they_were(tmp_path: Path) -> None:
    """Else CDK would not find them in cdk.context.json."""
    key = "vpc-provider:account=111122223333:filter.isDefault=true:region=eu-west-1"
    app = CdkApp(write(tmp_path, "cdk.context.json", {"acknowledged": [1], key: {}}))
    assert app.environment() == ("111122223333", "eu-west-1")
    assert CdkApp(tmp_path / "other").environment() == ("123456789012", "us-east-1")


def test_programs_come_from_the_apps_own_virtual_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless another one is active."""
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "pyvenv.cfg").touch()
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    own = os.pathsep.join((str(tmp_path / ".venv" / "bin"), "/bin"))
    assert CdkApp(tmp_path).search_path() == own
    (tmp_path / "cdk").mkdir()
    assert CdkApp(tmp_path / "cdk").search_path() == own
    monkeypatch.setenv("VIRTUAL_ENV", "/active")
    assert CdkApp(tmp_path).search_path() == "/bin"
