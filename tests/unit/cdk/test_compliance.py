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


def of_inference_profiles(write_prefix: Callable[..., Path]) -> dict[str, Path]:
    """Prefixes by route: their calls need the model in every region of the profile."""
    model = "eu.anthropic.claude-sonnet-5-5"
    request = {
        "modelId": model,
        "system": [{"text": "You are the support agent. " * 200}],
        "messages": [{"role": "user", "content": [{"text": "hello"}]}],
    }
    path = write_prefix(route="bedrock", model=model)
    derived = derive(request)
    converse = prefix_file.build("talk", derived, route="bedrock-converse")
    return {"Bedrock": path, "Converse": prefix_file.write(converse, path.parent)}


@pytest.fixture(scope="module")
def checked(
    prefix: Path,
    write_prefix: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
    add_checks: Any,
) -> Path:
    """Stacks that the checks find nothing in, as one app: loading the rules takes longest."""
    folder = tmp_path_factory.mktemp("checked")
    app = App(outdir=str(folder / "out"))
    warmed(app, prefix)
    for name, path in of_inference_profiles(write_prefix).items():
        warmed(app, path, name, Credentials.function_role())
    for i in range(45):
        write_prefix(f"p{i}", folder=folder / "prefixes")
    fleet = Stack(app, "Fleet")
    secret = secretsmanager.Secret.from_secret_name_v2(fleet, "Key", "claude")
    credentials = Credentials.secret(secret)
    PrefixWarmer(fleet, "Warm", prefixes=[folder / "prefixes"], credentials=credentials)
    add_checks(app)
    app.synth()
    return folder / "out"


def test_cdk_nag_finds_nothing(checked: Path) -> None:
    """AwsSolutions; the one wildcard is acknowledged, with its reason, by the construct."""
    plugins = json.loads((checked / "validation-report.json").read_text())["pluginReports"]
    assert plugins
    assert [v["ruleName"] for plugin in plugins for v in plugin["violations"]] == []


def test_a_large_fleet_is_granted_by_suffix(checked: Path) -> None:
    """More prefixes than a policy can list, with a reason that cdk-nag accepts."""
    policies = (checked / "Fleet.template.json").read_text()
    assert '/*.prefix-*"' in policies
    assert len(json.dumps(json.loads(policies))) < 60_000


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
