"""The real CDK CLI deploys to the local AWS API, and what is read back runs."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from prefixwarm.local.emulator import Environment
from prefixwarm.local.errors import LocalCloudError
from prefixwarm.local.local_aws import LocalAws
from tests.helpers.deploying import deploy, output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.local.deployment import Deployment
    from prefixwarm.local.toolchain import Tools

APP = Path(__file__).parent / "trivial_app"
RUNTIME = f"python3.{sys.version_info.minor}"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """A local AWS API with nothing in it."""
    with LocalAws() as running:
        yield running


@pytest.fixture(scope="module")
def deployment(aws: LocalAws, tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The trivial app, deployed once."""
    work = tmp_path_factory.mktemp("deploy")
    command = [sys.executable, "app.py"]
    return deploy(tools, aws, command, folder=APP, work=work, context={"runtime": RUNTIME})


def test_deployed_function_is_read_back_as_the_template_says(deployment: Deployment) -> None:
    """Configuration, code and layer come from the API, with the modes of the zips."""
    function = deployment.function(output(deployment, "FunctionName"))
    assert (function.timeout, function.memory_mb) == (7, 128)
    assert function.env["STACK"] == "Trivial"
    assert (function.code / "handler.py").read_text() == (APP / "code/handler.py").read_text()
    (layer,) = function.layers
    assert (layer / "extensions/quiet").stat().st_mode & 0o777 == 0o755


def test_deployed_function_runs_with_its_layer(deployment: Deployment, tools: Tools) -> None:
    """What was read back runs under the runtime emulator, extension and all."""
    function = deployment.function(output(deployment, "FunctionName"))
    # A busy machine may need longer than the function's own seconds.
    with Environment(replace(function, timeout=60), tools=tools) as environment:
        answer = environment.invoke(5)
    assert answer.payload == {"event": 5, "stack": "Trivial", "name": function.name}
    assert "extension of the layer: /opt/extensions/quiet" in answer.log


def test_failing_app_is_one_line_with_its_reason(
    aws: LocalAws, tools: Tools, tmp_path: Path
) -> None:
    """The app's own error is what the caller reads."""
    app = [sys.executable, "-c", "raise SystemExit('Error: the app is broken')"]
    with pytest.raises(LocalCloudError, match=r"^cdk synth: .*the app is broken"):
        deploy(tools, aws, app, folder=tmp_path, work=tmp_path)


def test_reset_forgets_everything() -> None:
    """A reset leaves an empty account, and every server has an account of its own."""
    with LocalAws() as one, LocalAws() as other:
        assert one.url != other.url
        for server in (one, other):
            server.client("sqs").create_queue(QueueName="jobs")
        one.reset()
        assert not one.client("sqs").list_queues().get("QueueUrls")
        assert len(other.client("sqs").list_queues()["QueueUrls"]) == 1
