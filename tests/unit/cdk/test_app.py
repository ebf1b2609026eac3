"""The deployable example: its two stacks and its functions' code."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Acknowledgment, App, Validations, assertions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

# Synthesis takes seconds in all; test_contract.py compares whole templates in a quick run.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3] / "cdk"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:claude-AbCdEf"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The app's module, without running it."""
    monkeypatch.syspath_prepend(str(ROOT))
    spec = importlib.util.spec_from_file_location("example_app", ROOT / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("agent_code", None)


@pytest.fixture
def app(prefix: Path, tmp_path: Path) -> App:
    """An app with the context of a deployment; nothing is bundled."""
    context = {
        "prefixes": str(prefix),
        "secret": SECRET,
        "python": "3.12",
        "base_url": "http://127.0.0.1:9",
        "aws:cdk:bundling-stacks": [],
    }
    return App(outdir=str(tmp_path), context=context)


def test_the_agents_stack_depends_on_the_warmers(example: Any, app: App) -> None:
    """And not the other way round."""
    warmer, agent = example.build(app)
    app.synth()
    assert list(warmer.dependencies) == []
    assert [stack.stack_name for stack in agent.dependencies] == ["PrefixwarmWarmer"]


def test_outputs_name_what_was_deployed(example: Any, app: App) -> None:
    """The demo and users look for these."""
    warmer, agent = example.build(app)
    names = [set(assertions.Template.from_stack(s).find_outputs("*")) for s in (warmer, agent)]
    assert {"KeepWarmFunctionName", "TableName"} <= names[0]
    assert {"AgentFunctionName", "LightFunctionName"} <= names[1]


def test_context_reaches_every_function(example: Any, app: App, read: Any) -> None:
    """Runtime and address of the provider."""
    stacks = example.build(app)
    functions = [
        function
        for stack in stacks
        for function in read.resources(assertions.Template.from_stack(stack), LAMBDA)
    ]
    variables = [function["Environment"]["Variables"] for function in functions]
    assert len(functions) == 3
    assert {function["Runtime"] for function in functions} == {"python3.12"}
    assert {environment["ANTHROPIC_BASE_URL"] for environment in variables} == {
        "http://127.0.0.1:9"
    }
    assert {environment["PREFIXWARM_API_KEY_SECRET"] for environment in variables} == {SECRET}


LAMBDA = "AWS::Lambda::Function"


def test_a_secret_is_created_when_none_is_named(example: Any, prefix: Path, tmp_path: Path) -> None:
    """In the warmer's stack, so that there is no cycle."""
    context = {"prefixes": str(prefix), "aws:cdk:bundling-stacks": []}
    app = App(outdir=str(tmp_path), context=context)
    warmer, _ = example.build(app)
    template = assertions.Template.from_stack(warmer)
    template.resource_count_is("AWS::SecretsManager::Secret", 1)
    app.synth()


def test_the_warmers_stack_satisfies_cdk_nag(
    example: Any, app: App, tmp_path: Path, add_checks: Any
) -> None:
    """Nothing is acknowledged but the newest runtime, which the context chose."""
    warmer, agent = example.build(app)
    add_checks(app)
    reason = "The runtime is the context's choice"
    for stack in (warmer, agent):
        acknowledgment = Acknowledgment(id="AwsSolutions::AwsSolutions-L1", reason=reason)
        Validations.of(stack).acknowledge(acknowledgment)
    policy = "arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    rule = f"AwsSolutions::AwsSolutions-IAM4[Policy::{policy}]"
    basic = Acknowledgment(id=rule, reason="CDK's default role")
    Validations.of(agent).acknowledge(basic)
    app.synth()
    report = json.loads((tmp_path / "validation-report.json").read_text())
    assert [v for plugin in report["pluginReports"] for v in plugin["violations"]] == []


def test_the_light_function_is_bundled_with_the_agents_prompt(
    example: Any, prefix: Path, tmp_path: Path
) -> None:
    """It sends the same bytes because it has the same files."""
    import agent_code

    target = tmp_path / "light"
    target.mkdir()
    assert agent_code._Light().try_bundle(str(target))
    examples = ROOT.parent / "examples"
    assert (target / "handler.py").read_bytes() == (examples / "light/handler.py").read_bytes()
    for name in ("support.py", "prompt/system.md", "prompt/tools.json"):
        assert (target / name).read_bytes() == (examples / "agent" / name).read_bytes()


@pytest.mark.parametrize(
    ("python", "machine", "native"),
    [
        (f"{sys.version_info[0]}.{sys.version_info[1]}", None, True),
        ("3.9", None, False),
        (f"{sys.version_info[0]}.{sys.version_info[1]}", "s390x", False),
    ],
)
def test_wheels_are_chosen_for_the_target(
    example: Any, python: str, machine: str | None, native: bool
) -> None:
    """Options for another machine are given only where it is another."""
    import agent_code

    here = agent_code.local_architecture().name
    options = agent_code._Requirements(python, machine or here)._target()
    assert (options == []) is native
    assert native or f"--python-version={python}" in options
