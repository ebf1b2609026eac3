"""AWS as this machine knows it: the environment's keys first, then a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.cli.aws_profile import credentials, located
from prefixwarm.errors import CredentialsError
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A machine without AWS, on which profiles can be written."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path


def test_a_profile(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its region, and its keys with their token."""
    (machine / "config").write_text("[profile shop]\nregion = eu-north-1\n")
    (machine / "credentials").write_text(
        "[shop]\naws_access_key_id = AKIDSHOP\naws_secret_access_key = s\naws_session_token = t\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "shop")
    environ = located()
    assert environ["AWS_REGION"] == "eu-north-1"
    keys = credentials(environ)(Deadline.after(60))
    assert (keys.access_key, keys.secret_key, keys.token) == ("AKIDSHOP", "s", "t")


def test_the_default_profile(machine: Path) -> None:
    """Its region counts where none is named."""
    (machine / "config").write_text("[default]\nregion = eu-south-2\n")
    assert located()["AWS_REGION"] == "eu-south-2"


def test_the_environment_first(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As everywhere at AWS."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    environ = located()
    assert environ["AWS_REGION"] == "us-west-2"
    assert credentials(environ)(Deadline.after(60)).access_key == "AKIDENV"


def test_neither(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to set is said; a profile that does not exist is named."""
    with pytest.raises(CredentialsError, match="set AWS_PROFILE or AWS_ACCESS_KEY_ID"):
        credentials({})(Deadline.after(60))
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(CredentialsError, match="nobody"):
        credentials({})(Deadline.after(60))
    with pytest.raises(CredentialsError, match="nobody"):
        located()
