"""Each zip says what is in it."""

from __future__ import annotations

import hashlib
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

import prefixwarm
from prefixwarm_layer.sbom import KEEPWARM_SBOM, LAYER_SBOM
from prefixwarm_layer.zips import build_keepwarm, build_layer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("build", "place", "libraries"),
    [
        (build_layer, LAYER_SBOM, {"certifi"}),
        (
            build_keepwarm,
            KEEPWARM_SBOM,
            {"aws-lambda-powertools", "jmespath", "typing_extensions"},
        ),
    ],
    ids=["layer", "keepwarm"],
)
def test_every_file_is_in_the_bill(
    tmp_path: Path, build: Callable[[Path], Path], place: str, libraries: set[str]
) -> None:
    """With its digest, or as part of a library of that version; and nothing else is."""
    with zipfile.ZipFile(build(tmp_path / "one.zip")) as content:
        files = {name: content.read(name) for name in content.namelist()}
    bill: dict[str, Any] = json.loads(files.pop(place))
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert bill["metadata"]["component"]["version"] == prefixwarm.__version__
    named = {part["name"]: part for part in bill["components"] if part["type"] == "file"}
    for name, part in named.items():
        assert part["hashes"][0]["content"] == hashlib.sha256(files.pop(name)).hexdigest()
    parts = [part for part in bill["components"] if part["type"] == "library"]
    assert {part["name"] for part in parts} == libraries
    assert all(part["purl"].endswith(f"@{part['version']}") for part in parts)
    assert bill["dependencies"][0]["dependsOn"] == [part["bom-ref"] for part in parts]
    folders = {"prefixwarm/ca", "aws_lambda_powertools", "jmespath", "typing_extensions.py"}
    for name in files:
        assert any(name.startswith(folder) for folder in folders), name
