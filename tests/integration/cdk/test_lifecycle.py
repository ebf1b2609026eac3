"""The real CDK CLI takes a warmer through its life against a local AWS API."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager

from prefixwarm.local.cdk_cli import CdkCli
from prefixwarm.local.errors import LocalCloudError
from prefixwarm.local.local_aws import LocalAws
from prefixwarm.local.toolchain import Tools
from prefixwarm.prefix import prefix_file
from prefixwarm_cdk import Credentials, PrefixWarmer
from tests.helpers.derived import derive
from tests.helpers.state_table import create_state_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:claude-AbCdEf"
CODE = "def handler(event, context): return 1"


class Cli(CdkCli):
    """The command that a deployment alone does not need."""

    def diff(self, assembly: Path) -> None:
        """Fail when the deployed stacks differ from the assembly."""
        self._run(assembly.parent, "diff", "--all", "--fail", "--app", str(assembly))


def write_prefixes(folder: Path, **texts: str) -> Path:
    """Prefix files by name in a folder."""
    for name, text in texts.items():
        marker = {"type": "ephemeral", "ttl": "1h"}
        request = {
            "model": "claude-sonnet-5-5",
            "max_tokens": 9,
            "system": [{"type": "text", "text": text * 300, "cache_control": marker}],
            "messages": [{"role": "user", "content": "Hello"}],
        }
        headers = {"anthropic-version": "2026-10-21"}
        built = prefix_file.build(name, derive(request), headers=headers)
        prefix_file.write(built, folder)
    return folder


def synthesise(outdir: Path, prefixes: Path) -> Path:
    """A warmer's stack, and an agent's stack with a function that is attached."""
    app = App(outdir=str(outdir), analytics_reporting=False)
    stack, agents = Stack(app, "Warmer"), Stack(app, "Agents")
    secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Key", SECRET)
    credentials = Credentials.secret(secret)
    warmer = PrefixWarmer(stack, "Warm", prefixes=[prefixes], credentials=credentials)
    code, runtime = lambda_.Code.from_inline(CODE), lambda_.Runtime.PYTHON_3_13
    function = lambda_.Function(
        agents, "Agent", code=code, handler="index.handler", runtime=runtime
    )
    warmer.attach(function)
    app.synth()
    return outdir


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """An empty account."""
    with LocalAws() as local:
        yield local


@pytest.fixture(scope="module")
def cli(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The CLI, with the account bootstrapped."""
    cli = Cli(Tools(), aws.environment())
    cli.bootstrap(tmp_path_factory.mktemp("bootstrap"))
    return cli


def deployed(aws: LocalAws) -> dict[str, Any]:
    """What the account says about the two functions: layers, code and environment."""
    functions = aws.client("lambda").list_functions()["Functions"]
    return {function["Handler"]: function for function in functions}


def manifest(aws: LocalAws) -> dict[str, Any]:
    """The manifest that the deployed keep-warm function would read."""
    handler = "prefixwarm.keepwarm.handler.handler"
    url = deployed(aws)[handler]["Environment"]["Variables"]["PREFIXWARM_MANIFEST"]
    match = re.fullmatch(r"s3://([^/]+)/(.+)", url)
    assert match is not None
    body = aws.client("s3").get_object(Bucket=match[1], Key=match[2])["Body"].read()
    return dict(json.loads(body))


def test_a_warmer_lives_and_leaves_nothing_behind(aws: LocalAws, cli: Cli, tmp_path: Path) -> None:
    """Deploy what the templates say, deploy again, change a prompt, remove a prefix, destroy."""
    both = write_prefixes(tmp_path / "both", support="You support. ", sales="You sell. ")
    first = synthesise(tmp_path / "1", both)
    cli.deploy(first)
    check_what_is_kept(aws, first)
    before = deployed(aws)
    assert [entry["name"] for entry in manifest(aws)["prefixes"]] == ["sales", "support"]

    again = synthesise(tmp_path / "2", both)
    cli.diff(again)
    cli.deploy(again)
    assert deployed(aws) == before

    write_prefixes(both, support="You support kindly. ")
    changed = synthesise(tmp_path / "3", both)
    with pytest.raises(LocalCloudError):
        cli.diff(changed)
    cli.deploy(changed)
    after = deployed(aws)
    assert after["index.handler"]["Layers"] != before["index.handler"]["Layers"]
    assert len(manifest(aws)["prefixes"]) == 2

    one = write_prefixes(tmp_path / "one", support="You support kindly. ")
    fewer = synthesise(tmp_path / "4", one)
    cli.deploy(fewer)
    assert [entry["name"] for entry in manifest(aws)["prefixes"]] == ["support"]

    assert len(left_over(aws)) > len(_LISTS)
    cli.destroy(fewer)
    assert left_over(aws) == []


def check_what_is_kept(aws: LocalAws, assembly: Path) -> None:
    """Every resource of the templates is deployed; one property is dropped, and listed here.

    It is asserted on the template. When this fails for it, the local API has learned it.
    """
    cloudformation = aws.client("cloudformation")
    for stack in ("Warmer", "Agents"):
        template = json.loads((assembly / f"{stack}.template.json").read_text())
        listed = cloudformation.list_stack_resources(StackName=stack)["StackResourceSummaries"]
        assert {entry["LogicalResourceId"] for entry in listed} == set(template["Resources"])
    (table,) = aws.client("dynamodb").list_tables()["TableNames"]
    (index,) = aws.client("dynamodb").describe_table(TableName=table)["Table"][
        "GlobalSecondaryIndexes"
    ]
    life = aws.client("dynamodb").describe_time_to_live(TableName=table)
    assert index["IndexName"] == "due"
    create_state_table(aws, "by-hand")
    assert keys(aws, "by-hand") == keys(aws, table)
    aws.client("dynamodb").delete_table(TableName="by-hand")
    assert life["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"


def keys(aws: LocalAws, table: str) -> dict[str, Any]:
    """What the state needs of its table."""
    description = aws.client("dynamodb").describe_table(TableName=table)["Table"]
    (index,) = description["GlobalSecondaryIndexes"]
    kinds = {a["AttributeName"]: a["AttributeType"] for a in description["AttributeDefinitions"]}
    wanted = ("IndexName", "KeySchema", "Projection")
    return {
        "keys": description["KeySchema"],
        "kinds": kinds,
        **{name: index[name] for name in wanted},
    }


# Service, operation, the list in its answer, and what names an entry there.
_LISTS = (
    ("dynamodb", "list_tables", "TableNames", None),
    ("lambda", "list_functions", "Functions", "FunctionName"),
    ("lambda", "list_layers", "Layers", "LayerName"),
    ("scheduler", "list_schedules", "Schedules", "Name"),
    ("events", "list_rules", "Rules", "Name"),
    ("sqs", "list_queues", "QueueUrls", None),
    ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
)


# Where a deployment takes over a minute, the schedule ticks: the local API logs that in a group
# that it makes itself, whatever group the function has.
_LOCAL_LOGS = "logs: /aws/lambda/"


def left_over(aws: LocalAws) -> list[str]:
    """What still costs money or runs, but for the CLI's own bucket and roles."""
    left = []
    for service, operation, name, key in _LISTS:
        entries = getattr(aws.client(service), operation)().get(name, [])
        left += [f"{service}: {entry[key] if key else entry}" for entry in entries]
    return [entry for entry in left if not entry.startswith(_LOCAL_LOGS)]
