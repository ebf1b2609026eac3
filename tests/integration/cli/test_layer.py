"""`layer publish` against the local AWS API over HTTP: what a function would be given."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import pytest

from prefixwarm.cli.command_group import run
from prefixwarm.local.local_aws import LocalAws
from prefixwarm.local.local_http import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAws]:
    """An account on this machine, which boto3 finds by the environment."""
    with LocalAws() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


def test_what_is_published_is_what_is_built(aws: LocalAws, tmp_path: Path, capsys: Any) -> None:
    """The same bytes, for every Python runtime and both architectures."""
    region = aws.environment()["AWS_REGION"]
    assert run(["layer", "build", "--out", str(tmp_path / "layer.zip")]) == 0
    capsys.readouterr()
    assert run(["layer", "publish", "--region", region, "--name", "warm"]) == 0
    arn = capsys.readouterr().out.splitlines()[1].split()[1]
    assert arn.startswith(f"arn:aws:lambda:{region}:")
    assert arn.endswith(":layer:warm:1")
    client = aws.client("lambda")
    version = client.get_layer_version_by_arn(Arn=arn)
    assert {"python3.10", "python3.14"} < set(version["CompatibleRuntimes"])
    assert set(version["CompatibleArchitectures"]) == {"x86_64", "arm64"}
    _, content = fetch("GET", version["Content"]["Location"])
    assert content == (tmp_path / "layer.zip").read_bytes()
    assert "extensions/prefixwarm" in ZipFile(io.BytesIO(content)).namelist()
    client.close()
