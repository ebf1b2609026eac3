"""`layer publish` against the AWS API in process, and `layer package`."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import boto3
import pytest
from moto import mock_aws

from prefixwarm.prefix import prefix_file
from prefixwarm.prefix.manifest import parse
from tests.helpers.derived import derive

if TYPE_CHECKING:
    from pathlib import Path

VERSION = {"anthropic-version": "2026-10-21"}


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
    layers = ran.json["layers"]
    assert (ran.code, [layer["region"] for layer in layers]) == (0, list(regions))
    for layer in layers:
        client = boto3.client("lambda", region_name=layer["region"])
        (version,) = client.list_layer_versions(LayerName="prefixwarm")["LayerVersions"]
        assert version["LayerVersionArn"] == layer["arn"]
        assert version["CompatibleArchitectures"] == ["x86_64", "arm64"]


@pytest.mark.usefixtures("account")
def test_one_region_that_fails_does_not_hide_the_others(cli: Any) -> None:
    """AWS's own word for it in one line, the others' ARNs, and exit code 1."""
    ran = cli("layer", "publish", "--region", "no such region", "--region", "eu-west-1")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert ran.err.startswith("prefixwarm: no such region: the layer cannot be published: ")
    head, failed, published = ran.out.splitlines()
    assert head.split() == ["REGION", "ARN"]
    assert failed.split()[-1] == "failed"
    assert published.split()[-1].startswith("arn:aws:lambda:eu-west-1:")


def test_a_layer_without_bytecode_is_built_and_says_so(
    cli: Any, prefix_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine without Node.js: one line on standard error, and exit code 0."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ran = cli("layer", "build", "--out", tmp_path / "layer.zip")
    assert ran.code == 0
    assert ran.err.startswith("prefixwarm: warning: the layer has no bytecode for Python 3.11, ")
    assert ran.err.count("\n") == 1
    ran = cli("layer", "package", "--prefixes", prefix_path.parent, "--out", tmp_path / "out")
    assert (ran.code, ran.err.count("no bytecode")) == (0, 1)


def test_package_writes_what_the_keep_warm_function_reads(
    cli: Any, prefix_path: Path, tmp_path: Path
) -> None:
    """Manifest, prefix files, zips, and the values for the templates."""
    out = tmp_path / "build"
    options = ("--prefixes", prefix_path.parent, "--out", out, "--cache-scope", "team")
    ran = cli("layer", "package", *options, "--policy", "ski", "--budget", "2.5", "--json")
    document = ran.json
    assert json.loads((out / "deployment.json").read_text()) == document
    text = (out / "objects" / document["ManifestKey"].removeprefix("prefixwarm/")).read_bytes()
    manifest = parse(text, "manifest")
    (entry,) = manifest.entries
    content = out / "objects" / entry.object.removeprefix("prefixwarm/")
    assert content.read_bytes() == prefix_path.read_bytes()
    assert document["StateKeys"] == ["state/anthropic/-/team/support/*"]
    assert fnmatch(str(entry.key("team", {})), document["StateKeys"][0])
    assert (manifest.policy.rule, manifest.budget_usd_per_day) == ("ski", 2.5)
    assert "prefixwarm/keepwarm/handler.py" in ZipFile(out / "keepwarm.zip").namelist()
    assert "prefixwarm/prefixes/support.prefix.json" in ZipFile(out / "layer.zip").namelist()


def test_packaging_again_leaves_no_old_objects(cli: Any, prefix_path: Path, tmp_path: Path) -> None:
    """What is uploaded is what the manifest names; the printed line is for `sam deploy`."""
    out = tmp_path / "build"
    (out / "objects").mkdir(parents=True)
    (out / "objects" / "old.json").write_text("{}")
    ran = cli("layer", "package", "--prefixes", prefix_path.parent, "--out", out)
    names = [word.partition("=")[0] for word in ran.out.split()]
    assert names == ["ManifestKey", "StateKeys", "CacheScope"]
    assert len(list((out / "objects").iterdir())) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cache-scope", "a b"), "PREFIXWARM_CACHE_SCOPE='a b': write at most 64 letters"),
        (("--policy", "often"), "'often' is not one of 'auto', 'ski', 'hazard'"),
        (("--budget", "0"), "0.0 is not in the range x>0"),
    ],
)
def test_what_package_refuses(
    cli: Any, prefix_path: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    """One line; nothing is written."""
    out = tmp_path / "build"
    ran = cli("layer", "package", "--prefixes", prefix_path.parent, "--out", out, *options)
    assert (ran.code, ran.err.count("\n"), message in ran.err) == (2, 1, True)
    assert not out.exists()


def test_signed_routes_need_a_region(cli: Any, request_body: Any, tmp_path: Path) -> None:
    """Their caches, and so their states, are per region."""
    request = derive({**request_body, "model": "anthropic.claude-sonnet-5-5"})
    built = prefix_file.build("support", request, route="bedrock-mantle", headers=VERSION)
    prefix_file.write(built, tmp_path / "prefixes")
    options = ("--prefixes", tmp_path / "prefixes", "--out", tmp_path / "build")
    ran = cli("layer", "package", *options)
    assert (ran.code, "bedrock-mantle caches per region; give --region" in ran.err) == (
        2,
        True,
    )
    (key,) = cli("layer", "package", *options, "--region", "eu-west-1", "--json").json["StateKeys"]
    assert key == "state/bedrock-mantle/eu-west-1/default/support/*"
