"""An agent without Python, deployed by the CDK CLI beside the warmer that its starts ask."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefixwarm.local.lambda_endpoint import LambdaEndpoint
from prefixwarm.local.local_aws import LocalAws
from prefixwarm.local.simulated_provider import KEY
from prefixwarm.prefix import prefix_file
from prefixwarm.simulator import Principal, running
from tests.helpers.deploying import deploy, output
from tests.helpers.derived import derive

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefixwarm.local.deployment import Deployment
    from prefixwarm.local.toolchain import Tools
    from prefixwarm.simulator import Latency, Simulator

APP = Path(__file__).parents[1] / "e2e" / "asking_app"


@dataclass(frozen=True)
class AskingStack:
    """What is deployed, who answers the agent, and who runs the keep-warm function."""

    deployment: Deployment
    provider: Simulator
    endpoint: LambdaEndpoint

    @property
    def aws(self) -> LocalAws:
        """The account."""
        return self.deployment.aws

    @property
    def table(self) -> str:
        """The name of the warm state's table."""
        return output(self.deployment, "TableName")

    @property
    def keep_warm(self) -> str:
        """The name of the keep-warm function."""
        return output(self.deployment, "KeepWarmName")

    def clear(self) -> None:
        """Nothing is cached, and no state recorded."""
        self.provider.reset()
        client = self.aws.client("dynamodb")
        for item in client.scan(TableName=self.table)["Items"]:
            client.delete_item(TableName=self.table, Key={"pk": item["pk"]})


@contextmanager
def asking_stack(
    tools: Tools, work: Path, request: Mapping[str, Any], latency: Latency
) -> Iterator[AskingStack]:
    """Deploy an agent that sends this request, whose prefix is called ``support``."""
    tools.fetch_all()
    agent = shutil.copytree(APP / "agent", work / "agent")
    (agent / "request.json").write_text(json.dumps(request))
    headers = {"anthropic-version": "2023-06-01"}
    built = prefix_file.build("support", derive(request), headers=headers)
    prefix_file.write(built, work / "prefixes")
    (work / "cdk").mkdir()
    with ExitStack() as stack:
        provider = stack.enter_context(running("real", latency=latency, keys={KEY: Principal()}))
        aws = stack.enter_context(LocalAws())
        secret = aws.client("secretsmanager").create_secret(Name="key", SecretString=KEY)
        context = {
            "prefixes": str(work / "prefixes"),
            "agent": str(agent),
            "key": KEY,
            "secret": secret["ARN"],
            "base_url": provider.url,
            "runtime": f"python3.{sys.version_info.minor}",
        }
        command = [sys.executable, "app.py"]
        deployment = deploy(tools, aws, command, folder=APP, work=work / "cdk", context=context)
        name = output(deployment, "KeepWarmName")
        functions = {name: deployment.function(name)}
        endpoint = stack.enter_context(LambdaEndpoint(functions, tools=tools))
        yield AskingStack(deployment, provider, endpoint)
