"""`scripts/verify-on-aws` from its first line to its last, against the local cloud."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.cli.command_group import run
from prefixwarm.local.cdk_cli import CdkCli
from prefixwarm.local.local_aws import LocalAws
from prefixwarm.local.toolchain import Tools
from prefixwarm.simulator import running
from prefixwarm.verify.cloud import example_deployment
from prefixwarm.verify.cloud.run_name import RunName
from prefixwarm.verify.verify_on_aws import verify_on_aws
from tests.helpers.lambda_api import LambdaApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.simulator import Simulator

pytestmark = pytest.mark.e2e

NAME = RunName("pwverify-0f3a99c1")
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
PROBE_ALONE = ("--only=runtimes", "--runtime=provided.al2023")


class OnePython(Tools):
    """Every version of Python is the one that runs."""

    def python(self, runtime: str) -> Path:
        """Where it is installed."""
        return Path(sys.base_prefix)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalAws, LambdaApi]]:
    """An account in which the CDK is set up."""
    tools, work = OnePython(), tmp_path_factory.mktemp("cloud")
    with LocalAws() as aws, LambdaApi(aws, tools, work) as functions:
        CdkCli(tools, aws.environment()).bootstrap(work)
        yield aws, functions


@pytest.fixture
def functions(
    cloud: tuple[LocalAws, LambdaApi], monkeypatch: pytest.MonkeyPatch
) -> Iterator[LambdaApi]:
    """Lambda in the account of the current profile; every run has the same name."""
    aws, functions = cloud
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", functions.url)
    monkeypatch.setattr(RunName, "new", lambda: NAME)
    yield functions
    functions.before = lambda _: None
    functions.refused = ()


@pytest.fixture
def aws(cloud: tuple[LocalAws, LambdaApi], functions: LambdaApi) -> LocalAws:
    """That account, with nothing of a run in it before and after."""
    return cloud[0]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """In the model provider's place."""
    with running("real") as simulator:
        yield simulator


@pytest.fixture
def synthesised_once(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one run has synthesised, the next one deploys again."""
    kept, synthesise = tmp_path_factory.getbasetemp() / "synthesised", example_deployment.synthesise

    def once(*arguments: Any) -> Path:
        if not kept.exists():
            shutil.copytree(synthesise(*arguments), kept)
        return kept

    monkeypatch.setattr(example_deployment, "synthesise", once)


@pytest.fixture
def interrupts() -> Iterator[Callable[[int], None]]:
    """Sends this process a signal; a shell may have told it to ignore them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda number: os.kill(os.getpid(), number)
    signal.signal(signal.SIGINT, before)


def verify(*arguments: str) -> int:
    options = ["--json", "--python", PYTHON]
    return run([*options, *arguments], verify_on_aws, "verify-on-aws")


def left_in(aws: LocalAws) -> list[str]:
    """What is called as the run is, anywhere."""
    stacks = aws.client("cloudformation").list_stacks()["StackSummaries"]
    names = [
        *(s["StackName"] for s in stacks if s["StackStatus"] != "DELETE_COMPLETE"),
        *(f["FunctionName"] for f in aws.client("lambda").list_functions()["Functions"]),
        *(layer["LayerName"] for layer in aws.client("lambda").list_layers()["Layers"]),
        *(role["RoleName"] for role in aws.client("iam").list_roles()["Roles"]),
        *(g["logGroupName"] for g in aws.client("logs").describe_log_groups()["logGroups"]),
        *aws.client("dynamodb").list_tables()["TableNames"],
        *(s["Name"] for s in aws.client("secretsmanager").list_secrets()["SecretList"]),
    ]
    return [name for name in names if NAME.text in name]


@pytest.mark.usefixtures("synthesised_once")
def test_a_whole_run(aws: LocalAws, simulator: Simulator, capsys: Any) -> None:
    """Every part shows what it is there for, and nothing is left."""
    secret = aws.client("secretsmanager").create_secret(Name="key", SecretString="sk-any")["ARN"]
    provider = (f"--base-url={simulator.url}", f"--key-secret={secret}")
    runtimes = ("--runtime=nodejs20.x", "--runtime=provided.al2023", "--runtime=java25")
    code = verify("--yes", "--starts=1", "--questions=1", *provider, *runtimes)
    out, err = capsys.readouterr()
    assert code == 0, err
    document = json.loads(out)
    results = document["results"]
    assert (document["problems"], document["left"], left_in(aws)) == ({}, [], [])
    assert results["starts"]["pairs"] == 1
    assert results["starts"]["init_ms"]["without"]["p50"] > 0
    assert set(results["starts"]["outcomes"]) == {"skipped: warm"}
    assert results["observations"]["sent"] == results["observations"]["arrived"] == 1
    assert [row["runtime"] for row in results["runtimes"]] == [
        "nodejs20.x",
        "provided.al2023",
        "java25",
    ]
    node, own, java = results["runtimes"]
    assert node["node"].endswith("/var/lang/bin/node")
    assert (own["curl"], own["node"], java["python3"]) == (None, None, None)
    assert own["bash"]
    # The emulator makes no snapshots, and ends environments by the event alone.
    assert results["snapstart"] == {"starts": 3, "restore_ms": [], "p50": None, "hook": []}
    assert results["shutdown"]["environments"] >= 2
    assert results["shutdown"]["events"]
    lines = err.splitlines()
    assert "account 123456789012, region us-east-1" in lines[0]
    assert any("model calls: at most $0." in line for line in lines)
    assert lines[-1] == f"nothing of {NAME.text} is left"


@pytest.mark.usefixtures("synthesised_once")
def test_a_run_that_is_ended_after_it_has_deployed(
    aws: LocalAws,
    functions: LambdaApi,
    simulator: Simulator,
    interrupts: Callable[[int], None],
    capsys: Any,
) -> None:
    """The stacks stand when the signal comes, and are gone when the run ends."""
    stood: list[str] = []

    def before(_: str) -> None:
        stood.extend(left_in(aws))
        interrupts(signal.SIGTERM)

    functions.before = before
    code = verify("--yes", "--only=starts", f"--base-url={simulator.url}")
    assert code == 130
    assert {f"{NAME.text}-Agent", f"{NAME.text}-Warmer"} <= set(stood)
    assert left_in(aws) == []
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_removes_the_probes(
    aws: LocalAws,
    functions: LambdaApi,
    interrupts: Callable[[int], None],
    number: int,
) -> None:
    stood: list[str] = []

    def before(_: str) -> None:
        stood.extend(left_in(aws))
        interrupts(number)

    functions.before = before
    assert verify("--yes", *PROBE_ALONE) == 130
    assert NAME.of("provided.al2023") in stood
    assert left_in(aws) == []


def test_what_cannot_be_removed_is_named_and_can_be_later(
    aws: LocalAws, functions: LambdaApi, capsys: Any
) -> None:
    functions.refused = ("DELETE",)
    assert verify("--yes", *PROBE_ALONE) == 1
    out, err = capsys.readouterr()
    function = NAME.of("provided.al2023")
    assert [text.partition(":")[0] for text in json.loads(out)["left"]] == [
        f"function {function}",
        f"layer {NAME.of('file-system')}",
    ]
    assert f"try again: scripts/verify-on-aws --remove {NAME.text}" in err
    functions.refused = ()
    assert verify("--remove", NAME.text) == 0
    assert left_in(aws) == []


def test_a_part_that_fails_is_named(aws: LocalAws, functions: LambdaApi, capsys: Any) -> None:
    functions.refused = ("POST",)
    assert verify("--yes", "--only=shutdown") == 1
    document = json.loads(capsys.readouterr().out)
    assert "AccessDeniedException" in document["problems"]["shutdown"]
    assert left_in(aws) == []


def test_nothing_is_made_before_it_is_wanted(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "n")
    assert verify(*PROBE_ALONE) == 130
    assert "at most $0.0001 in all; no model is called" in capsys.readouterr().err
    assert left_in(aws) == []


def test_an_account_without_the_cdk_is_one_line(aws: LocalAws, capsys: Any) -> None:
    parameters = aws.client("ssm")
    version = parameters.get_parameter(Name=BOOTSTRAP)["Parameter"]["Value"]
    parameters.delete_parameter(Name=BOOTSTRAP)
    try:
        assert verify("--yes", "--only=starts") == 1
    finally:
        parameters.put_parameter(Name=BOOTSTRAP, Value=version, Type="String")
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("verify-on-aws: the CDK has not been set up in account 123456789012")


@pytest.mark.parametrize(
    ("unset", "message"),
    [("AWS_ACCESS_KEY_ID", "credentials"), ("AWS_REGION", "no region is named: set AWS_REGION")],
)
def test_no_credentials_or_region_is_one_line(
    aws: LocalAws,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: Any,
    unset: str,
    message: str,
) -> None:
    for name in {unset, "AWS_DEFAULT_REGION" if unset == "AWS_REGION" else unset}:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    assert verify("--yes") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]
