"""A deployed function as it runs here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.local.emulated_function import Function
from prefixwarm.local.local_function import with_local_services, without_prefixwarm

if TYPE_CHECKING:
    from pathlib import Path


class Aws:
    """Stands in for the local AWS API."""

    def environment(self) -> dict[str, str]:
        """Where it is."""
        return {"AWS_ENDPOINT_URL": "http://aws", "AWS_REGION": "eu-west-1"}


class Provider:
    """Stands in for the simulated provider."""

    url, mantle_url = "http://sim", "http://sim/anthropic"


def test_every_address_is_a_local_one(tmp_path: Path) -> None:
    """Also those that the function's own settings name."""
    variables = {
        "ANTHROPIC_BASE_URL": "https://gateway.example.org",
        "AWS_ENDPOINT_URL_S3": "https://s3.example.org",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "OTHER": "kept",
    }
    aws: Any = Aws()
    provider: Any = Provider()
    function = Function(tmp_path, env=variables, timeout=3)
    here = with_local_services(function, aws, provider, lambda_url="http://lambda")
    assert here.env["ANTHROPIC_BASE_URL"] == here.env["ANTHROPIC_BEDROCK_BASE_URL"] == "http://sim"
    assert here.env["ANTHROPIC_BEDROCK_MANTLE_BASE_URL"] == "http://sim/anthropic"
    assert here.env["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] == "http://sim"
    assert here.env["AWS_ENDPOINT_URL_LAMBDA"] == "http://lambda"
    assert (here.env["AWS_ENDPOINT_URL"], here.env["OTHER"]) == ("http://aws", "kept")
    assert not {"AWS_ENDPOINT_URL_S3", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"} & set(here.env)
    assert here.timeout == 60


def test_without_prefixwarm_only_its_modules_are_left(tmp_path: Path) -> None:
    """The code may import them; the layers of its own stay as they are."""
    own, ours, work = (tmp_path / name for name in ("own", "ours", "work"))
    for layer, file in ((own, "extensions/other"), (ours, "extensions/prefixwarm")):
        (layer / file).parent.mkdir(parents=True)
        (layer / file).touch()
    (ours / "python").mkdir()
    work.mkdir()
    wrapped = {
        "AWS_LAMBDA_EXEC_WRAPPER": "/opt/prefixwarm/wrapper",
        "PREFIXWARM_EXEC_WRAPPER": "/opt/otel",
    }
    bare = without_prefixwarm(Function(tmp_path, layers=(own, ours), env=wrapped), work)
    assert bare.layers[0] == own
    assert not (bare.layers[1] / "extensions/prefixwarm").exists()
    assert (bare.layers[1] / "python").is_dir()
    assert (ours / "extensions/prefixwarm").exists()
    assert bare.env == {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/otel", "PREFIXWARM_DISABLED": "1"}
    assert without_prefixwarm(Function(tmp_path, env={}), work).env == {"PREFIXWARM_DISABLED": "1"}
