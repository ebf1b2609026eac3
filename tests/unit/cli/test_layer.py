"""`layer publish`, against the AWS API in process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An AWS account that is not one."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield


@pytest.mark.usefixtures("account")
def test_publish(cli: Any, prefix_path: Path) -> None:
    """One version in each region, with an ARN that Lambda knows."""
    regions = ("eu-west-1", "us-east-1")
    options = [word for region in regions for word in ("--region", region)]
    ran = cli("layer", "publish", *options, "--prefixes", prefix_path.parent, "--json")
    found = ran.json["layers"]
    assert (ran.code, [each["region"] for each in found]) == (0, list(regions))
    for each in found:
        client = boto3.client("lambda", region_name=each["region"])
        (version,) = client.list_layer_versions(LayerName="prefixwarm")["LayerVersions"]
        assert version["LayerVersionArn"] == each["arn"]
        assert version["CompatibleArchitectures"] == ["x86_64", "arm64"]


@pytest.mark.usefixtures("account")
def test_publish_to_no_region(cli: Any) -> None:
    """AWS's own word for it, in one line."""
    ran = cli("layer", "publish", "--region", "no such region")
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith("prefixwarm: no such region: the layer cannot be published: ")
