"""What linters of templates say, and that synthesis is the same every time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Acknowledgment, App, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager

from prefixwarm.prefix import prefix_file
from prefixwarm_cdk import Credentials, PrefixWarmer
from tests.helpers.derived import derive

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs import Construct

pytestmark = pytest.mark.slow

# CDK's own: it repeats a dependency that a reference makes already.
_CDKS_OWN = {"W3005"}
ORGANIZATION = "6d1f3a52-0000-4000-8000-000000000001"
BASIC_ROLE = (
    "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]"
)


def warmed(
    app: App, prefix: Path, name: str = "Warmer", credentials: Credentials | None = None
) -> Stack:
    """A stack with a warmer and a function."""
    stack = Stack(app, name)
    secret = secretsmanager.Secret.from_secret_name_v2(stack, "Key", "claude")
    credentials = credentials or Credentials.secret(secret)
    warmer = PrefixWarmer(stack, "Warm", prefixes=[prefix], credentials=credentials)
    code = lambda_.Code.from_inline("def handler(event, context): return 1")
    runtime = lambda_.Runtime.PYTHON_3_14
    function = lambda_.Function(stack, "Agent", code=code, handler="i.h", runtime=runtime)
    warmer.attach(function)
    # The agent's function is its owner's business.
    acknowledge(function, BASIC_ROLE, "The user's own function, for which CDK makes this role")
    return stack


def acknowledge(construct: Construct, rule: str, reason: str) -> None:
    """Accept a finding of cdk-nag."""
    acknowledgment = Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
    Validations.of(construct).acknowledge(acknowledgment)


def test_cdk_nag_finds_nothing(prefix: Path, tmp_path: Path, add_checks: Any) -> None:
    """AwsSolutions; the one wildcard is acknowledged, with its reason, by the construct."""
    app = App(outdir=str(tmp_path))
    warmed(app, prefix)
    add_checks(app)

    app.synth()
    report = json.loads((tmp_path / "validation-report.json").read_text())
    plugins = report["pluginReports"]
    assert plugins
    assert [v["ruleName"] for plugin in plugins for v in plugin["violations"]] == []


def test_cdk_nag_finds_nothing_in_a_large_fleet(
    write_prefix: Callable[..., Path], tmp_path: Path, add_checks: Any
) -> None:
    """More prefixes than a policy can list are granted by their suffix, with a reason."""
    for i in range(45):
        write_prefix(f"p{i}", folder=tmp_path / "prefixes")
    app = App(outdir=str(tmp_path / "out"))
    stack = Stack(app, "Warmer")
    secret = secretsmanager.Secret.from_secret_name_v2(stack, "Key", "claude")
    credentials = Credentials.secret(secret)
    PrefixWarmer(stack, "Warm", prefixes=[tmp_path / "prefixes"], credentials=credentials)
    add_checks(app)
    policies = json.dumps(app_template(app, stack))
    assert '/*.prefix-*"' in policies
    assert len(policies) < 60_000


def test_cdk_nag_finds_nothing_without_a_key(prefix: Path, tmp_path: Path, add_checks: Any) -> None:
    """Its wildcard is acknowledged where it stands; one of the agent's own is still found."""
    app = App(outdir=str(tmp_path))
    ids = {"federation_rule_id": "fdrl_1", "organization_id": ORGANIZATION}
    stack = warmed(app, prefix, credentials=Credentials.workload_identity(**ids))
    statement = {"actions": ["s3:ListAllMyBuckets"], "resources": ["*"]}
    agent = stack.node.find_child("Agent")
    assert isinstance(agent, lambda_.Function)
    agent.add_to_role_policy(iam.PolicyStatement(**statement))
    add_checks(app)
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    report = json.loads((tmp_path / "validation-report.json").read_text())
    violations = [v for plugin in report["pluginReports"] for v in plugin["violations"]]
    places = [c["constructPath"] for v in violations for c in v["violatingConstructs"]]
    assert places == ["Warmer/Agent/ServiceRole/DefaultPolicy/Resource"]


@pytest.mark.parametrize("route", ["bedrock", "bedrock-converse"])
def test_cdk_nag_finds_nothing_with_inference_profiles(
    write_prefix: Callable[..., Path], tmp_path: Path, route: str, add_checks: Any
) -> None:
    """Their calls need the model in every region that the profile spreads over."""
    app = App(outdir=str(tmp_path))
    model = "eu.anthropic.claude-sonnet-5-5"
    path = write_prefix(route="bedrock", model=model)
    if route == "bedrock-converse":
        request = {
            "modelId": model,
            "system": [{"text": "You are the support agent. " * 200}],
            "messages": [{"role": "user", "content": [{"text": "hello"}]}],
        }
        derived = derive(request)
        path = prefix_file.write(prefix_file.build("talk", derived, route=route), path.parent)
    warmed(app, path, credentials=Credentials.function_role())
    add_checks(app)
    app.synth()
    report = json.loads((tmp_path / "validation-report.json").read_text())
    plugins = report["pluginReports"]
    assert [v["ruleName"] for plugin in plugins for v in plugin["violations"]] == []


def test_cfn_lint_finds_nothing(prefix: Path, tmp_path: Path) -> None:
    """But for what every CDK template has."""
    # Dear to import.
    from cfnlint import api as cfnlint

    app = App(outdir=str(tmp_path), analytics_reporting=False)
    template = app_template(app, warmed(app, prefix))
    matches = cfnlint.lint(json.dumps(template), regions=["eu-west-1", "us-east-1"])
    assert [m for m in matches if m.rule.id not in _CDKS_OWN] == []


def app_template(app: App, stack: Stack) -> dict[str, Any]:
    """The synthesised template of a stack."""
    template: dict[str, Any] = app.synth().get_stack_by_name(stack.stack_name).template
    return template


def test_synthesis_is_deterministic(prefix: Path, tmp_path: Path) -> None:
    """The same template and assets from another folder, with other modes and times."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    copy = Path(shutil.copy(prefix, elsewhere))
    copy.chmod(0o600)
    first, second = App(outdir=str(tmp_path / "1")), App(outdir=str(tmp_path / "2"))
    templates = [
        app_template(app, warmed(app, path)) for app, path in ((first, prefix), (second, copy))
    ]
    assert templates[0] == templates[1]
    assert assets(tmp_path / "1") == assets(tmp_path / "2")


def assets(folder: Path) -> dict[str, bytes]:
    """Contents of the assets by name."""
    return {path.name: path.read_bytes() for path in folder.glob("asset.*")}


def test_a_changed_prefix_changes_only_what_holds_it(
    prefix: Path, tmp_path: Path, write_prefix: Any
) -> None:
    """Layer, manifest and prefix file are new, the keep-warm function's code is not."""
    before, after = App(outdir=str(tmp_path / "1")), App(outdir=str(tmp_path / "2"))
    warmed(before, prefix)
    warmed(after, write_prefix(text="You are another agent. " * 300))
    before.synth()
    after.synth()
    kept = set(assets(tmp_path / "1")) & set(assets(tmp_path / "2"))
    assert len(kept) == 1
    assert len(assets(tmp_path / "2")) == 4


@pytest.mark.parametrize("flags", [{}, {"@aws-cdk/core:enablePartitionLiterals": True}])
def test_synthesis_works_with_and_without_feature_flags(
    prefix: Path, tmp_path: Path, flags: dict[str, Any]
) -> None:
    """A library must not rely on an app's flags."""
    recommended = {**flags, "@aws-cdk/aws-iam:minimizePolicies": True}
    app = App(outdir=str(tmp_path), context=recommended if flags else {})
    template = app_template(app, warmed(app, prefix))
    assert template["Resources"]
